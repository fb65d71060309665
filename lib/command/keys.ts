import { replyText } from '../errors.ts'
import type { RequestView } from '../resp/request-reader.ts'
import type { CommandSpec, FindKeys, KeySpec } from './spec.ts'
import { arityFits, KEY_RANGE, NO_KEYS, ONE_KEY } from './spec.ts'
import { isWord, looseInteger, strictInteger } from './words.ts'

/** {@link findKeys}: the number of keys is no whole number of 64 bits. */
export const KEY_COUNT_NOT_INTEGER = -1
/** {@link findKeys}: the number of keys is negative, or zero where there must be one. */
export const KEY_COUNT_TOO_SMALL = -2
/** {@link findKeys}: more keys are announced than there are arguments. */
export const KEY_COUNT_TOO_LARGE = -3
/** {@link findKeys}: the arguments hold no key where there must be one. */
export const KEYS_MISSING = -4
/** {@link findKeys}: the command may have keys at places that nothing tells. */
export const KEYS_UNKNOWN = -5

/**
 * Writes the argument indexes of the keys of a request into `positions`, whose former contents are overwritten and not
 * shortened, and returns how many. What counts is what a node routes by, so the channels of SPUBLISH and SSUBSCRIBE count
 * as keys.
 *
 * A negative answer is one of the codes of this module: a node finds no key in such a request either, wherever it is sent,
 * and answers the error that {@link keyErrorText} gives. ({@link KEYS_UNKNOWN} excepted.) Zero means that the
 * command needs no key, as EVAL with `numkeys` 0.
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
    if (count < 1 || count > room) return keyCountError(view, index, optional)
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

/** What is wrong with a number of keys; 0 when it is zero and that may be. */
function keyCountError(view: RequestView, index: number, optional: boolean): number {
  const count = strictInteger(view, index)
  if (count === undefined) return KEY_COUNT_NOT_INTEGER
  if (count > 0n) return KEY_COUNT_TOO_LARGE
  return count === 0n && optional ? 0 : KEY_COUNT_TOO_SMALL
}

const NOT_INTEGER = 'ERR value is not an integer or out of range'
const NEGATIVE = "ERR Number of keys can't be negative"
const NOT_POSITIVE = 'ERR numkeys should be greater than 0'
const TOO_LARGE = "ERR Number of keys can't be greater than number of args"
const SYNTAX = 'ERR syntax error'

/**
 * The error that a server answers to a request in which {@link findKeys} found none, beginning with `ERR`. Where a
 * request has several faults the server may name another one; sent to any node, it gets exactly that answer.
 */
export function keyErrorText(code: number, spec: CommandSpec, view: RequestView): string {
  if (!arityFits(spec, view.argc)) return replyText.wrongArity(spec.name)
  if (code === KEYS_UNKNOWN) return replyText.keysUnknown(spec.name)
  if (code < KEY_COUNT_TOO_LARGE) return SYNTAX
  return keyCountTexts(spec.name)[-code - 1]!
}

/** Texts for a number of keys that is no integer, too small, too large: each family of commands has its own. */
function keyCountTexts(name: string): readonly [string, string, string] {
  if (name.startsWith('eval')) return [NOT_INTEGER, NEGATIVE, TOO_LARGE]
  if (name.startsWith('fcall')) return ['ERR Bad number of keys provided', NEGATIVE, TOO_LARGE]
  if (name === 'sintercard') return [NOT_POSITIVE, NOT_POSITIVE, TOO_LARGE]
  if (name.endsWith('mpop')) return [NOT_POSITIVE, NOT_POSITIVE, SYNTAX]
  return [NOT_INTEGER, `ERR at least 1 input key is needed for '${name}' command`, SYNTAX]
}

/** Whether any argument of the command can be a key for COMMAND GETKEYS, for which channels are none. */
export function takesKeys(spec: CommandSpec): boolean {
  if (spec.keySpecs.length === 0) return spec.keyShape !== NO_KEYS
  return spec.keySpecs.some(({ flags }) => !flags.includes('not_key'))
}
