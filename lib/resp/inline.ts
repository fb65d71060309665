const BACKSLASH = 92
const DOUBLE_QUOTE = 34
const SINGLE_QUOTE = 39
const LETTER_X = 120

/** Instead of a position: quotes do not pair, or something other than a blank follows a closing one. */
const UNBALANCED = -1

const ESCAPES: Readonly<Record<number, number>> = { 110: 10, 114: 13, 116: 9, 98: 8, 97: 7 }

/**
 * Splits an inline command into its words as the server's `sdssplitargs` does: blanks between words, `"..."` with
 * `\xhh`, `\n`, `\r`, `\t`, `\b`, `\a`, `\"` and `\\`, `'...'` with `\'`. Undefined for unbalanced quotes, or for a
 * closing quote that no blank follows.
 */
export function splitInline(line: Uint8Array): Buffer[] | undefined {
  // The server's strings end at a NUL, whatever follows.
  const nul = line.indexOf(0)
  const text = nul < 0 ? line : line.subarray(0, nul)
  const words: Buffer[] = []
  let at = skipSpace(text, 0)
  while (at < text.length) {
    const word: number[] = []
    at = readWord(text, at, word)
    if (at === UNBALANCED) return undefined
    words.push(Buffer.from(word))
    at = skipSpace(text, at)
  }
  return words
}

/** What C's `isspace` calls white space. */
function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13)
}

function skipSpace(text: Uint8Array, from: number): number {
  let at = from
  while (at < text.length && isSpace(text[at]!)) at++
  return at
}

/** What ends a word: not all white space does, a vertical tab or a form feed within a word belongs to it. */
function endsWord(byte: number): boolean {
  return byte === 32 || byte === 9 || byte === 10 || byte === 13
}

/** Reads a word into `word`, and gives the position behind it. A quoted part is its last. */
function readWord(text: Uint8Array, from: number, word: number[]): number {
  let at = from
  while (at < text.length && !endsWord(text[at]!)) {
    const byte = text[at]!
    if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) return readQuoted(text, at + 1, byte, word)
    word.push(byte)
    at++
  }
  return at
}

function readQuoted(text: Uint8Array, from: number, quote: number, word: number[]): number {
  let at = from
  while (at < text.length) {
    const byte = text[at]!
    if (byte === quote) {
      const last = at + 1 === text.length || isSpace(text[at + 1]!)
      return last ? at + 1 : UNBALANCED
    }
    if (byte === BACKSLASH && at + 1 < text.length) {
      at =
        quote === DOUBLE_QUOTE ? readEscape(text, at + 1, word) : readApostrophe(text, at + 1, word)
    } else {
      word.push(byte)
      at++
    }
  }
  return UNBALANCED
}

/** What follows a backslash between double quotes. */
function readEscape(text: Uint8Array, at: number, word: number[]): number {
  const high = hexDigit(text[at + 1])
  const low = hexDigit(text[at + 2])
  if (text[at] === LETTER_X && high >= 0 && low >= 0) {
    word.push(high * 16 + low)
    return at + 3
  }
  word.push(ESCAPES[text[at]!] ?? text[at]!)
  return at + 1
}

/** What follows a backslash between single quotes: it means something before another single quote only. */
function readApostrophe(text: Uint8Array, at: number, word: number[]): number {
  const escaped = text[at] === SINGLE_QUOTE
  word.push(escaped ? SINGLE_QUOTE : BACKSLASH)
  return escaped ? at + 1 : at
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}
