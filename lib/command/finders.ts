/**
 * Key finders of the commands whose key specifications do not tell all: they parse options as the server's own
 * `getkeys` functions in `db.c` do, since a node routes by these.
 *
 * @module
 */

import type { RequestView } from '../resp/request-reader.ts'
import { isWord } from './words.ts'

/** Writes the indexes of the keys into `positions` and returns how many; 0 where options hide them. */
export type KeyFinder = (view: RequestView, positions: number[]) => number

/** SORT key ... STORE destination: the last STORE counts. What BY and GET name are patterns, not keys. */
function sortKeys(view: RequestView, positions: number[]): number {
  if (view.argc < 2) return 0
  positions[0] = 1
  let count = 1
  for (let i = 2; i < view.argc; i++) {
    if (isWord(view, i, 'limit')) i += 2
    else if (isWord(view, i, 'get') || isWord(view, i, 'by')) i++
    else if (i + 1 < view.argc && isWord(view, i, 'store')) {
      positions[1] = i + 1
      count = 2
    }
  }
  return count
}

function sortReadOnlyKeys(view: RequestView, positions: number[]): number {
  if (view.argc < 2) return 0
  positions[0] = 1
  return 1
}

/** GEORADIUS and GEORADIUSBYMEMBER: of several STORE and STOREDIST the last one counts. */
function geoRadiusKeys(view: RequestView, positions: number[]): number {
  if (view.argc < 2) return 0
  positions[0] = 1
  let count = 1
  for (let i = 5; i + 1 < view.argc; i++) {
    if (!isWord(view, i, 'store') && !isWord(view, i, 'storedist')) continue
    positions[1] = ++i
    count = 2
  }
  return count
}

/** MIGRATE host port key ...: or, where that key is empty, all arguments after KEYS. */
function migrateKeys(view: RequestView, positions: number[]): number {
  if (view.argc < 4) return 0
  const first = migrateFirstKey(view)
  if (first === 3) {
    positions[0] = 3
    return 1
  }
  if (view.offsets[7]! > view.offsets[6]!) return 0
  for (let i = first; i < view.argc; i++) positions[i - first] = i
  return view.argc - first
}

function migrateFirstKey(view: RequestView): number {
  for (let i = 6; i < view.argc; i++) {
    if (isWord(view, i, 'keys')) return i + 1
    if (isWord(view, i, 'auth')) i++
    else if (isWord(view, i, 'auth2')) i += 2
  }
  return 3
}

/** XREAD and XREADGROUP: the first half of what follows STREAMS; where the halves are unequal the server finds no key (`xreadGetKeys`). */
function streamKeys(view: RequestView, positions: number[]): number {
  const first = streamOption(view, 'streams') + 1
  if (first === 0) return 0
  const count = (view.argc - first) / 2
  if (!Number.isInteger(count)) return 0
  for (let i = 0; i < count; i++) positions[i] = first + i
  return count
}

/**
 * Index of an option of XREAD or XREADGROUP, -1 if it has not got it; STREAMS ends the options. The values of options
 * are skipped, as they may be named like one. Words that are no option here (of newer servers) are passed over.
 */
function streamOption(view: RequestView, option: 'streams' | 'block'): number {
  for (let i = 1; i < view.argc; i++) {
    if (isWord(view, i, option)) return i
    if (isWord(view, i, 'streams')) return -1
    if (isWord(view, i, 'block') || isWord(view, i, 'count')) i++
    else if (isWord(view, i, 'group')) i += 2
  }
  return -1
}

/** Whether an XREAD or XREADGROUP has the option BLOCK. A group, consumer or stream of that name is none. */
export function hasBlockOption(view: RequestView): boolean {
  return streamOption(view, 'block') > 0
}

/** Finders by command name. */
export const finders: ReadonlyMap<string, KeyFinder> = new Map([
  ['sort', sortKeys],
  ['sort_ro', sortReadOnlyKeys],
  ['georadius', geoRadiusKeys],
  ['georadiusbymember', geoRadiusKeys],
  ['migrate', migrateKeys],
  ['xread', streamKeys],
  ['xreadgroup', streamKeys],
])
