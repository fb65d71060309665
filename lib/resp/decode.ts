import RedisParser from 'redis-parser'
import { ProxyError } from '../errors.ts'
import { ErrorReply } from './encode.ts'

/** A reply as plain values: simple and bulk strings alike are text, errors {@link ErrorReply}. */
export type DecodedReply = string | number | null | ErrorReply | readonly DecodedReply[]

const CR = 13
const LF = 10
/** Most levels of arrays within arrays, far above any reply that the proxy asks for. */
const MOST_DEPTH = 64
const NUMBER = /^(?:0|-?[1-9]\d{0,18})$/

/**
 * Decodes one whole RESP2 reply from a connection of the proxy's own. Throws a `NODE_PROTOCOL` {@link ProxyError} for
 * bytes that are not exactly one reply, and for one that is nested deeper than 64 levels. Integers beyond 2^53 lose
 * their last digits.
 */
export function decodeReply(frame: Buffer): DecodedReply {
  // redis-parser recurses and believes every length, so nothing that was not walked first may reach it.
  walk(frame)
  const found: unknown[] = []
  const keep = (reply: unknown): void => {
    found.push(reply)
  }
  new RedisParser({
    returnReply: keep,
    returnError: keep,
    returnFatalError: keep,
  }).execute(frame)
  return plain(found[0])
}

/** Replaces the parser's error objects, which are kept within arrays as well. */
function plain(value: unknown): DecodedReply {
  if (value instanceof Error) return new ErrorReply(value.message)
  if (Array.isArray(value)) return value.map(plain)
  return value as DecodedReply
}

/** Sees that `frame` is one whole reply, with a stack of its own: how many elements each open array still lacks. */
function walk(frame: Buffer): void {
  const open: number[] = []
  let at = 0
  do {
    if (at >= frame.length) throw broken('it ends early')
    const end = lineEnd(frame, at)
    const size = announced(frame, at, end)
    const array = frame[at] === 0x2a
    at = end + 2
    if (open.length > 0) open[open.length - 1]! -= 1
    if (array && size > 0) {
      if (open.length >= MOST_DEPTH) throw broken(`it is nested deeper than ${MOST_DEPTH}`)
      open.push(size)
    } else if (!array && size >= 0) {
      at = bulkEnd(frame, at, size)
    }
    while (open.at(-1) === 0) open.pop()
  } while (open.length > 0)
  if (at !== frame.length) throw broken('more follows')
}

function lineEnd(frame: Buffer, at: number): number {
  const end = frame.indexOf(CR, at)
  if (end < 0 || frame[end + 1] !== LF) throw broken('a line does not end')
  return end
}

function bulkEnd(frame: Buffer, at: number, size: number): number {
  const end = at + size
  if (frame[end] !== CR || frame[end + 1] !== LF) throw broken('a bulk string does not end')
  return end + 2
}

/** The length of a bulk string or an array; -1 for null, and for what has none. */
function announced(frame: Buffer, at: number, end: number): number {
  const type = String.fromCharCode(frame[at]!)
  if (type === '+' || type === '-') return -1
  const digits = frame.toString('latin1', at + 1, end)
  if (!(type === ':' || type === '$' || type === '*')) throw broken(`it has the type '${type}'`)
  if (!NUMBER.test(digits)) throw broken(`'${digits.slice(0, 32)}' is no number`)
  if (type === ':') return -1
  const size = Number(digits)
  if (size < -1) throw broken(`the length ${digits} is negative`)
  return size
}

function broken(why: string): ProxyError {
  return new ProxyError('NODE_PROTOCOL', `a reply of a node is not one RESP2 value: ${why}`)
}
