/**
 * What the id `$` of XREAD means: the last entry of a stream at the moment of asking. It is asked for by itself, so that a further attempt misses
 * nothing that came since the first.
 *
 * @module
 */

import { content, FrameItems, isError, valueStart } from '../resp/frame.ts'
import { frameRequest } from '../resp/request-reader.ts'

/** What to ask a node about a stream. */
export function questionFor(stream: Buffer): Buffer {
  return frameRequest(['XINFO', 'STREAM', stream]).buffer
}

/** Indexes of the ids `$` of an XREAD, with the indexes of their streams. */
export function newestIds(args: readonly Buffer[]): { id: number; stream: number }[] {
  const words = args.map((each) => each.toString('latin1').toLowerCase())
  const first = words.indexOf('streams', 1) + 1
  const half = (args.length - first) / 2
  if (first === 0 || !Number.isInteger(half)) return []
  const found: { id: number; stream: number }[] = []
  for (let i = 0; i < half; i++) {
    if (words[first + half + i] === '$') found.push({ id: first + half + i, stream: first + i })
  }
  return found
}

/** The last id that a reply to XINFO STREAM tells; that of an empty stream when there is none yet. */
export function lastIdOf(frame: Buffer): Buffer | undefined {
  const at = valueStart(frame)
  if (isError(frame, at)) {
    return content(frame, at).toString('latin1') === 'ERR no such key'
      ? Buffer.from('0-0')
      : undefined
  }
  const items = new FrameItems(frame)
  while (items.next()) {
    const key = content(frame, valueStart(frame, items.start)).toString('latin1')
    if (!items.next()) return undefined
    if (key === 'last-generated-id') return Buffer.from(content(frame, items.start))
  }
  return undefined
}
