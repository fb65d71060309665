/**
 * Keyspace and keyevent notifications: each node tells its own, and the cluster does not pass them on.
 *
 * @module
 */

const PREFIXES: readonly Buffer[] = [Buffer.from('__keyspace@'), Buffer.from('__keyevent@')]

const STAR = 42
const QUESTION = 63
const BRACKET = 91
const BACKSLASH = 92

/** Whether what comes on a channel concerns one node alone. */
export function isNodeEvent(channel: Buffer): boolean {
  return PREFIXES.some(
    (prefix) => channel.length >= prefix.length && prefix.equals(channel.subarray(0, prefix.length))
  )
}

/**
 * Whether a pattern may match channels of notifications. What stands in brackets is taken to match, so the answer may be yes where no such channel
 * exists, and is never no where one does.
 */
export function mayMatchNodeEvents(pattern: Buffer): boolean {
  return PREFIXES.some((prefix) => mayBeginWith(pattern, prefix))
}

function mayBeginWith(pattern: Buffer, prefix: Buffer): boolean {
  let at = 0
  for (const byte of prefix) {
    let expected = pattern[at]
    if (expected === undefined) return false
    if (expected === STAR) return true
    if (expected === BRACKET) {
      at = endOfBrackets(pattern, at)
      continue
    }
    if (expected === BACKSLASH && at + 1 < pattern.length) {
      at++
      expected = pattern[at]
    } else if (expected === QUESTION) expected = byte
    if (expected !== byte) return false
    at++
  }
  return true
}

/** One past the bracket that closes those at `at`; the end of the pattern if there is none. */
function endOfBrackets(pattern: Buffer, at: number): number {
  let end = at + 1
  while (end < pattern.length && pattern[end] !== 93) end += pattern[end] === BACKSLASH ? 2 : 1
  return end + 1
}
