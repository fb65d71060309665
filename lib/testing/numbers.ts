import { refuse, TEXTS } from './refusal.ts'

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n
const INTEGER = /^(0|-?[1-9]\d{0,18})$/
const FLOAT = /^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?)$/i

/** Whether a number fits a signed 64-bit integer. */
export function fits(value: bigint): boolean {
  return value >= MIN && value <= MAX
}

/** A signed 64-bit integer written the one canonical way (the server's `string2ll`), or undefined. */
export function parseInteger(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined
  const value = BigInt(text)
  return fits(value) ? value : undefined
}

/** Like {@link parseInteger}, but answers with an error. */
export function integer(text: string, error: string = TEXTS.notInteger): bigint {
  return parseInteger(text) ?? refuse(error)
}

/** An integer that a position, count or index needs; beyond 2^53 it is only approximate, which no position can tell. */
export function position(text: string, error: string = TEXTS.notInteger): number {
  return Number(integer(text, error))
}

/** A count that may not be negative. */
export function count(text: string, error: string = TEXTS.negative): number {
  const value = position(text, error)
  return value < 0 ? refuse(error) : value
}

/** A double as `strtod` reads it, without blanks, NaN or hexadecimal; undefined when it is none. */
export function parseFloat64(text: string): number | undefined {
  if (!FLOAT.test(text)) return undefined
  const bare = text.replace(/^[+-]/, '')
  const size = /^inf/i.test(bare) ? Number.POSITIVE_INFINITY : Number(bare)
  return text.startsWith('-') ? -size : size
}

/** Like {@link parseFloat64}, but answers with an error. */
export function float(text: string, error: string = TEXTS.notFloat): number {
  return parseFloat64(text) ?? refuse(error)
}

/** A double as C's `%.17g` writes it, which is how Redis 7.0 answers with doubles. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [digits, exponentText] = value.toExponential(16).split('e') as [string, string]
  const exponent = Number(exponentText)
  const trim = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)
  if (exponent >= -4 && exponent < 17) return trim(value.toFixed(16 - exponent))
  const sign = exponent < 0 ? '-' : '+'
  return `${trim(digits)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`
}
