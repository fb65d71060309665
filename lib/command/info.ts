import { type ReplyValue, SimpleString } from '../resp/encode.ts'
import type { BeginSearch, CommandSpec, FindKeys, KeySpec } from './spec.ts'

/** The description of a command as a server gives it in its replies to COMMAND and COMMAND INFO. */
export function commandInfo(spec: CommandSpec): ReplyValue {
  const { subcommands } = spec
  return [
    spec.name,
    spec.arity,
    statuses(spec.flags),
    spec.firstKey,
    spec.lastKey,
    spec.step,
    statuses(spec.categories),
    new Set(spec.tips),
    new Set(spec.keySpecs.map(keySpecInfo)),
    // The server's own oddity: an empty set, but an array when there are some.
    subcommands === undefined
      ? new Set<ReplyValue>()
      : Array.from(subcommands.values(), commandInfo),
  ]
}

function statuses(words: Iterable<string>): ReadonlySet<ReplyValue> {
  return new Set(Array.from(words, (word) => new SimpleString(word)))
}

function keySpecInfo({ flags, notes, beginSearch, findKeys }: KeySpec): ReplyValue {
  const fields = new Map<ReplyValue, ReplyValue>()
  if (notes !== undefined) fields.set('notes', notes)
  return fields
    .set('flags', statuses(flags))
    .set('begin_search', searchInfo(beginSearch))
    .set('find_keys', searchInfo(findKeys))
}

/** The server's names for the fields of a search. */
const FIELDS: Readonly<Record<string, string>> = {
  index: 'index',
  keyword: 'keyword',
  startFrom: 'startfrom',
  lastKey: 'lastkey',
  keyStep: 'keystep',
  limit: 'limit',
  keyNumIndex: 'keynumidx',
  firstKey: 'firstkey',
}

/** The fields of a search are declared in the order in which the server tells them. */
function searchInfo({ type, ...fields }: BeginSearch | FindKeys): ReplyValue {
  const spec = new Map<ReplyValue, ReplyValue>()
  for (const [field, value] of Object.entries(fields)) spec.set(FIELDS[field]!, value)
  return new Map<ReplyValue, ReplyValue>([
    ['type', type],
    ['spec', spec],
  ])
}
