/**
 * INCRBYFLOAT and HINCRBYFLOAT count in C's `long double`, which on x86 has 64 bits of mantissa. A number here is
 * `mantissa * 2^exponent` with the mantissa rounded to 64 bits, so that sums come out as the server's do.
 */
interface LongDouble {
  readonly mantissa: bigint
  readonly exponent: number
}

const MANTISSA_BITS = 64
const DECIMALS = 17
const NUMBER = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i

function bitLength(value: bigint): number {
  return value.toString(2).length
}

/** Division by a power of two or any number, rounding half to even. */
function divideRounded(value: bigint, divisor: bigint): bigint {
  const negative = value < 0n
  const size = negative ? -value : value
  const quotient = size / divisor
  const rest = (size % divisor) * 2n
  const up = rest > divisor || (rest === divisor && (quotient & 1n) === 1n)
  const rounded = up ? quotient + 1n : quotient
  return negative ? -rounded : rounded
}

function round(mantissa: bigint, exponent: number): LongDouble {
  const excess =
    mantissa === 0n ? 0 : bitLength(mantissa < 0n ? -mantissa : mantissa) - MANTISSA_BITS
  if (excess <= 0) return { mantissa, exponent }
  return { mantissa: divideRounded(mantissa, 1n << BigInt(excess)), exponent: exponent + excess }
}

function parse(text: string): LongDouble | undefined {
  const match = NUMBER.exec(text)
  if (match === null || (match[2] === '' && match[3] === '')) return undefined
  const power = Number(match[4] ?? 0) - match[3]!.length
  if (Math.abs(power) > 4900) return undefined
  const digits = BigInt(match[2]! + match[3]!) * (match[1] === '-' ? -1n : 1n)
  if (power >= 0) return round(digits * 10n ** BigInt(power), 0)
  const divisor = 10n ** BigInt(-power)
  const shift = BigInt(MANTISSA_BITS + 2 + bitLength(divisor))
  return fraction(digits, divisor, Number(shift))
}

/** `digits / divisor` with exactly 64 bits kept, rounded once. */
function fraction(digits: bigint, divisor: bigint, guess: number): LongDouble {
  if (digits === 0n) return { mantissa: 0n, exponent: 0 }
  const size = digits < 0n ? -digits : digits
  const wide = (size << BigInt(guess)) / divisor
  const shift = guess - (bitLength(wide) - MANTISSA_BITS)
  const scaled = shift >= 0 ? digits << BigInt(shift) : digits
  const by = shift >= 0 ? divisor : divisor << BigInt(-shift)
  return { mantissa: divideRounded(scaled, by), exponent: -shift }
}

function add(a: LongDouble, b: LongDouble): LongDouble {
  const exponent = Math.min(a.exponent, b.exponent)
  const shifted = (value: LongDouble): bigint => value.mantissa << BigInt(value.exponent - exponent)
  return round(shifted(a) + shifted(b), exponent)
}

/** As `%.17Lf` writes it, without the zeros at the end. */
function format(value: LongDouble): string {
  const scale = 10n ** BigInt(DECIMALS)
  const scaled =
    value.exponent >= 0
      ? (value.mantissa << BigInt(value.exponent)) * scale
      : divideRounded(value.mantissa * scale, 1n << BigInt(-value.exponent))
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(DECIMALS + 1, '0')
  const text = `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`.replace(/\.?0+$/, '')
  return scaled < 0n ? `-${text}` : text
}

/** The sum of two decimal numbers as a server on x86 would store it; undefined when one of them is no finite number. */
export function addDecimals(a: string, b: string): string | undefined {
  const left = parse(a)
  const right = parse(b)
  return left === undefined || right === undefined ? undefined : format(add(left, right))
}
