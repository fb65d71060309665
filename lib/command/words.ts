/**
 * Arguments compared and read as the server's C functions do it: words without regard to case, C strings that end at a zero byte, integers of 64
 * bits; by themselves, or in place in a request.
 *
 * @module
 */

import type { RequestView } from '../resp/request-reader.ts'

const ZERO = 48
const MINUS = 45
const PLUS = 43
const BLANK = 32

/**
 * Whether argument `index` is `wanted` (lower case letters and digits) without regard to case. As the server's
 * `strcasecmp` it ends at a zero byte.
 */
export function isWord(view: RequestView, index: number, wanted: string): boolean {
  const { buffer, offsets } = view
  const start = offsets[2 * index]!
  const end = start + wanted.length
  const stop = offsets[2 * index + 1]!
  if (end > stop || (end < stop && buffer[end] !== 0)) return false
  for (let i = 0; i < wanted.length; i++) {
    const byte = buffer[start + i]!
    const folded = byte >= 65 && byte <= 90 ? byte | 32 : byte
    if (folded !== wanted.charCodeAt(i)) return false
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
/** Characters of the longest integer. */
const LONGEST = 20

/** The integer that an argument is, or undefined: no sign but one minus, no leading zero, 64 bits (`string2ll`). */
export function integer(arg: Buffer): bigint | undefined {
  if (arg.length > LONGEST) return undefined
  const text = arg.toString('latin1')
  if (!INTEGER.test(text)) return undefined
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? value : undefined
}

/** Argument `index` as {@link integer} reads it. */
export function strictInteger({ buffer, offsets }: RequestView, index: number): bigint | undefined {
  return integer(buffer.subarray(offsets[2 * index]!, offsets[2 * index + 1]!))
}

/** An argument as a C string: up to its first zero byte, and no longer than `limit` bytes. */
export function cString(arg: Buffer, limit: number = Number.POSITIVE_INFINITY): Buffer {
  const nul = arg.indexOf(0)
  return arg.subarray(0, Math.min(nul < 0 ? arg.length : nul, limit))
}

/** An option or a keyword, lower case (`strcasecmp`). */
export function word(arg: Buffer): string {
  return cString(arg).toString('latin1').toLowerCase()
}
