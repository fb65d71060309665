/** How AGGREGATE joins the scores that a member has in several sorted sets. */
export type Aggregate = 'sum' | 'min' | 'max'

const SIGNIFICANT = 17
/** Digits that tell whether the ones beyond the 17th are exactly a half. */
const EXACT = 60
/**
 * Up to here a whole number is written as such since Redis 7.2, which is C's `LLONG_MAX / 2` as a
 * double.
 */
const WHOLE_LIMIT = 2 ** 62

/**
 * Joins a score with the next one, as `zunionInterAggregate` of the server's `t_zset.c`: infinity
 * minus infinity is 0.
 */
export function aggregateScores(score: number, next: number, aggregate: Aggregate): number {
  if (aggregate === 'min') return next < score ? next : score
  if (aggregate === 'max') return next > score ? next : score
  return numberOrZero(score + next)
}

/** The score, or 0 for what is no number, such as zero times infinity. */
export function numberOrZero(score: number): number {
  return Number.isNaN(score) ? 0 : score
}

/** Reads a score as nodes write it, with `inf` and `-inf`. */
export function parseScore(text: string): number {
  return text.endsWith('inf') ? Number(text.replace('inf', 'Infinity')) : Number(text)
}

/**
 * A score as a node writes it: with 17 significant digits (C's `%.17g`), or since Redis 7.2
 * (`shortest`) with as few as tell the number from its neighbours.
 */
export function formatScore(score: number, shortest: boolean): string {
  if (!Number.isFinite(score)) return score > 0 ? 'inf' : '-inf'
  if (score === 0) return Object.is(score, -0) ? '-0' : '0'
  const sign = score < 0 ? '-' : ''
  const size = Math.abs(score)
  return sign + (shortest ? shortText(size) : longText(size))
}

/** As `%.17g`. */
function longText(size: number): string {
  const [digits, exponent] = roundedDigits(size)
  const significant = digits.replace(/0+$/, '')
  if (exponent < -4 || exponent >= SIGNIFICANT) {
    return scientific(significant, exponent, 2)
  }
  return plain(significant, exponent)
}

/**
 * 17 digits and the decimal exponent of the first one. A tie goes to the even digit, as C has it
 * and JavaScript has not.
 */
function roundedDigits(size: number): readonly [digits: string, exponent: number] {
  const [mantissa, exponent] = size.toExponential(SIGNIFICANT - 1).split('e') as [string, string]
  const digits = mantissa.replace('.', '')
  const last = Number(digits.at(-1))
  if (last % 2 === 0 || !isTie(size)) return [digits, Number(exponent)]
  return [digits.slice(0, -1) + (last - 1), Number(exponent)]
}

function isTie(size: number): boolean {
  // The longer text is dear, and one digit more rules out nine of ten.
  if (!size.toExponential(SIGNIFICANT).includes('5e')) return false
  const digits = size.toExponential(EXACT).split('e')[0]!.replace('.', '')
  return /^50*$/.test(digits.slice(SIGNIFICANT))
}

/** As the server's `d2string` with its `fpconv_dtoa`. */
function shortText(size: number): string {
  if (size <= WHOLE_LIMIT && Number.isInteger(size)) return String(BigInt(size))
  const [mantissa, power] = size.toExponential().split('e') as [string, string]
  const digits = mantissa.replace('.', '')
  const exponent = Number(power)
  const last = exponent - digits.length + 1
  if (last >= 0 && exponent < digits.length + 7) return digits + '0'.repeat(last)
  if (last < 0 && (last > -7 || Math.abs(exponent) < 4)) return plain(digits, exponent)
  return scientific(digits, exponent, 1)
}

/** Digits without an exponent. */
function plain(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return fraction === '' ? whole : `${whole}.${fraction}`
}

function scientific(digits: string, exponent: number, exponentDigits: number): string {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
  const power = String(Math.abs(exponent)).padStart(exponentDigits, '0')
  return `${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${power}`
}
