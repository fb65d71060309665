import { NULL_ARRAY, type ReplyValue, SimpleString } from '../../resp/encode.ts'
import { matchesGlob } from '../glob.ts'
import { refuse, TEXTS } from '../refusal.ts'
import { bulks, type Call, type CommandRow, family, KEYS, keysOf, row } from './call.ts'

function statuses(words: readonly string[]): ReplyValue {
  return new Set(words.map((word) => new SimpleString(word)))
}

/** The ACL categories that follow from flags and family. */
function categoriesOf(one: CommandRow): string[] {
  const has = (flag: string): boolean => one.flags.includes(flag)
  const found = [one.group]
  if (has('write')) found.push('write')
  if (has('readonly')) found.push('read')
  if (has('admin')) found.push('admin', 'dangerous')
  found.push(has('fast') ? 'fast' : 'slow')
  if (has('blocking')) found.push('blocking')
  return found.map((name) => `@${name}`)
}

/** The one key specification that first, last and step amount to. */
function keySpecsOf(one: CommandRow): ReplyValue[] {
  const [first, last, step] = one.keys
  if (first === 0) return []
  const lastKey = last < 0 ? last : last - first
  const search = new Map<ReplyValue, ReplyValue>([
    ['type', 'index'],
    ['spec', new Map([['index', first]])],
  ])
  const found = new Map<ReplyValue, ReplyValue>([
    ['type', 'range'],
    [
      'spec',
      new Map([
        ['lastkey', lastKey],
        ['keystep', step],
        ['limit', 0],
      ]),
    ],
  ])
  const flags = statuses(one.flags.includes('write') ? ['RW', 'update'] : ['RO', 'access'])
  return [
    new Map<ReplyValue, ReplyValue>([
      ['flags', flags],
      ['begin_search', search],
      ['find_keys', found],
    ]),
  ]
}

function describe(one: CommandRow, modern: boolean): ReplyValue {
  const [first, last, step] = one.keys
  const plain: ReplyValue[] = [
    one.name,
    one.arity,
    statuses(one.flags),
    first,
    last,
    step,
    statuses(categoriesOf(one)),
  ]
  if (!modern) return plain
  const subcommands = new Set(one.subcommands.map((sub) => describe(sub, modern)))
  return [...plain, new Set(one.tips), new Set(keySpecsOf(one)), subcommands]
}

function find(rows: ReadonlyMap<string, CommandRow>, name: string): CommandRow | undefined {
  const [container, sub] = name.toLowerCase().split('|')
  const found = rows.get(container!)
  return sub === undefined
    ? found
    : found?.subcommands.find((one) => one.name === name.toLowerCase())
}

/** COMMAND, and COMMAND INFO with names. */
function commandInfo({ rows, node }: Call, names: readonly string[]): ReplyValue {
  const modern = node.cluster.isAtLeast('7.0.0')
  const wanted = names.length === 0 ? [...rows.keys()] : names
  return wanted.map((name) => {
    const found = find(rows, name)
    return found === undefined ? NULL_ARRAY : describe(found, modern)
  })
}

function commandDocs({ rows, args }: Call): ReplyValue {
  const wanted = args.length > 2 ? args.slice(2) : [...rows.keys()]
  const found = wanted.flatMap((name) => find(rows, name) ?? [])
  const docs = (one: CommandRow): ReplyValue =>
    new Map<ReplyValue, ReplyValue>([
      ['summary', one.name.toUpperCase()],
      ['since', one.since],
      ['group', one.group],
    ])
  return new Map(found.map((one) => [one.name, docs(one)]))
}

function commandGetkeys({ rows, args }: Call): ReplyValue {
  const command = args.slice(2)
  const container = find(rows, command[0]!)
  const nested = command.length > 1 && (container?.subcommands.length ?? 0) > 0
  const found = nested ? find(rows, `${command[0]}|${command[1]}`) : container
  if (found === undefined) return refuse('ERR Invalid command specified')
  if (found.keys[0] === 0) refuse('ERR The command has no key arguments')
  const fits = found.arity > 0 ? command.length === found.arity : command.length >= -found.arity
  if (!fits) refuse('ERR Invalid number of arguments specified for command')
  return bulks(keysOf(found, command))
}

function commandList({ rows, args }: Call): ReplyValue {
  const [, , filter, kind, pattern] = args.map((word) => word.toLowerCase())
  if (filter === undefined) return bulks(rows.keys())
  if (args.length !== 5 || filter !== 'filterby' || kind !== 'pattern') refuse(TEXTS.syntax)
  return bulks([...rows.keys()].filter((name) => matchesGlob(pattern!, name)))
}

const FREE = 'loading stale'
const commandRows: readonly CommandRow[] = family('connection', [
  row('command|count', 2, FREE, KEYS.none, ({ rows }) => rows.size),
  row('command|info', -2, FREE, KEYS.none, (call) => commandInfo(call, call.args.slice(2))),
  row('command|list', -2, FREE, KEYS.none, commandList, { since: '7.0.0' }),
  row('command|docs', -2, FREE, KEYS.none, commandDocs, { since: '7.0.0' }),
  row('command|getkeys', -4, FREE, KEYS.none, commandGetkeys),
])

/** COMMAND: what the other rows say about themselves. */
export const introspection: readonly CommandRow[] = family('connection', [
  row('command', -1, FREE, KEYS.none, (call) => commandInfo(call, []), {
    subcommands: commandRows,
    tips: ['nondeterministic_output_order'],
  }),
])
