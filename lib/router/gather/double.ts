const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const INFINITY = /^[+-]?inf(?:inity)?$/i
const HEXADECIMAL = /^[+-]?0x([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i
/** Bits to scale by at once, such that neither factor of a finite double overflows. */
const SCALE_STEP = 1000

/**
 * A double as `string2d` reads it: what C's `strtod` takes, without blanks, NaN, and numbers too
 * large or too small for a double; undefined for anything else.
 */
export function double(argument: Buffer): number | undefined {
  const text = argument.toString('latin1')
  const negative = text.startsWith('-')
  if (INFINITY.test(text)) return negative ? -Infinity : Infinity
  const size = DECIMAL.test(text) ? decimal(text) : hexadecimal(text)
  if (size === undefined || size === Infinity) return undefined
  return negative ? -size : size
}

function decimal(text: string): number | undefined {
  const size = Math.abs(Number(text))
  return size === 0 && /[1-9]/.test(text.replace(/e.*/i, '')) ? undefined : size
}

function hexadecimal(text: string): number | undefined {
  const match = HEXADECIMAL.exec(text)
  if (match === null) return undefined
  const [, whole = '', fraction = '', power = '0'] = match
  if (whole + fraction === '') return undefined
  const mantissa = Number(BigInt(`0x${whole}${fraction}`))
  const size = scale(mantissa, Number(power) - 4 * fraction.length)
  return size === 0 && mantissa !== 0 ? undefined : size
}

/** `value * 2^power` in steps, since `2^power` alone may be no double. */
function scale(value: number, power: number): number {
  let size = value
  let left = power
  while (left !== 0 && size !== 0 && size !== Infinity) {
    const step = Math.max(-SCALE_STEP, Math.min(SCALE_STEP, left))
    size *= 2 ** step
    left -= step
  }
  return size
}
