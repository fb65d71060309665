/**
 * Arguments compared and read in place, as the server's C functions do it.
 *
 * @module
 */

import type { RequestView } from '../resp/request-reader.ts'

const ZERO = 48
const MINUS = 45
const PLUS = 43
const BLANK = 32

/**
 * Whether argument `index` is `word` (lower case letters and digits) without regard to case. As the server's
 * `strcasecmp` it ends at a zero byte.
 */
export function isWord(view: RequestView, index: number, word: string): boolean {
  const { buffer, offsets } = view
  const start = offsets[2 * index]!
  const end = start + word.length
  const stop = offsets[2 * index + 1]!
  if (end > stop || (end < stop && buffer[end] !== 0)) return false
  for (let i = 0; i < word.length; i++) {
    const byte = buffer[start + i]!
    const folded = byte >= 65 && byte <= 90 ? byte | 32 : byte
    if (folded !== word.charCodeAt(i)) return false
  }
  return true
}

/**
 * Argument `index` as C's `atoi` reads it: blanks, a sign, digits, and no look at what follows; 0 without digits, the
 * lower 32 bits of what is too large. The server finds keys by it before it checks the number.
 */
export function looseInteger(view: RequestView, index: number): number {
  const { buffer, offsets } = view
  const end = offsets[2 * index + 1]!
  let at = offsets[2 * index]!
  while (at < end && (buffer[at] === BLANK || (buffer[at]! >= 9 && buffer[at]! <= 13))) at++
  const negative = at < end && buffer[at] === MINUS
  if (negative || (at < end && buffer[at] === PLUS)) at++
  let low = 0
  let wide = 0
  for (; at < end; at++) {
    const digit = buffer[at]! - ZERO
    if (digit < 0 || digit > 9) break
    low = (Math.imul(low, 10) + digit) | 0
    wide = wide * 10 + digit
  }
  // Beyond 64 bits `strtol` answers its largest or smallest number, and these are their lower halves.
  if (wide >= 2 ** 63) return negative ? 0 : -1
  return negative ? -low | 0 : low
}

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/

/** Argument `index` as a whole number of 64 bits in the server's strict form (`string2ll`), or undefined. */
export function strictInteger(view: RequestView, index: number): bigint | undefined {
  const text = view.buffer.toString(
    'latin1',
    view.offsets[2 * index]!,
    view.offsets[2 * index + 1]!
  )
  if (!INTEGER.test(text)) return undefined
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? value : undefined
}
