import type { CommandSpec } from '../command/spec.ts'
import type { ProtocolVersion } from '../resp/encode.ts'
import type { PartReply, Step } from './composite.ts'
import { type MergePolicy, mergeReplies } from './merge.ts'
import type { Part } from './split.ts'

function names(replies: readonly PartReply[]): string[] {
  return replies.map(({ node }) => node)
}

function frames(replies: readonly PartReply[]): Buffer[] {
  return replies.map(({ reply }) => reply)
}

/** A request over several slots as one part for each slot. */
export function splitStep(
  { name: command }: CommandSpec,
  policy: MergePolicy,
  parts: readonly Part[],
  protocol: ProtocolVersion
): Step {
  return {
    parts: parts.map(({ bytes, slot }) => ({ bytes, slot, anchor: -1 })),
    keys: parts.map(({ keys }) => keys),
    finish: (replies) =>
      mergeReplies(policy, frames(replies), { command, names: names(replies), protocol, parts }),
  }
}

/** A request to the masters of `anchors`, unchanged. */
export function fanOutStep(
  { name: command }: CommandSpec,
  policy: MergePolicy,
  bytes: Buffer,
  anchors: readonly number[],
  protocol: ProtocolVersion
): Step {
  return {
    parts: anchors.map((anchor) => ({ bytes, slot: -1, anchor })),
    finish: (replies) =>
      mergeReplies(policy, frames(replies), { command, names: names(replies), protocol }),
  }
}
