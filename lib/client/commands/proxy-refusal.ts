import { ErrorReply, type ReplyValue, SimpleString } from '../../resp/encode.ts'
import { cString } from './argument.ts'
import type { LocalCall, LocalHandler } from './local.ts'
import { errorOf } from './refusal.ts'

/** Longest quotation of a subcommand, bytes. */
const QUOTED = 128

/** A subcommand that PROXY does not have, or not with so many arguments. */
export function badSubcommand({ args }: LocalCall): ErrorReply {
  const name = cString(args[1] ?? Buffer.alloc(0), QUOTED)
  return errorOf(
    "ERR Unknown subcommand or wrong number of arguments for 'PROXY ",
    name,
    "'. Try PROXY HELP"
  )
}

/** What only a program around the proxy can do. */
export function notHere(what: string): ErrorReply {
  return new ErrorReply(
    `ERR ${what} is up to the application that the proxy is part of, which does not provide it`
  )
}

/** Lines of help, each a status. */
export function helpLines(lines: readonly string[]): ReplyValue {
  return lines.map((line) => new SimpleString(line))
}

/** A handler, and how many arguments it takes with both names; `most` is unlimited when it is missing. */
export interface ProxySubcommand {
  readonly least: number
  readonly most?: number
  readonly run: LocalHandler
}

/** Finds the handler of the word at `index` and has it answer; anything that does not fit is refused as the official proxy does. */
export function choose(
  index: number,
  subcommands: ReadonlyMap<string, ProxySubcommand>,
  alone?: LocalHandler
): LocalHandler {
  return (call) => {
    const given = call.args[index]
    if (given === undefined) return alone === undefined ? badSubcommand(call) : alone(call)
    const found = subcommands.get(given.toString('latin1').toLowerCase())
    if (found === undefined) return badSubcommand(call)
    const { least, most = Number.POSITIVE_INFINITY, run } = found
    const count = call.args.length
    return count >= least && count <= most ? run(call) : badSubcommand(call)
  }
}
