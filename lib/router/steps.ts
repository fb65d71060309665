import type { CommandSpec } from '../command/spec.ts'
import { encodeReply, type ProtocolVersion } from '../resp/encode.ts'
import { frameRequest } from '../resp/request-reader.ts'
import type { PartReply, Step } from './composite.ts'
import type { GatherPlan } from './gather/gather.ts'
import { type MergePolicy, mergeReplies } from './merge.ts'
import { quickMerge } from './quick-merge.ts'
import type { ReplyPlace } from './request.ts'
import type { Part } from './split.ts'

function names(replies: readonly PartReply[]): string[] {
  return replies.map(({ node }) => node)
}

function frames(replies: readonly PartReply[]): Buffer[] {
  return replies.map(({ reply }) => reply)
}

/** A request over several slots as one part for each slot. */
export class SplitStep implements Step {
  readonly parts: readonly Part[]
  readonly #command: string
  readonly #policy: MergePolicy
  readonly #protocol: ProtocolVersion

  constructor(
    { name }: CommandSpec,
    policy: MergePolicy,
    parts: readonly Part[],
    protocol: ProtocolVersion
  ) {
    this.parts = parts
    this.#command = name
    this.#policy = policy
    this.#protocol = protocol
  }

  get keys(): readonly (readonly number[])[] {
    return this.parts.map(({ keys }) => keys)
  }

  quick(replies: readonly ReplyPlace[]): number {
    return quickMerge(this.#policy.rule, replies)
  }

  finish(replies: readonly PartReply[]): Buffer {
    return mergeReplies(this.#policy, frames(replies), {
      command: this.#command,
      names: names(replies),
      protocol: this.#protocol,
      parts: this.parts,
    })
  }
}

/** A read over several slots, computed from reads of each. */
export function gatherStep(plan: GatherPlan, protocol: ProtocolVersion): Step {
  return {
    parts: plan.parts.map(({ slot, args }) => ({
      bytes: frameRequest(args).buffer,
      slot,
      anchor: -1,
    })),
    finish: (replies) => encodeReply(plan.finish(frames(replies), protocol), protocol),
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
    ...(policy.effects && { keys: anchors.map(() => []) }),
    finish: (replies) =>
      mergeReplies(policy, frames(replies), { command, names: names(replies), protocol }),
  }
}

/** The reply to a request that changes nothing and that one node at least answered with an error. */
export function failedReply(
  { name: command }: CommandSpec,
  replies: readonly PartReply[],
  protocol: ProtocolVersion
): Buffer {
  const policy: MergePolicy = { rule: 'concatenated', effects: false }
  return mergeReplies(policy, frames(replies), { command, names: names(replies), protocol })
}
