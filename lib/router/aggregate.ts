import { Double, encodeReply, type ProtocolVersion } from '../resp/encode.ts'
import { content, FrameItems, isAggregate, isNull, valueEnd, valueStart } from '../resp/frame.ts'

/** How numbers of several nodes become one, by the names that servers give in `response_policy`. */
export type Aggregation = 'agg_sum' | 'agg_min' | 'agg_max' | 'agg_logical_and' | 'agg_logical_or'

const INTEGER = /^[+-]?\d{1,4000}$/
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

/** A number of a reply: its value, and the bytes that it came as. */
interface Figure {
  readonly value: number | bigint
  readonly bytes: Buffer
}

/**
 * The numbers of several replies as one, or, when the replies are arrays, their first items as one, their second items and so
 * on. Nulls do not count. Undefined when that cannot be done: replies of other types, or arrays of different length, or
 * in RESP2 a sum beyond 64 bits.
 */
export function aggregate(
  aggregation: Aggregation,
  replies: readonly Buffer[],
  protocol: ProtocolVersion
): Buffer | undefined {
  const first = replies[0]!
  const at = valueStart(first)
  if (isAggregate(first, at) && !isNull(first, at)) return eachItem(aggregation, replies, protocol)
  const starts = replies.map((reply) => valueStart(reply))
  return combined(aggregation, replies, starts, protocol)
}

function eachItem(
  aggregation: Aggregation,
  replies: readonly Buffer[],
  protocol: ProtocolVersion
): Buffer | undefined {
  const rows: FrameItems[] = []
  for (const reply of replies) {
    const at = valueStart(reply)
    if (!isAggregate(reply, at)) return undefined
    rows.push(new FrameItems(reply, at))
  }
  const { type, size } = rows[0]!
  if (rows.some((row) => row.type !== type || row.size !== size)) return undefined
  const header = replies[0]!.subarray(valueStart(replies[0]!), rows[0]!.body)
  const pieces: Buffer[] = [header]
  for (let i = 0; i < size; i++) {
    for (const row of rows) row.next()
    const starts = rows.map((row, reply) => valueStart(replies[reply]!, row.start))
    const piece = combined(aggregation, replies, starts, protocol)
    if (piece === undefined) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** The values that begin at `starts` as one; that of the first reply when all are null. */
function combined(
  aggregation: Aggregation,
  replies: readonly Buffer[],
  starts: readonly number[],
  protocol: ProtocolVersion
): Buffer | undefined {
  const figures: Figure[] = []
  for (let i = 0; i < replies.length; i++) {
    const reply = replies[i]!
    const at = starts[i]!
    if (isNull(reply, at)) continue
    const value = numberAt(reply, at)
    if (value === undefined) return undefined
    figures.push({ value, bytes: reply.subarray(at, valueEnd(reply, at)) })
  }
  if (figures.length === 0)
    return replies[0]!.subarray(starts[0]!, valueEnd(replies[0]!, starts[0]!))
  return AGGREGATIONS[aggregation](figures, protocol)
}

const AGGREGATIONS: Readonly<
  Record<Aggregation, (figures: Figure[], protocol: ProtocolVersion) => Buffer | undefined>
> = {
  agg_sum: sum,
  agg_min: (figures) => figures.reduce((a, b) => (b.value < a.value ? b : a)).bytes,
  agg_max: (figures) => figures.reduce((a, b) => (b.value > a.value ? b : a)).bytes,
  agg_logical_and: (figures, protocol) => truth(figures, figures.every(isTrue), protocol),
  agg_logical_or: (figures, protocol) => truth(figures, figures.some(isTrue), protocol),
}

function sum(figures: readonly Figure[], protocol: ProtocolVersion): Buffer | undefined {
  let whole = 0n
  let broken = 0
  let isWhole = true
  for (const { value } of figures) {
    if (typeof value === 'bigint') whole += value
    else {
      broken += value
      isWhole = false
    }
  }
  if (!isWhole) return encodeReply(new Double(broken + Number(whole)), protocol)
  const fits = whole <= INT64_MAX && whole >= INT64_MIN
  if (!fits && protocol === 2) return undefined
  const big = !fits || figures.some(({ bytes }) => bytes[0] === BIG)
  return big ? Buffer.from(`(${whole}\r\n`) : encodeReply(whole, protocol)
}

const BIG = 0x28
const BOOLEAN = 0x23

/** As a boolean where the nodes said so, else as 1 or 0. */
function truth(figures: readonly Figure[], isSo: boolean, protocol: ProtocolVersion): Buffer {
  if (figures[0]!.bytes[0] === BOOLEAN) return encodeReply(isSo, protocol)
  return encodeReply(isSo ? 1 : 0, protocol)
}

function isTrue({ value }: Figure): boolean {
  return typeof value === 'bigint' ? value !== 0n : value !== 0
}

/** An integer, a big number, a double or a boolean; undefined for other types. */
function numberAt(frame: Buffer, at: number): number | bigint | undefined {
  const type = String.fromCharCode(frame[at]!)
  if (type !== ':' && type !== '(' && type !== ',' && type !== '#') return undefined
  const text = content(frame, at).toString('latin1')
  if (type === '#') return text === 't' ? 1n : 0n
  if (type === ',') return doubleOf(text)
  return INTEGER.test(text) ? BigInt(text) : undefined
}

function doubleOf(text: string): number {
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return Number(text)
}
