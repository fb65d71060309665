import { type ReplyValue, SimpleString } from '../../resp/encode.ts'
import type { LocalHandler } from './local.ts'
import { unknownSubcommand, wrongArity } from './refusal.ts'

/** One subcommand of a container such as `CLIENT`. */
export interface Subcommand {
  /** Number of arguments, both names included; a negative one means "at least that many". */
  readonly arity: number
  readonly run: LocalHandler
}

/** Whether `count` arguments satisfy an arity as the server gives it. */
export function fitsArity(arity: number, count: number): boolean {
  return arity < 0 ? count >= -arity : count === arity
}

/** A command without subcommands that refuses wrong numbers of arguments. */
export function command(name: string, arity: number, run: LocalHandler): LocalHandler {
  return (call) => (fitsArity(arity, call.args.length) ? run(call) : wrongArity(name))
}

/** A command with subcommands; `alone` answers its name without one, which is else an error. */
export function container(
  name: string,
  subcommands: Readonly<Record<string, Subcommand>>,
  alone: LocalHandler = () => wrongArity(name)
): LocalHandler {
  const table = new Map(Object.entries(subcommands))
  return (call) => {
    const given = call.args[1]
    if (given === undefined) return alone(call)
    const key = given.toString('latin1').toLowerCase()
    const subcommand = table.get(key)
    if (subcommand === undefined) return unknownSubcommand(name, given)
    if (!fitsArity(subcommand.arity, call.args.length)) return wrongArity(`${name}|${key}`)
    return subcommand.run(call)
  }
}

/** The HELP subcommand of a container; lines that explain are indented by four blanks. */
export function help(name: string, lines: readonly string[]): Subcommand {
  const header = `${name.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`
  const text = [header, ...lines, 'HELP', '    Prints this help.']
  const reply: ReplyValue = text.map((line) => new SimpleString(line))
  return { arity: 2, run: () => reply }
}
