import { copyPiece, writeHeader } from '../resp/piece.ts'
import { Slab } from '../resp/slab.ts'
import type { MergeRule } from './merge.ts'
import type { ReplyPlace } from './request.ts'

const CR = 13
const PLUS = 43
const STAR = 42
const COLON = 58
const ZERO = 48
/** Digits of the longest number that is added up here: sums of as many as there are slots lose nothing. */
const DIGITS = 6
/** {@link quickMerge}: these replies are not the usual ones. */
export const UNUSUAL = -1

/** Holds what {@link quickMerge} made, until it is called again. It is of the size that tells others to copy (see `isReused`). */
const slab: Slab = new Slab(64 * 1024)
export const merged: Buffer = slab.bytes

/**
 * Makes one reply of the usual ones: arrays of one item each, small numbers to add up, `+OK`. It stands at the front of {@link merged}; what
 * is returned is its length, or {@link UNUSUAL} for anything else, errors among them: `mergeReplies` sees to that.
 */
export function quickMerge(rule: MergeRule, replies: readonly ReplyPlace[]): number {
  if (rule === 'ordered') return items(replies)
  if (rule === 'agg_sum') return sum(replies)
  return rule === 'all_succeeded' ? status(replies) : UNUSUAL
}

/** The items of arrays of one item. */
function items(replies: readonly ReplyPlace[]): number {
  let end = writeHeader(merged, 0, STAR, replies.length)
  for (let i = 0; i < replies.length; i++) {
    const { reply, replyStart, replyEnd } = replies[i]!
    const begin = replyStart + 4
    const single = reply![replyStart] === STAR && reply![replyStart + 1] === ZERO + 1
    if (!single || reply![replyStart + 2] !== CR) return UNUSUAL
    if (end + replyEnd - begin > merged.length) return UNUSUAL
    end = copyPiece(reply!, begin, replyEnd, slab, end)
  }
  return end
}

function sum(replies: readonly ReplyPlace[]): number {
  let total = 0
  for (let i = 0; i < replies.length; i++) {
    const { reply, replyStart, replyEnd } = replies[i]!
    if (reply![replyStart] !== COLON || replyEnd - replyStart > DIGITS + 3) return UNUSUAL
    let value = 0
    for (let at = replyStart + 1; at < replyEnd - 2; at++) {
      const digit = reply![at]! - ZERO
      if (digit < 0 || digit > 9) return UNUSUAL
      value = value * 10 + digit
    }
    total += value
  }
  return writeHeader(merged, 0, COLON, total)
}

function status(replies: readonly ReplyPlace[]): number {
  for (let i = 0; i < replies.length; i++) {
    const { reply, replyStart } = replies[i]!
    if (reply![replyStart] !== PLUS) return UNUSUAL
  }
  const { reply, replyStart, replyEnd } = replies[0]!
  if (replyEnd - replyStart > merged.length) return UNUSUAL
  return copyPiece(reply!, replyStart, replyEnd, slab, 0)
}
