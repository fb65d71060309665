/** A common run of two strings, as inclusive indexes. */
export interface CommonRange {
  readonly firstStart: number
  readonly firstEnd: number
  readonly secondStart: number
  readonly secondEnd: number
}

/** A longest common subsequence. */
export interface CommonSubsequence {
  readonly bytes: Buffer
  /** Its runs, the last one first. */
  readonly ranges: readonly CommonRange[]
}

const WORD_BITS = 32
const WORD_RANGE = 2 ** 32

type Words = Uint8Array | Uint16Array | Uint32Array

/**
 * The length of the longest common subsequence of two strings.
 *
 * The table of the textbook, `L(i, j)` for the first `i` and `j` bytes, grows along `j` by 0 or 1.
 * A row of it is kept as one bit for each such step, 0 where it grows, and 32 of them are computed
 * at once (Hyyrö, "Bit-parallel LCS-length computation revisited").
 */
export function commonLength(first: Buffer, second: Buffer): number {
  const row = startRow(second.length)
  const matches = matchesOf(first, second)
  for (const byte of first) advance(row, matches[byte]!)
  return growthOf(row, second.length)
}

/**
 * The longest common subsequence that the server's LCS finds: where several are as long, from the
 * end of the table it goes back along the first string only if that alone loses nothing.
 */
export function commonSubsequence(first: Buffer, second: Buffer): CommonSubsequence {
  const row = startRow(second.length)
  const matches = matchesOf(first, second)
  const table = roomFor(first.length, second.length)
  for (let i = 0; i < first.length; i++) {
    advance(row, matches[first[i]!]!)
    // Rows are often of one word, for which the copying of the platform is slow.
    for (let k = 0, at = i * row.length; k < row.length; k++) table[at + k] = row[k]!
  }
  const grows = (i: number, j: number): boolean =>
    ((table[i * row.length + (j >>> 5)]! >>> (j & 31)) & 1) === 0
  return trace(first, second, growthOf(row, second.length), grows)
}

/** No step grows yet: all bits are 1. */
function startRow(length: number): Uint32Array {
  return new Uint32Array(Math.ceil(length / WORD_BITS)).fill(0xffff_ffff)
}

/** Room for all rows, which need not be wider than the second string is long. */
function roomFor(rows: number, length: number): Words {
  const size = rows * Math.ceil(length / WORD_BITS)
  if (length <= 8) return new Uint8Array(size)
  return length <= 16 ? new Uint16Array(size) : new Uint32Array(size)
}

/** For each byte of the first string where the second one has it, a bit for each place. */
function matchesOf(first: Buffer, second: Buffer): (Uint32Array | undefined)[] {
  const words = Math.ceil(second.length / WORD_BITS)
  const matches: (Uint32Array | undefined)[] = Array(256)
  for (const byte of first) matches[byte] ??= new Uint32Array(words)
  for (let j = 0; j < second.length; j++) {
    const places = matches[second[j]!]
    if (places !== undefined) places[j >>> 5]! |= 1 << (j & 31)
  }
  return matches
}

/**
 * Makes the next row in place: `row = (row + (row & match)) | (row & ~match)` over all words, with
 * carry.
 */
function advance(row: Uint32Array, match: Uint32Array): void {
  let carry = 0
  for (let k = 0; k < row.length; k++) {
    const bits = row[k]!
    const sum = bits + ((bits & match[k]!) >>> 0) + carry
    carry = sum >= WORD_RANGE ? 1 : 0
    row[k] = sum | (bits & ~match[k]!)
  }
}

/** How many of the first `length` bits are 0. */
function growthOf(row: Uint32Array, length: number): number {
  let count = 0
  for (let j = 0; j < length; j++) count += ~(row[j >>> 5]! >>> (j & 31)) & 1
  return count
}

/** Goes through the table from its end, as `lcsCommand` in the server's `t_string.c`. */
function trace(
  first: Buffer,
  second: Buffer,
  length: number,
  grows: (i: number, j: number) => boolean
): CommonSubsequence {
  const bytes = Buffer.allocUnsafe(length)
  const ranges: CommonRange[] = []
  let left = length
  let i = first.length
  let j = second.length
  while (i > 0 && j > 0) {
    const firstEnd = i - 1
    const secondEnd = j - 1
    while (i > 0 && j > 0 && first[i - 1] === second[j - 1]) {
      bytes[--left] = first[--i]!
      j--
    }
    if (i <= firstEnd) ranges.push({ firstStart: i, firstEnd, secondStart: j, secondEnd })
    // Where the row grows at j, without the byte at j it is shorter, so the row above must be as
    // long.
    else if (grows(i - 1, j - 1)) i--
    else j--
  }
  return { bytes, ranges }
}
