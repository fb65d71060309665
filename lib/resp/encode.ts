/**
 * Builds the replies that the proxy gives itself, for the protocol version that the client chose.
 *
 * @module
 */

/** A RESP protocol version. */
export type ProtocolVersion = 2 | 3

/** `+text`: a status. */
export class SimpleString {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/**
 * `-text`: an error; `text` begins with its code, such as `ERR` or `NOAUTH`. Give bytes where it quotes what a client
 * sent, which need not be UTF-8.
 */
export class ErrorReply {
  readonly text: string
  /** What is written; the same as `text`, but for bytes that are no UTF-8. */
  readonly bytes: Uint8Array
  constructor(text: string | Uint8Array) {
    this.bytes = typeof text === 'string' ? Buffer.from(text) : text
    this.text = typeof text === 'string' ? text : Buffer.from(text).toString()
  }
}

/** A double: `,1.5` in RESP3, the same text as a bulk string in RESP2. */
export class Double {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** Text with a format of three letters: `=` in RESP3, a bulk string without the format in RESP2. */
export class Verbatim {
  readonly text: string
  readonly format: string
  constructor(text: string, format = 'txt') {
    this.text = text
    this.format = format
  }
}

/** A push: `>` in RESP3, an array in RESP2. */
export class Push {
  readonly items: readonly ReplyValue[]
  constructor(items: readonly ReplyValue[]) {
    this.items = items
  }
}

/** A reply that is encoded already, for whichever version; forwarded as it is. */
export class RawReply {
  readonly bytes: Buffer
  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}

/** The null array: `*-1` in RESP2, `_` in RESP3 (plain `null` is `$-1` in RESP2). */
export const NULL_ARRAY: unique symbol = Symbol('null array')

/**
 * A reply as a value: strings and bytes are bulk strings, numbers (whole) and bigints integers, `null` the null bulk,
 * booleans `#t`/`#f` (`:1`/`:0` in RESP2), a `Map` a map (flat array in RESP2), a `Set` a set (array in RESP2).
 */
export type ReplyValue =
  | string
  | Uint8Array
  | number
  | bigint
  | boolean
  | null
  | typeof NULL_ARRAY
  | SimpleString
  | ErrorReply
  | Double
  | Verbatim
  | Push
  | RawReply
  | readonly ReplyValue[]
  | ReadonlyMap<ReplyValue, ReplyValue>
  | ReadonlySet<ReplyValue>

/** `+OK`, ready to hand out. */
export const OK: SimpleString = new SimpleString('OK')

const CR = 13
const LF = 10
const BLANK = 32
const CRLF: Buffer = Buffer.from('\r\n')

/** Encodes a reply for a client of the given protocol version. */
export function encodeReply(value: ReplyValue, protocol: ProtocolVersion): Buffer {
  const parts: Uint8Array[] = []
  encodeInto(parts, value, protocol === 3)
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
}

/** An error reply as bytes, the same in both versions; `text` begins with its code. */
export function errorFrame(text: string): Buffer {
  return encodeReply(new ErrorReply(text), 2)
}

function encodeInto(parts: Uint8Array[], value: ReplyValue, three: boolean): void {
  if (typeof value === 'string') bulk(parts, Buffer.from(value))
  else if (value instanceof Uint8Array) bulk(parts, value)
  else if (typeof value === 'object' && value !== null) object(parts, value, three)
  else parts.push(Buffer.from(`${scalar(value, three)}\r\n`))
}

function scalar(value: number | bigint | boolean | null | symbol, three: boolean): string {
  if (value === null) return three ? '_' : '$-1'
  if (value === NULL_ARRAY) return three ? '_' : '*-1'
  if (typeof value !== 'boolean') return `:${String(value)}`
  if (three) return value ? '#t' : '#f'
  return value ? ':1' : ':0'
}

function object(parts: Uint8Array[], value: ReplyValue & object, three: boolean): void {
  if (value instanceof SimpleString) line(parts, '+', Buffer.from(value.text))
  else if (value instanceof ErrorReply) line(parts, '-', value.bytes)
  else if (value instanceof RawReply) parts.push(value.bytes)
  else if (value instanceof Double) double(parts, value, three)
  else if (value instanceof Verbatim) verbatim(parts, value, three)
  else aggregate(parts, value as Aggregate, three)
}

/** A line may hold no line end: one at its end is cut and others become blanks, as in the server's own errors. */
function line(parts: Uint8Array[], prefix: string, text: Uint8Array): void {
  let end = text.length
  while (end > 0 && (text[end - 1] === CR || text[end - 1] === LF)) end--
  const clean = text.subarray(0, end).map((byte) => (byte === CR || byte === LF ? BLANK : byte))
  parts.push(Buffer.from(prefix), clean, CRLF)
}

function bulk(parts: Uint8Array[], bytes: Uint8Array): void {
  parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF)
}

function double(parts: Uint8Array[], { value }: Double, three: boolean): void {
  const text = Buffer.from(doubleText(value))
  if (three) line(parts, ',', text)
  else bulk(parts, text)
}

function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  return Object.is(value, -0) ? '-0' : String(value)
}

function verbatim(parts: Uint8Array[], value: Verbatim, three: boolean): void {
  const text = Buffer.from(value.text)
  if (!three) bulk(parts, text)
  else parts.push(Buffer.from(`=${text.length + 4}\r\n${value.format}:`), text, CRLF)
}

type Aggregate =
  | Push
  | readonly ReplyValue[]
  | ReadonlyMap<ReplyValue, ReplyValue>
  | ReadonlySet<ReplyValue>

function aggregate(parts: Uint8Array[], value: Aggregate, three: boolean): void {
  if (value instanceof Map) {
    parts.push(Buffer.from(three ? `%${value.size}\r\n` : `*${value.size * 2}\r\n`))
    for (const entry of value) for (const item of entry) encodeInto(parts, item, three)
  } else if (value instanceof Set) {
    elements(parts, three ? '~' : '*', value, value.size, three)
  } else if (value instanceof Push) {
    elements(parts, three ? '>' : '*', value.items, value.items.length, three)
  } else {
    const items = value as readonly ReplyValue[]
    elements(parts, '*', items, items.length, three)
  }
}

function elements(
  parts: Uint8Array[],
  prefix: string,
  values: Iterable<ReplyValue>,
  size: number,
  three: boolean
): void {
  parts.push(Buffer.from(`${prefix}${size}\r\n`))
  for (const value of values) encodeInto(parts, value, three)
}
