/** One step of a pattern: the bytes that it accepts, or any number of any bytes. */
type Step = Uint8Array | 'star'

const BACKSLASH = 92

/** Makes bytes equal that count as equal. */
type Fold = (byte: number) => number

/**
 * Whether a text matches a glob-style pattern as the server's `stringmatchlen` reads it, without regard to case:
 * `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, and a backslash before what stands for itself. Takes at most time in proportion
 * to the length of the pattern times the length of the text.
 */
export function matchesGlob(pattern: Uint8Array, text: string): boolean {
  const bytes = Buffer.from(text)
  return new Glob(pattern, lower).matches(bytes, 0, bytes.length)
}

/** A glob-style pattern, read once. `fold` says which bytes are the same; by default none are. */
export class Glob {
  readonly #steps: readonly Step[]

  constructor(pattern: Uint8Array, fold: (byte: number) => number = (byte) => byte) {
    this.#steps = parse(pattern, fold)
  }

  /** Whether `bytes[start..end)` matches. */
  matches(bytes: Uint8Array, start: number, end: number): boolean {
    return matchesSteps(this.#steps, bytes, start, end)
  }
}

function matchesSteps(
  steps: readonly Step[],
  bytes: Uint8Array,
  start: number,
  end: number
): boolean {
  let step = 0
  let at = start
  // Where to go on after a mismatch: only the last star can have to take more.
  let retryStep = -1
  let retryAt = 0
  while (at < end) {
    const current = steps[step]
    if (current === 'star') {
      step += 1
      retryStep = step
      retryAt = at
    } else if (current?.[bytes[at]!] === 1) {
      step += 1
      at += 1
    } else if (retryStep >= 0) {
      retryAt += 1
      step = retryStep
      at = retryAt
    } else {
      return false
    }
  }
  while (steps[step] === 'star') step += 1
  return step === steps.length
}

function parse(pattern: Uint8Array, fold: Fold): Step[] {
  const steps: Step[] = []
  let at = 0
  while (at < pattern.length) {
    const char = String.fromCharCode(pattern[at]!)
    if (char === '*') steps.push('star')
    else if (char === '?') steps.push(new Uint8Array(256).fill(1))
    else if (char === '[') {
      at = parseClass(pattern, at + 1, steps, fold)
      continue
    } else {
      if (char === '\\' && at + 1 < pattern.length) at += 1
      const wanted = fold(pattern[at]!)
      steps.push(accepting((byte) => fold(byte) === wanted))
    }
    at += 1
  }
  return steps
}

/** Reads a class that begins behind its bracket and gives where the pattern goes on; a class may lack its end. */
function parseClass(pattern: Uint8Array, start: number, steps: Step[], fold: Fold): number {
  const negated = pattern[start] === 94
  const tests: ((byte: number) => boolean)[] = []
  let at = negated ? start + 1 : start
  while (at < pattern.length && pattern[at] !== 93) {
    const left = pattern.length - at
    const first = pattern[at]!
    if (first === BACKSLASH && left >= 2) {
      // The server does not ignore the case of an escaped byte in a class.
      const escaped = pattern[at + 1]!
      tests.push((byte) => byte === escaped)
      at += 2
    } else if (left >= 3 && pattern[at + 1] === 45) {
      tests.push(within(first, pattern[at + 2]!, fold))
      at += 3
    } else {
      tests.push((byte) => fold(byte) === fold(first))
      at += 1
    }
  }
  steps.push(accepting((byte) => tests.some((test) => test(byte)) !== negated))
  return at + 1
}

function within(first: number, last: number, fold: Fold): (byte: number) => boolean {
  const low = fold(Math.min(first, last))
  const high = fold(Math.max(first, last))
  return (byte) => fold(byte) >= low && fold(byte) <= high
}

function accepting(test: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (test(byte) ? 1 : 0))
}

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte
}
