import type { CommandSpec } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { errorFrame, type ProtocolVersion } from '../resp/encode.ts'
import { FrameItems, isAggregate, isError, isNull, valueStart } from '../resp/frame.ts'
import { type Aggregation, aggregate } from './aggregate.ts'
import { failures, firstFailureText, type PartFailure, partialFailureText } from './failures.ts'

/**
 * How the replies of several nodes become one: the `response_policy` that servers declare, and for commands without one
 * `ordered` (item by item in the order of the keys) or `concatenated` (commands without keys).
 */
export type MergeRule = Aggregation | 'all_succeeded' | 'one_succeeded' | 'ordered' | 'concatenated'

/** What {@link mergeReplies} is to do. */
export interface MergePolicy {
  readonly rule: MergeRule
  /** Whether the command changes something, so that an error must tell which nodes did it and which did not. */
  readonly effects: boolean
}

/** What the replies belong to. */
export interface MergeContext {
  /** Lower-case name of the command. */
  readonly command: string
  /** Name of the node that gave each reply. */
  readonly names: readonly string[]
  /** The client's version, in which the replies are. */
  readonly protocol: ProtocolVersion
  /** The keys of each part, counted from 0; needed for `ordered`. */
  readonly parts?: readonly { readonly keys: readonly number[] }[]
}

/** What servers declare wrongly: in 7.0 LATENCY RESET, which answers a number, has `all_succeeded`. */
const CORRECTED: ReadonlyMap<string, MergeRule> = new Map([['latency|reset', 'agg_sum']])

const DECLARED: ReadonlySet<string> = new Set<MergeRule>([
  'agg_sum',
  'agg_min',
  'agg_max',
  'agg_logical_and',
  'agg_logical_or',
  'all_succeeded',
  'one_succeeded',
])

const STAR = 0x2a
const MAP = 0x25
const SET = 0x7e

/**
 * How the replies to a command are merged by what servers declare of it (reference: command tips, redis.io). Undefined
 * for `special`, and for policies that are not known: nothing generic is right for those.
 */
export function policyOf(spec: CommandSpec): MergePolicy | undefined {
  const { responsePolicy, requestPolicy } = spec
  const effects = spec.write || responsePolicy === 'all_succeeded'
  const corrected = CORRECTED.get(spec.name)
  if (corrected !== undefined) return { rule: corrected, effects }
  if (responsePolicy === undefined) {
    return { rule: requestPolicy === 'multi_shard' ? 'ordered' : 'concatenated', effects }
  }
  if (!DECLARED.has(responsePolicy)) return undefined
  return { rule: responsePolicy as MergeRule, effects }
}

/**
 * Makes one raw reply of those to the parts of a request, or of those of several nodes to the same request. A single reply
 * is handed on as it is. Attributes before the replies are dropped. It takes time and memory in proportion to the bytes.
 *
 * Any error among the replies makes an error of the whole, never a partial result; `one_succeeded` alone needs all to fail. All
 * failing with the same error is that error, unchanged.
 */
export function mergeReplies(
  policy: MergePolicy,
  replies: readonly Buffer[],
  context: MergeContext
): Buffer {
  const { command } = context
  if (replies.length === 0) return errorFrame(replyText.noAnswer(command))
  if (replies.length === 1) return replies[0]!
  const failed = failures(replies, context.names)
  const enough = policy.rule === 'one_succeeded' && failed.length < replies.length
  if (failed.length > 0 && !enough) return failure(policy, replies, failed, context)
  const merged = RULES[policy.rule](replies, context)
  return merged ?? errorFrame(replyText.repliesUnlike(command))
}

/** Makes one reply of several without errors; undefined when they do not fit together. */
type Rule = (replies: readonly Buffer[], context: MergeContext) => Buffer | undefined

const RULES: Readonly<Record<MergeRule, Rule>> = {
  agg_sum: (replies, { protocol }) => aggregate('agg_sum', replies, protocol),
  agg_min: (replies, { protocol }) => aggregate('agg_min', replies, protocol),
  agg_max: (replies, { protocol }) => aggregate('agg_max', replies, protocol),
  agg_logical_and: (replies, { protocol }) => aggregate('agg_logical_and', replies, protocol),
  agg_logical_or: (replies, { protocol }) => aggregate('agg_logical_or', replies, protocol),
  all_succeeded: (replies) => bareValue(replies[0]!),
  one_succeeded: (replies) => replies.map(bareValue).find((reply) => !isError(reply, 0)),
  ordered,
  concatenated,
}

function failure(
  { effects }: MergePolicy,
  replies: readonly Buffer[],
  failed: readonly PartFailure[],
  context: MergeContext
): Buffer {
  if (failed.length === replies.length) {
    const first = bareValue(replies[0]!)
    if (replies.every((reply) => bareValue(reply).equals(first))) return first
  }
  return errorFrame(effects ? partialFailureText(failed, context) : firstFailureText(failed))
}

/** An error is the same in both versions of the protocol. */
/** A reply without the attributes before it. */
function bareValue(reply: Buffer): Buffer {
  return reply.subarray(valueStart(reply))
}

/** The items of arrays in the order of the keys that they belong to. */
function ordered(replies: readonly Buffer[], { parts = [] }: MergeContext): Buffer | undefined {
  let total = 0
  for (const { keys } of parts) total += keys.length
  const sources = new Int32Array(total)
  const starts = new Int32Array(total)
  const ends = new Int32Array(total)
  const header = `*${total}\r\n`
  let size = header.length
  for (let i = 0; i < replies.length; i++) {
    const items = itemsOf(replies[i]!)
    const keys = parts[i]?.keys
    if (items === undefined || items.type !== STAR || items.size !== keys?.length) return undefined
    for (const key of keys) {
      items.next()
      sources[key] = i
      starts[key] = items.start
      ends[key] = items.end
    }
    size += items.end - items.body
  }
  const merged = Buffer.allocUnsafeSlow(size)
  let at = merged.write(header, 'latin1')
  for (let key = 0; key < total; key++) {
    at += replies[sources[key]!]!.copy(merged, at, starts[key]!, ends[key]!)
  }
  return merged
}

/** An aggregate, or undefined for another reply. */
function itemsOf(reply: Buffer): FrameItems | undefined {
  const at = valueStart(reply)
  return isAggregate(reply, at) ? new FrameItems(reply, at) : undefined
}

/**
 * Aggregates of one kind end to end, without the nulls; sets and arrays together make an array. Other replies are one
 * reply where all are equal, else the items of an array.
 */
function concatenated(replies: readonly Buffer[]): Buffer | undefined {
  const present = replies.filter((reply) => !isNull(reply, valueStart(reply)))
  if (present.length === 0) return bareValue(replies[0]!)
  const all = present.map(itemsOf).filter((items) => items !== undefined)
  if (all.length === 0) return scalars(present.map(bareValue))
  if (all.length < present.length) return undefined
  const type = commonType(all)
  if (type === undefined) return undefined
  let count = 0
  for (const { size } of all) count += size
  const header = `${String.fromCharCode(type)}${type === MAP ? count / 2 : count}\r\n`
  return Buffer.concat([
    Buffer.from(header),
    ...present.map((reply, i) => reply.subarray(all[i]!.body)),
  ])
}

function commonType(all: readonly FrameItems[]): number | undefined {
  const { type } = all[0]!
  if (all.every((items) => items.type === type)) return type
  return all.every((items) => items.type === STAR || items.type === SET) ? STAR : undefined
}

function scalars(values: readonly Buffer[]): Buffer {
  const first = values[0]!
  if (values.every((value) => value.equals(first))) return first
  return Buffer.concat([Buffer.from(`*${values.length}\r\n`), ...values])
}
