/**
 * COMMAND: which commands there are, from the catalogue; their documentation, which it has not, from a node.
 *
 * @module
 */

import { plainLane } from '../../cluster/lanes.ts'
import { commandInfo } from '../../command/info.ts'
import { findKeys, takesKeys } from '../../command/keys.ts'
import { arityFits, type CommandSpec } from '../../command/spec.ts'
import { ErrorReply, RawReply, type ReplyValue } from '../../resp/encode.ts'
import { frameRequest } from '../../resp/request-reader.ts'
import { word } from './argument.ts'
import { commandDocs } from './command-docs.ts'
import { container } from './container.ts'
import { matchesGlob } from './glob.ts'
import type { LocalCall, LocalCommands, LocalServices } from './local.ts'
import { SYNTAX } from './refusal.ts'

const NO_SUCH_COMMAND = new ErrorReply('ERR Invalid command specified')
const WITHOUT_KEYS = new ErrorReply('ERR The command has no key arguments')
const BAD_COUNT = new ErrorReply('ERR Invalid number of arguments specified for command')
const BAD_ARGUMENTS = new ErrorReply('ERR Invalid arguments specified for command')

function everyInfo({ services }: LocalCall): ReplyValue {
  return Array.from(services.catalogue.all(), commandInfo)
}

/** `COMMAND INFO [name ...]`; subcommands are named `container|subcommand`. */
function info(call: LocalCall): ReplyValue {
  if (call.args.length === 2) return everyInfo(call)
  return call.args.slice(2).map((arg) => {
    const spec = call.services.catalogue.get(arg.toString('latin1'))
    return spec === undefined ? null : commandInfo(spec)
  })
}

/** `COMMAND LIST [FILTERBY MODULE name|ACLCAT category|PATTERN pattern]`: subcommands included. */
function list(call: LocalCall): ReplyValue | Promise<ReplyValue> {
  const { args, services } = call
  if (args.length === 2) return names(services, () => true)
  if (args.length !== 5 || word(args[2]!) !== 'filterby') return SYNTAX
  const value = args[4]!
  switch (word(args[3]!)) {
    case 'module':
      return ask(call)
    case 'aclcat': {
      const category = `@${word(value)}`
      return names(services, (spec) => spec.categories.has(category))
    }
    case 'pattern':
      return names(services, (spec) => matchesGlob(value, spec.name))
    default:
      return SYNTAX
  }
}

function names({ catalogue }: LocalServices, test: (spec: CommandSpec) => boolean): string[] {
  const found: string[] = []
  for (const spec of catalogue.all()) {
    for (const each of [spec, ...(spec.subcommands?.values() ?? [])]) {
      if (test(each)) found.push(each.name)
    }
  }
  return found
}

/** `COMMAND GETKEYS command [argument ...]`. */
function getKeys(call: LocalCall): ReplyValue | Promise<ReplyValue> {
  const request = call.args.slice(2)
  // Before 7.2 it took no command without arguments.
  if (request.length < 2) return ask(call)
  const spec = requested(call.services, request)
  if (spec === undefined) return NO_SUCH_COMMAND
  if (!takesKeys(spec)) return WITHOUT_KEYS
  if (!arityFits(spec, request.length)) return BAD_COUNT
  const positions: number[] = []
  const count = findKeys(spec, frameRequest(request), positions)
  if (count < 0) return ask(call)
  if (count === 0) return spec.flags.has('no_mandatory_keys') ? [] : BAD_ARGUMENTS
  return positions.slice(0, count).map((at) => request[at]!)
}

/** The command, or the subcommand, that a request calls; here a bar in a name has no meaning. */
function requested(
  { catalogue }: LocalServices,
  request: readonly Buffer[]
): CommandSpec | undefined {
  const [name, subcommand] = request.slice(0, 2).map((arg) => arg.toString('latin1').toLowerCase())
  const spec = name!.includes('|') ? undefined : catalogue.get(name!)
  if (spec?.subcommands === undefined || subcommand === undefined) return spec
  return spec.subcommands.get(subcommand)
}

/** Asks a node: what a key is used for depends on options that only the server's own functions know. */
async function ask({ args, services, client }: LocalCall): Promise<ReplyValue> {
  return new RawReply(await services.callAny(args, plainLane(client.lane)))
}

/** Handler of COMMAND. */
export const commandCommands: LocalCommands = {
  command: container(
    'command',
    {
      help: { arity: 2, run: ask },
      count: { arity: 2, run: ({ services }) => services.catalogue.size },
      info: { arity: -2, run: info },
      docs: { arity: -2, run: commandDocs },
      list: { arity: -2, run: list },
      getkeys: { arity: -3, run: getKeys },
      getkeysandflags: { arity: -3, run: ask },
    },
    everyInfo
  ),
}
