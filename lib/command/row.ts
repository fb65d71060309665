import type { BeginSearch, FindKeys, KeySpec } from './spec.ts'

/** One command as a server describes it in its reply to COMMAND. */
export interface CommandRow {
  readonly name: string
  readonly arity: number
  readonly flags: readonly string[]
  readonly firstKey: number
  readonly lastKey: number
  readonly step: number
  readonly categories: readonly string[]
  readonly tips: readonly string[]
  readonly keySpecs: readonly KeySpec[]
  readonly subcommands: readonly CommandRow[]
}

/** Fields of a row since Redis 7.0; 6.0 and 6.2 have seven, 5 and older six. */
const FIELDS = 10

/**
 * Reads a row of a reply to COMMAND: arrays, numbers, and strings or buffers, as RESP2 has them. What a row lacks, or has
 * in another form, is taken from `known`, the row of the built-in table. Undefined when no command can be made of it.
 */
export function rowFromReply(reply: unknown, known?: CommandRow): CommandRow | undefined {
  if (!Array.isArray(reply)) return undefined
  const name = textOf(reply[0])?.toLowerCase()
  const arity = integerOf(reply[1]) ?? known?.arity
  if (name === undefined || name === '' || arity === undefined) return undefined
  // Before 7.0 subcommands were not told, and a container had flags and keys of its own.
  if (reply.length < FIELDS && known !== undefined && known.subcommands.length > 0) {
    return { ...known, arity }
  }
  const row = {
    name,
    arity,
    flags: textsOf(reply[2]) ?? known?.flags ?? [],
    firstKey: integerOf(reply[3]) ?? known?.firstKey ?? 0,
    lastKey: integerOf(reply[4]) ?? known?.lastKey ?? 0,
    step: integerOf(reply[5]) ?? known?.step ?? 0,
    categories: categoriesOf(reply[6], known),
    tips: textsOf(reply[7]) ?? known?.tips ?? [],
  }
  const keySpecs = keySpecsOf(reply[8]) ?? (sameKeys(row, known) ? known!.keySpecs : [])
  return { ...row, keySpecs, subcommands: subcommandsOf(reply[9], known) }
}

/** Users' rights depend on categories, and not every server tells all of them: what is known to be dangerous stays so. */
function categoriesOf(reply: unknown, known?: CommandRow): readonly string[] {
  return [...new Set([...(textsOf(reply) ?? []), ...(known?.categories ?? [])])]
}

/** Whether the key specifications of the built-in table hold for a row that has none. */
function sameKeys(row: Omit<CommandRow, 'keySpecs' | 'subcommands'>, known?: CommandRow): boolean {
  if (known === undefined) return false
  if (row.flags.includes('movablekeys') && known.flags.includes('movablekeys')) return true
  return row.firstKey === known.firstKey && row.lastKey === known.lastKey && row.step === known.step
}

/** The subcommands of a reply over those of the built-in table. */
function subcommandsOf(reply: unknown, known?: CommandRow): readonly CommandRow[] {
  const rows = new Map(known?.subcommands.map((row) => [row.name, row]))
  for (const item of Array.isArray(reply) ? reply : []) {
    const name = Array.isArray(item) ? textOf(item[0])?.toLowerCase() : undefined
    const row = rowFromReply(item, name === undefined ? undefined : rows.get(name))
    if (row !== undefined) rows.set(row.name, row)
  }
  return [...rows.values()]
}

function keySpecsOf(reply: unknown): KeySpec[] | undefined {
  return Array.isArray(reply) ? reply.map(keySpecOf) : undefined
}

function keySpecOf(reply: unknown): KeySpec {
  const fields = pairsOf(reply)
  return {
    flags: textsOf(fields.get('flags')) ?? [],
    notes: textOf(fields.get('notes')),
    beginSearch: beginSearchOf(fields.get('begin_search')),
    findKeys: findKeysOf(fields.get('find_keys')),
  }
}

/** What a search does not say right is unknown, never guessed. */
function beginSearchOf(reply: unknown): BeginSearch {
  const fields = pairsOf(reply)
  const spec = pairsOf(fields.get('spec'))
  const index = integerOf(spec.get('index'))
  const keyword = textOf(spec.get('keyword'))
  const startFrom = integerOf(spec.get('startfrom'))
  const type = textOf(fields.get('type'))
  if (type === 'index' && index !== undefined && index > 0) return { type, index }
  if (type === 'keyword' && keyword !== undefined && startFrom !== undefined && startFrom !== 0) {
    return { type, keyword, startFrom }
  }
  return { type: 'unknown' }
}

function findKeysOf(reply: unknown): FindKeys {
  const fields = pairsOf(reply)
  const spec = pairsOf(fields.get('spec'))
  const keyStep = integerOf(spec.get('keystep'))
  const type = textOf(fields.get('type'))
  if (keyStep === undefined || keyStep < 1) return { type: 'unknown' }
  const lastKey = integerOf(spec.get('lastkey'))
  const limit = integerOf(spec.get('limit'))
  if (type === 'range' && lastKey !== undefined && limit !== undefined && limit >= 0) {
    return { type, lastKey, keyStep, limit }
  }
  const keyNumIndex = integerOf(spec.get('keynumidx'))
  const firstKey = integerOf(spec.get('firstkey'))
  if (type !== 'keynum' || keyNumIndex === undefined || keyNumIndex < 0) return { type: 'unknown' }
  if (firstKey === undefined || firstKey < 0) return { type: 'unknown' }
  return { type, keyNumIndex, firstKey, keyStep }
}

/** A map of RESP2: an array of names and values in turn. */
function pairsOf(reply: unknown): ReadonlyMap<string, unknown> {
  const pairs = new Map<string, unknown>()
  if (!Array.isArray(reply)) return pairs
  for (let i = 0; i + 1 < reply.length; i += 2) {
    const name = textOf(reply[i])
    if (name !== undefined) pairs.set(name, reply[i + 1])
  }
  return pairs
}

function textOf(reply: unknown): string | undefined {
  if (typeof reply === 'string') return reply
  return reply instanceof Uint8Array ? Buffer.from(reply).toString() : undefined
}

function integerOf(reply: unknown): number | undefined {
  return typeof reply === 'number' && Number.isSafeInteger(reply) ? reply : undefined
}

function textsOf(reply: unknown): string[] | undefined {
  if (!Array.isArray(reply)) return undefined
  return reply.map(textOf).filter((text) => text !== undefined)
}
