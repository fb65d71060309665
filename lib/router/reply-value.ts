import { ProxyError } from '../errors.ts'
import { Double, ErrorReply, type ReplyValue, SimpleString } from '../resp/encode.ts'
import { content, FrameItems, isAggregate, isError, isNull, valueStart } from '../resp/frame.ts'

/** Most levels of aggregates within aggregates in what a node is asked for its reports. */
const MAX_DEPTH = 32

/**
 * The value of a raw reply in either version of the protocol: strings as buffers, statuses as `SimpleString`, maps of RESP3 as `Map`, sets as arrays.
 * Throws `NODE_PROTOCOL` for what is nested too deep.
 */
export function replyValue(frame: Buffer, from = 0, depth = 0): ReplyValue {
  if (depth > MAX_DEPTH) throw new ProxyError('NODE_PROTOCOL', 'a reply is nested too deep')
  const at = valueStart(frame, from)
  if (isNull(frame, at)) return null
  if (isAggregate(frame, at)) return aggregateValue(frame, at, depth)
  const bytes = content(frame, at)
  if (isError(frame, at)) return new ErrorReply(bytes)
  switch (String.fromCharCode(frame[at]!)) {
    case ':':
      return BigInt(bytes.toString('latin1'))
    case ',':
      return new Double(numberOf(bytes))
    case '#':
      return bytes[0] === 0x74
    case '+':
      return new SimpleString(bytes.toString())
    default:
      return bytes
  }
}

function aggregateValue(frame: Buffer, at: number, depth: number): ReplyValue {
  const items = new FrameItems(frame, at)
  const values: ReplyValue[] = []
  while (items.next()) values.push(replyValue(frame, items.start, depth + 1))
  if (String.fromCharCode(items.type) !== '%') return values
  return new Map(pairsOf(values))
}

/** The pairs of a map: of a `Map`, or of an array of names and values in turn, which RESP2 has instead. */
export function pairsOf(value: ReplyValue): [ReplyValue, ReplyValue][] {
  if (value instanceof Map) return [...value]
  const items = listOf(value)
  const pairs: [ReplyValue, ReplyValue][] = []
  for (let i = 0; i + 1 < items.length; i += 2) pairs.push([items[i]!, items[i + 1]!])
  return pairs
}

/** A map by the texts of its names. */
export function fieldsOf(value: ReplyValue): Map<string, ReplyValue> {
  const fields = new Map<string, ReplyValue>()
  for (const [name, each] of pairsOf(value)) fields.set(textOf(name), each)
  return fields
}

/** The items of an array; none of another value. */
export function listOf(value: ReplyValue | undefined): readonly ReplyValue[] {
  return Array.isArray(value) ? (value as readonly ReplyValue[]) : []
}

/** A string or status as text; empty for other values. */
export function textOf(value: ReplyValue | undefined): string {
  if (typeof value === 'string') return value
  if (value instanceof SimpleString) return value.text
  return value instanceof Uint8Array ? Buffer.from(value).toString() : ''
}

/** A number, or a text that is one (doubles in RESP2); undefined for other values. */
export function numericOf(value: ReplyValue | undefined): number | undefined {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Double) return value.value
  const text = textOf(value)
  const number = numberOf(Buffer.from(text))
  return text.trim() === '' || Number.isNaN(number) ? undefined : number
}

/** A whole number; 0 for other values. */
export function wholeOf(value: ReplyValue | undefined): bigint {
  if (typeof value === 'bigint') return value
  const number = numericOf(value) ?? 0
  return Number.isFinite(number) ? BigInt(Math.trunc(number)) : 0n
}

function numberOf(bytes: Buffer): number {
  const text = bytes.toString('latin1')
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return Number(text)
}
