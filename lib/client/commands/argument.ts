/**
 * Reads the arguments of a command as the server does: words without regard to case, C strings that end at a NUL,
 * integers of 64 bits.
 *
 * @module
 */

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/
const LOWEST = -(2n ** 63n)
const HIGHEST = 2n ** 63n - 1n

/** An argument as a C string: up to its first NUL, and no longer than `limit` bytes. */
export function cString(arg: Buffer, limit: number = Number.POSITIVE_INFINITY): Buffer {
  const nul = arg.indexOf(0)
  return arg.subarray(0, Math.min(nul < 0 ? arg.length : nul, limit))
}

/** An option or a keyword, lower case (`strcasecmp`). */
export function word(arg: Buffer): string {
  return cString(arg).toString('latin1').toLowerCase()
}

/** The integer that an argument is, or undefined: no sign but one minus, no leading zero, 64 bits (`string2ll`). */
export function integer(arg: Buffer): bigint | undefined {
  if (arg.length > 20) return undefined
  const text = arg.toString('latin1')
  if (!INTEGER.test(text)) return undefined
  const value = BigInt(text)
  return value >= LOWEST && value <= HIGHEST ? value : undefined
}

/** Whether an argument may be a name in `CLIENT LIST`: visible ASCII only, no blanks. Empty is allowed. */
export function isPrintable(arg: Buffer): boolean {
  return arg.every((byte) => byte >= 0x21 && byte <= 0x7e)
}
