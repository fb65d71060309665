const BACKSLASH = 92
const DOUBLE_QUOTE = 34
const SINGLE_QUOTE = 39

/** What C's `isspace` calls white space; NUL ends a word in the server as well, since its strings do. */
function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13)
}

const ESCAPES: Readonly<Record<number, number>> = { 110: 10, 114: 13, 116: 9, 98: 8, 97: 7 }

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/**
 * Splits an inline command into its words as the server's `sdssplitargs` does: blanks between words, `"..."` with
 * `\xhh`, `\n`, `\r`, `\t`, `\b`, `\a`, `\"` and `\\`, `'...'` with `\'`. Undefined for unbalanced quotes, or for a
 * closing quote that no blank follows.
 */
export function splitInline(line: Uint8Array): Buffer[] | undefined {
  const words: Buffer[] = []
  const length = line.indexOf(0) < 0 ? line.length : line.indexOf(0)
  let at = 0
  for (;;) {
    while (at < length && isSpace(line[at]!)) at++
    if (at >= length) return words
    const word: number[] = []
    let quote = 0
    for (;;) {
      if (at >= length) {
        if (quote !== 0) return undefined
        break
      }
      const byte = line[at]!
      if (quote === 0) {
        if (isSpace(byte)) break
        if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) quote = byte
        else word.push(byte)
      } else if (byte === BACKSLASH && quote === DOUBLE_QUOTE && at + 1 < length) {
        const high = hexDigit(line[at + 2])
        const low = hexDigit(line[at + 3])
        if (line[at + 1] === 120 && high >= 0 && low >= 0 && at + 3 < length) {
          word.push(high * 16 + low)
          at += 3
        } else {
          word.push(ESCAPES[line[at + 1]!] ?? line[at + 1]!)
          at += 1
        }
      } else if (
        byte === BACKSLASH &&
        quote === SINGLE_QUOTE &&
        line[at + 1] === SINGLE_QUOTE &&
        at + 1 < length
      ) {
        word.push(SINGLE_QUOTE)
        at += 1
      } else if (byte === quote) {
        if (at + 1 < length && !isSpace(line[at + 1]!)) return undefined
        at += 1
        break
      } else {
        word.push(byte)
      }
      at += 1
    }
    words.push(Buffer.from(word))
  }
}
