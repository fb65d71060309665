import { LANES } from '../../cluster/lanes.ts'
import { isSince } from '../../command/version.ts'
import { ErrorReply, type ProtocolVersion, type ReplyValue } from '../../resp/encode.ts'
import { integer, isPrintable, word } from './argument.ts'
import { authenticate, type Outcome } from './credential.ts'
import type { LocalCall } from './local.ts'
import {
  BAD_NAME,
  errorOf,
  HELLO_NOT_AUTHENTICATED,
  HELLO_NOT_AUTHENTICATED_7_0,
  NO_PROTOCOL,
} from './refusal.ts'

const NOT_VERSION = new ErrorReply('ERR Protocol version is not an integer or out of range')

/**
 * `HELLO [version [AUTH user password] [SETNAME name]]`. As in servers before 7.2 options take effect one by one: a name that is refused does not undo
 * the AUTH before it. Since then all are read before any does. The version changes only when all went well.
 */
export function hello(call: LocalCall): ReplyValue | Promise<ReplyValue> {
  const { args, session } = call
  const version = args.length < 2 ? session.protocol : wantedVersion(call)
  if (version instanceof ErrorReply) return version
  const outcome = applyOptions(call)
  return outcome instanceof Promise
    ? outcome.then((refused) => finish(call, version, refused))
    : finish(call, version, outcome)
}

function finish(call: LocalCall, version: ProtocolVersion, refused: Outcome): ReplyValue {
  const { session } = call
  if (refused !== undefined) return refused
  if (!session.authenticated) {
    const newer = isSince(call.services.serverVersion, 7, 2)
    return newer ? HELLO_NOT_AUTHENTICATED : HELLO_NOT_AUTHENTICATED_7_0
  }
  session.protocol = version
  if (version === 3) call.services.privates.expect(LANES.resp3)
  return greeting(call)
}

function wantedVersion({ args, services }: LocalCall): ProtocolVersion | ErrorReply {
  const version = integer(args[1]!)
  if (version === undefined) return NOT_VERSION
  if (version === 2n) return 2
  return version === 3n && services.resp3 ? 3 : NO_PROTOCOL
}

/** An option, with the index of its name. */
interface Option {
  readonly name: 'auth' | 'setname'
  readonly at: number
}

function applyOptions(call: LocalCall): Outcome | Promise<Outcome> {
  const { options, refused } = readOptions(call.args)
  if (!isSince(call.services.serverVersion, 7, 2)) return apply(call, options, refused)
  if (refused !== undefined) return refused
  // Of several only the last one counts.
  const last = (name: string): Option[] => options.filter((one) => one.name === name).slice(-1)
  const outcome = apply(call, last('auth'))
  const named = (failed: Outcome): Outcome => {
    if (failed === undefined && call.session.authenticated) setName(call, last('setname')[0])
    return failed
  }
  return outcome instanceof Promise ? outcome.then(named) : named(outcome)
}

/** The options up to the first that is wrong, and what is wrong with that. */
function readOptions(args: readonly Buffer[]): { options: Option[]; refused: Outcome } {
  const options: Option[] = []
  let at = 2
  while (at < args.length) {
    const name = word(args[at]!)
    const more = args.length - 1 - at
    if (name === 'auth' && more >= 2) {
      options.push({ name, at })
      at += 3
    } else if (name === 'setname' && more >= 1) {
      if (!isPrintable(args[at + 1]!)) return { options, refused: BAD_NAME }
      options.push({ name, at })
      at += 2
    } else {
      return { options, refused: errorOf("ERR Syntax error in HELLO option '", args[at]!, "'") }
    }
  }
  return { options, refused: undefined }
}

/** Options one by one; `refused` is what comes behind them. */
function apply(
  call: LocalCall,
  options: readonly Option[],
  refused?: ErrorReply
): Outcome | Promise<Outcome> {
  for (const [i, option] of options.entries()) {
    if (option.name === 'setname') {
      setName(call, option)
      continue
    }
    const { at } = option
    const outcome = authenticate(call, call.args[at + 1]!, call.args[at + 2]!)
    if (outcome instanceof Promise) {
      return outcome.then((failed) => failed ?? apply(call, options.slice(i + 1), refused))
    }
    if (outcome !== undefined) return outcome
  }
  return refused
}

function setName({ args, session }: LocalCall, option: Option | undefined): void {
  if (option !== undefined) session.name = args[option.at + 1]!.toString('latin1')
}

function greeting({ session, services }: LocalCall): ReplyValue {
  return new Map<ReplyValue, ReplyValue>([
    ['server', services.software.name],
    ['version', services.software.version],
    ['proto', session.protocol],
    ['id', session.id],
    // As INFO says: a client that finds 'cluster' here would expect to be redirected.
    ['mode', 'standalone'],
    ['role', 'master'],
    ['modules', []],
  ])
}
