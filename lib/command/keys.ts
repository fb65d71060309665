import type { RequestView } from '../resp/request-reader.ts'
import type { CommandSpec, FindKeys, KeySpec } from './spec.ts'
import { arityFits, KEY_RANGE, NO_KEYS, ONE_KEY } from './spec.ts'
import { isWord, looseInteger, strictInteger } from './words.ts'

/** {@link findKeys}: the arguments hold no key where there must be one, or not as many as they announce. */
export const KEYS_MISSING = -1
/** {@link findKeys}: the command may have keys at places that nothing tells. */
export const KEYS_UNKNOWN = -2

/**
 * Writes the argument indexes of the keys of a request into `positions`, whose former contents are overwritten and not
 * shortened, and returns how many. What counts is what a node routes by, so the channels of SPUBLISH and SSUBSCRIBE count
 * as keys.
 *
 * A negative answer is one of the codes of this module. With {@link KEYS_MISSING} a node finds no key in such a request either, wherever
 * it is sent, and answers with what is wrong. Zero means that the command needs no key, as EVAL with `numkeys` 0.
 *
 * It differs from COMMAND GETKEYS only where that differs from the routing of the very same node (Redis 7.0):
 * several STORE and STOREDIST of GEORADIUS, options of XREAD and XREADGROUP with the value STREAMS, PFMERGE without
 * sources, MIGRATE with KEYS at the end.
 */
export function findKeys(spec: CommandSpec, view: RequestView, positions: number[]): number {
  const shape = spec.keyShape
  if (shape === ONE_KEY) {
    if (spec.firstKey >= view.argc) return KEYS_MISSING
    positions[0] = spec.firstKey
    return 1
  }
  if (shape === NO_KEYS) return 0
  if (shape === KEY_RANGE) return rangeKeys(spec, view, positions)
  if (spec.finder === undefined) return specifiedKeys(spec, view, positions)
  return spec.finder(view, positions) || KEYS_MISSING
}

function rangeKeys(spec: CommandSpec, view: RequestView, positions: number[]): number {
  const last = spec.lastKey < 0 ? view.argc + spec.lastKey : spec.lastKey
  if (last >= view.argc) return KEYS_MISSING
  let count = 0
  for (let i = spec.firstKey; i <= last; i += spec.step) positions[count++] = i
  // SUNSUBSCRIBE takes any number of channels, none included.
  return count === 0 && !arityFits(spec, view.argc) ? KEYS_MISSING : count
}

/** Follows the key specifications, as `getKeysUsingKeySpecs` in the server's `db.c` does. */
function specifiedKeys(spec: CommandSpec, view: RequestView, positions: number[]): number {
  const optional = spec.flags.has('no_mandatory_keys')
  let count = 0
  let unsure = spec.keySpecs.length === 0
  for (const keySpec of spec.keySpecs) {
    const first = beginOf(keySpec, view)
    if (keySpec.flags.includes('incomplete')) unsure = true
    if (first === UNKNOWN || keySpec.findKeys.type === 'unknown') unsure = true
    else if (first !== ABSENT) {
      const found = keysFrom(first, keySpec.findKeys, view, positions, count, optional)
      if (found < 0) return found
      count += found
    }
  }
  if (count > 0) return count
  if (unsure) return KEYS_UNKNOWN
  return optional ? 0 : KEYS_MISSING
}

const ABSENT = 0
const UNKNOWN = -1

/** @internal Index where a search begins; 0 when its keyword is not there, -1 when nothing tells. */
export function beginOf({ beginSearch }: KeySpec, view: RequestView): number {
  if (beginSearch.type === 'index') return beginSearch.index
  if (beginSearch.type === 'unknown') return UNKNOWN
  const { startFrom } = beginSearch
  const keyword = beginSearch.keyword.toLowerCase()
  // A negative start counts from the end, and the search goes backwards.
  const step = startFrom > 0 ? 1 : -1
  for (
    let i = startFrom > 0 ? startFrom : view.argc + startFrom;
    i > 0 && i < view.argc;
    i += step
  ) {
    if (isWord(view, i, keyword)) return i + 1
  }
  return ABSENT
}

/** @internal Writes the indexes that a search finds from `first` on to `positions`, from `at` on; how many, or an error. */
export function keysFrom(
  first: number,
  find: Exclude<FindKeys, { type: 'unknown' }>,
  view: RequestView,
  positions: number[],
  at: number,
  optional: boolean
): number {
  const { argc } = view
  if (find.type === 'keynum') {
    const index = first + find.keyNumIndex
    if (index >= argc) return KEYS_MISSING
    const start = first + find.firstKey
    const count = looseInteger(view, index)
    const room = Math.ceil((argc - start) / find.keyStep)
    if (count < 1 || count > room)
      return optional && strictInteger(view, index) === 0n ? 0 : KEYS_MISSING
    for (let i = 0; i < count; i++) positions[at + i] = start + i * find.keyStep
    return count
  }
  const last = lastOf(first, find.lastKey, find.limit, argc)
  if (first >= argc || last >= argc || last < first) return KEYS_MISSING
  let count = 0
  for (let i = first; i <= last; i += find.keyStep) positions[at + count++] = i
  return count
}

/** With a limit of 2 only half of the remaining arguments are looked at, and so on. */
function lastOf(first: number, lastKey: number, limit: number, argc: number): number {
  if (lastKey >= 0) return first + lastKey
  return limit === 0 ? argc + lastKey : first + Math.trunc((argc - first) / limit) + lastKey
}

/**
 * Whether any argument of the command can be a key for COMMAND GETKEYS: the channel of a sharded publish decides the slot, but it is no
 * key. Modules, and servers before 7.0, describe no keys and may have some all the same.
 */
export function takesKeys({ finder, keySpecs, keyShape }: CommandSpec): boolean {
  if (finder !== undefined) return true
  if (keySpecs.length === 0) return keyShape !== NO_KEYS
  return keySpecs.some(({ flags }) => !flags.includes('not_key'))
}
