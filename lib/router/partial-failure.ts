import { findKeys } from '../command/keys.ts'
import type { PartialFailureEvent } from '../events.ts'
import { argument, REQUEST, RequestReader } from '../resp/request-reader.ts'
import type { PartReply } from './composite.ts'
import { failures } from './failures.ts'
import type { Request } from './request.ts'

/** The keys of a request, which is read once more: that some parts failed and others did not is rare. */
function keysOf({ bytes, start, end, spec }: Request): Buffer[] {
  const reader = new RequestReader()
  reader.feed(bytes.subarray(start, end))
  if (spec === undefined || reader.next() !== REQUEST) return []
  const positions: number[] = []
  const count = findKeys(spec, reader, positions)
  return positions.slice(0, count).map((position) => Buffer.from(argument(reader, position)))
}

/** What to tell when some parts of a request failed and others did not; `parts` are the ordinals of each part's keys. Else undefined. */
export function partialFailure(
  leader: Request,
  parts: readonly (readonly number[])[],
  replies: readonly PartReply[]
): PartialFailureEvent | undefined {
  const frames = replies.map(({ reply }) => reply)
  const names = replies.map(({ node }) => node)
  const failed = failures(frames, names)
  if (failed.length === 0 || failed.length === replies.length) return undefined
  const keys = keysOf(leader)
  const errors = new Map(failed.map(({ part, error }) => [part, error]))
  const outcomes = parts.map((ordinals, part) => ({
    node: names[part]!,
    keys: ordinals.map((ordinal) => keys[ordinal]!),
    error: errors.get(part),
  }))
  return {
    command: leader.spec?.name ?? '',
    applied: outcomes.filter(({ error }) => error === undefined),
    failed: outcomes.filter(({ error }) => error !== undefined),
  }
}
