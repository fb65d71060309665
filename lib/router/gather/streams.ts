import { integer, word } from '../../command/words.ts'
import {
  ErrorReply,
  NULL_ARRAY,
  type ProtocolVersion,
  RawReply,
  type ReplyValue,
} from '../../resp/encode.ts'
import { FrameItems, isNull } from '../../resp/frame.ts'
import {
  type AwaitedStream,
  type GatherCall,
  type GatherPlan,
  mergePlan,
  TEXTS,
} from './gather-plan.ts'
import { slotOf } from './key-groups.ts'

const GROUP_ONLY = (option: string): string =>
  `ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`

interface ReadOptions {
  /** BLOCK, in milliseconds; undefined without. */
  readonly timeout: number | undefined
  /** COUNT as it was written; undefined without. */
  readonly count: Buffer | undefined
  /** Index of the first key. */
  readonly first: number
}

/**
 * XREAD: each stream by itself, even where several share a slot, so that the first error is that of
 * the server. With BLOCK the plan is that of the first look, and tells what is to be waited for.
 */
export function planStreams({ args }: GatherCall): GatherPlan | ErrorReply {
  const options = readOptions(args)
  if (options instanceof ErrorReply) return options
  const { count, first, timeout } = options
  const before = count === undefined ? ['XREAD', 'STREAMS'] : ['XREAD', 'COUNT', count, 'STREAMS']
  const length = (args.length - first) / 2
  const streams: AwaitedStream[] = []
  for (let i = first; i < first + length; i++) {
    streams.push({ slot: slotOf(args[i]!), key: args[i]!, id: args[i + length]! })
  }
  const parts = streams.map(({ slot, key, id }) => ({ slot, args: [...before, key, id] }))
  const plan = mergePlan(parts, streamsReply)
  return timeout === undefined ? plan : { ...plan, wait: { timeout, count, streams } }
}

/** Reads the options in the order of `xreadCommand` in the server's `t_stream.c`. There is an id for each stream, else there would be no keys. */
function readOptions(args: readonly Buffer[]): ReadOptions | ErrorReply {
  let timeout: number | undefined
  let count: Buffer | undefined
  for (let i = 1; i < args.length; i++) {
    const name = word(args[i]!)
    const more = args.length - i - 1
    if (name === 'block' && more > 0) {
      const limit = timeLimit(args[++i]!)
      if (typeof limit !== 'number') return limit
      timeout = limit
    } else if (name === 'count' && more > 0) {
      count = args[++i]!
      if (integer(count) === undefined) return new ErrorReply(TEXTS.notInteger)
    } else if (name === 'streams' && more > 0) {
      return { timeout, count, first: i + 1 }
    } else if (name === 'group' && more > 1) return new ErrorReply(GROUP_ONLY('GROUP'))
    else if (name === 'noack') return new ErrorReply(GROUP_ONLY('NOACK'))
    else return new ErrorReply(TEXTS.syntax)
  }
  return new ErrorReply(TEXTS.syntax)
}

function timeLimit(argument: Buffer): number | ErrorReply {
  const timeout = integer(argument)
  if (timeout === undefined) return new ErrorReply('ERR timeout is not an integer or out of range')
  return timeout < 0n ? new ErrorReply('ERR timeout is negative') : Number(timeout)
}

/** The streams that have something, in the order of the request, as the bytes they are. */
function streamsReply(replies: readonly Buffer[], protocol: ProtocolVersion): ReplyValue {
  const filled = replies.filter((frame) => !isNull(frame, 0))
  if (filled.length === 0) return NULL_ARRAY
  const header = Buffer.from(`${protocol === 3 ? '%' : '*'}${filled.length}\r\n`)
  const bodies = filled.map((frame) => frame.subarray(new FrameItems(frame).body))
  return new RawReply(Buffer.concat([header, ...bodies]))
}
