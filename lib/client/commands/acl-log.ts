import { Double, ErrorReply, OK, type ReplyValue } from '../../resp/encode.ts'
import type { Denial } from '../access/denials.ts'
import { integer, word } from './argument.ts'
import { type Everywhere, everywhere } from './everywhere.ts'
import type { LocalHandler } from './local.ts'
import { errorOf, NOT_INTEGER } from './refusal.ts'

/** Entries that are told where no number is given. */
const USUAL = 10

/** How many entries are asked for; -1 for RESET. */
function countOf(args: readonly Buffer[]): number | ErrorReply {
  if (args.length > 3) {
    const text = 'ERR unknown subcommand or wrong number of arguments for '
    return errorOf(`${text}'`, args[1]!, "'. Try ACL HELP.")
  }
  if (args[2] === undefined) return USUAL
  if (word(args[2]) === 'reset') return -1
  const count = integer(args[2])
  if (count === undefined) return NOT_INTEGER
  return count < 0n ? 0 : Number(count)
}

function shown({ count, reason, context, object, user, at, client }: Denial): ReplyValue {
  // It has travelled between processes, where a buffer becomes plain bytes.
  const name = Buffer.from(object.buffer, object.byteOffset, object.length)
  return new Map<string, ReplyValue>([
    ['count', count],
    ['reason', reason],
    ['context', context],
    ['object', name],
    ['username', user],
    ['age-seconds', new Double(Math.max(0, Date.now() - at) / 1000)],
    ['client-info', client],
  ])
}

/** `ACL LOG [count|RESET]`: what the proxy's users were not let do, as Redis tells it; of all threads, the latest first. */
export const denialsShown: Everywhere<readonly Denial[]> = {
  kind: 'acl-log',
  share: (args, { denials }) => {
    const count = countOf(args)
    if (count instanceof ErrorReply) return count
    if (count < 0) denials.clear()
    return count < 0 ? [] : denials.latest(count)
  },
  reply: (shares, { args }) => {
    const count = countOf(args) as number
    if (count < 0) return OK
    const all = shares.flatMap(({ value }) => value).sort((one, other) => other.at - one.at)
    return all.slice(0, count).map(shown)
  },
}

/** Handler of ACL LOG. */
export const aclLog: LocalHandler = everywhere(denialsShown)
