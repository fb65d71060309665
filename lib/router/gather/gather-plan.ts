import type { CommandSpec } from '../../command/spec.ts'
import { ErrorReply, type ProtocolVersion, type ReplyValue } from '../../resp/encode.ts'
import { content, isError } from '../../resp/frame.ts'

/** A read that one node carries out for a gathered command. */
export interface GatherPart {
  /** Slot of all of its keys. */
  readonly slot: number
  /** The command, its name first. */
  readonly args: readonly (string | Uint8Array)[]
}

/** A stream that is read from an id on. */
export interface AwaitedStream {
  readonly slot: number
  readonly key: Buffer
  readonly id: Buffer
}

/** What an XREAD with BLOCK waits for when none of its streams has anything yet. */
export interface StreamWait {
  /** Milliseconds; 0: for ever. */
  readonly timeout: number
  /** COUNT as it was written; undefined without. */
  readonly count: Buffer | undefined
  /** In the order of the request. */
  readonly streams: readonly AwaitedStream[]
}

/**
 * How the reply to a command over several slots is made of the replies to reads of single slots.
 */
export interface GatherPlan {
  /** The parts, which may be sent together; never none. */
  readonly parts: readonly GatherPart[]
  /**
   * Whether {@link GatherPlan.finish} must be given errors as well, since which of them is the
   * reply, and in which words, depends on the command. If not, the first error among the replies,
   * in the order of the parts, is the reply as it stands.
   */
  readonly expectsErrors: boolean
  /** Set if a null reply is not the end: the command then waits for what comes. */
  readonly wait?: StreamWait
  /**
   * Makes the reply of the raw frames of the parts' replies, in the order of the parts and in the
   * client's protocol version. An error that it does not expect becomes the reply. Throws a
   * `NODE_PROTOCOL` ProxyError on frames that the parts cannot have.
   */
  finish(replies: readonly Buffer[], protocol: ProtocolVersion): ReplyValue
}

/** A request as the planners get it, with a number of arguments that the command takes. */
export interface GatherCall {
  readonly spec: CommandSpec
  /** All arguments, the name first. */
  readonly args: readonly Buffer[]
  /**
   * Version of the nodes, such as `7.0.15`: some words and the way to write a double have changed.
   */
  readonly version: string
}

/** Makes the plan for one command; undefined for a call of it that cannot be gathered. */
export type GatherPlanner = (call: GatherCall) => GatherPlan | ErrorReply | undefined

/** Texts of errors that several of the commands share; those of Redis. */
export const TEXTS = {
  syntax: 'ERR syntax error',
  notInteger: 'ERR value is not an integer or out of range',
  negativeLimit: "ERR LIMIT can't be negative",
  wrongType: 'WRONGTYPE Operation against a key holding the wrong kind of value',
} as const

/**
 * A plan whose parts fail only as the whole command would: the first error is the reply, otherwise
 * `merge` makes it.
 */
export function mergePlan(
  parts: readonly GatherPart[],
  merge: (replies: readonly Buffer[], protocol: ProtocolVersion) => ReplyValue
): GatherPlan {
  const finish = (replies: readonly Buffer[], protocol: ProtocolVersion): ReplyValue =>
    firstError(replies) ?? merge(replies, protocol)
  return { parts, expectsErrors: false, finish }
}

/** The error that a frame is; undefined for any other reply. */
export function errorOf(frame: Buffer): ErrorReply | undefined {
  return isError(frame, 0) ? new ErrorReply(content(frame, 0)) : undefined
}

/** The first error among frames; undefined when there is none. */
export function firstError(frames: readonly Buffer[]): ErrorReply | undefined {
  const found = frames.find((frame) => isError(frame, 0))
  return found === undefined ? undefined : errorOf(found)
}
