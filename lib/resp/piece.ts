/** From this length on the call into C++ beats the loop. */
const LONG = 48
const CR = 13
const LF = 10
const ZERO = 48

/** Copies `source[start..end)` to `target` at `at`, where there must be room; gives the place behind it. */
export function copyPiece(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number
): number {
  if (end - start >= LONG) return at + source.copy(target, at, start, end)
  let to = at
  for (let from = start; from < end; from++) target[to++] = source[from]!
  return to
}

/** Most bytes that {@link writeHeader} writes. */
export const HEADER_LENGTH = 13

/** Writes the first line of an aggregate, such as `*10`, with its CRLF; gives the place behind it. */
export function writeHeader(target: Buffer, from: number, type: number, count: number): number {
  let at = from
  target[at++] = type
  if (count < 10) target[at++] = ZERO + count
  else at += target.write(String(count), at, 'latin1')
  target[at++] = CR
  target[at++] = LF
  return at
}
