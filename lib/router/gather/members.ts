/**
 * The elements of sets and sorted sets in raw frames, as texts with one character per byte
 * (latin1): such texts are keys of a `Map`, and their order is that of `memcmp`.
 *
 * @module
 */

import type { ProtocolVersion } from '../../resp/encode.ts'
import { content, FrameItems, valueStart } from '../../resp/frame.ts'

/** Calls `take` with each string of an array or set. */
export function eachMember(frame: Buffer, take: (member: string) => void): void {
  const items = new FrameItems(frame)
  while (items.next()) take(textAt(frame, items.start))
}

/**
 * Calls `take` with each member of a reply with scores, and with its score as the node wrote it:
 * one flat array in RESP2, an array of pairs in RESP3.
 */
export function eachScored(
  frame: Buffer,
  protocol: ProtocolVersion,
  take: (member: string, score: string) => void
): void {
  const items = new FrameItems(frame)
  while (items.next()) {
    const pair = protocol === 3 ? new FrameItems(frame, items.start) : items
    if (pair !== items) pair.next()
    const member = textAt(frame, pair.start)
    pair.next()
    take(member, textAt(frame, pair.start))
  }
}

/** How many elements a reply has, with scores or without. */
export function cardinality(frame: Buffer, protocol: ProtocolVersion, scored: boolean): number {
  const { size } = new FrameItems(frame)
  return scored && protocol === 2 ? size / 2 : size
}

/** The members of all of the frames. */
export function unionOf(frames: readonly Buffer[]): Set<string> {
  const members = new Set<string>()
  for (const frame of frames) eachMember(frame, (member) => members.add(member))
  return members
}

/** The members that every one of the frames has. */
export function intersectionOf(frames: readonly Buffer[]): Set<string> {
  let common = unionOf(frames.slice(0, 1))
  for (const frame of frames.slice(1)) {
    const next = new Set<string>()
    eachMember(frame, (member) => {
      if (common.has(member)) next.add(member)
    })
    common = next
  }
  return common
}

function textAt(frame: Buffer, at: number): string {
  return content(frame, valueStart(frame, at)).toString('latin1')
}
