/**
 * Walks over the bytes of one reply, RESP2 or RESP3, without decoding it: items are byte ranges.
 *
 * Nesting is counted and not stacked, so any depth costs the same, and every byte is looked at a bounded number of times.
 *
 * @module
 */

import { ProxyError } from '../errors.ts'

const CR = 13
const ZERO = 48
const MINUS = 45
const DOLLAR = 36
const STAR = 42
const NULL = 95
const ATTRIBUTE = 124
const ERROR = 45
const BULK_ERROR = 33
const VERBATIM = 61
/** `txt:` and the like, which stand before a verbatim string. */
const FORMAT_LENGTH = 4

/** How a type goes on after its first byte. */
const LINE = 1
const BULK = 2
const AGGREGATE = 3
const PAIRS = 4

const FORM = new Uint8Array(256)
for (const type of '+-:_,#(') FORM[type.charCodeAt(0)] = LINE
for (const type of '$=!') FORM[type.charCodeAt(0)] = BULK
for (const type of '*~>') FORM[type.charCodeAt(0)] = AGGREGATE
for (const type of '%|') FORM[type.charCodeAt(0)] = PAIRS

/** Whether the value that begins at `at` holds others: an array, a set, a push or a map. A null array does too, none. */
export function isAggregate(frame: Buffer, at: number): boolean {
  return FORM[frame[at]!]! >= AGGREGATE
}

/** Whether the value that begins at `at` is an error, of one line or of RESP3's long form. */
export function isError(frame: Buffer, at: number): boolean {
  return frame[at] === ERROR || frame[at] === BULK_ERROR
}

/** Whether the value that begins at `at` is one of the three nulls: `_`, `$-1`, `*-1`. */
export function isNull(frame: Buffer, at: number): boolean {
  const type = frame[at]!
  return type === NULL || ((type === DOLLAR || type === STAR) && frame[at + 1] === MINUS)
}

/** Where the value itself begins: behind the attributes that may stand at `at`, 0 by default. */
export function valueStart(frame: Buffer, at = 0): number {
  let start = at
  while (frame[start] === ATTRIBUTE) start = skip(frame, start, 0)
  return start
}

/** One past the end of the value that begins at `at`, its attributes included. */
export function valueEnd(frame: Buffer, at: number): number {
  return skip(frame, at, 1)
}

/**
 * The bytes of the value that begins at `at`, as a view: what stands on its line, or in its bulk string, of a verbatim string
 * without the format. Empty for nulls; not for aggregates.
 */
export function content(frame: Buffer, at: number): Buffer {
  const lineEnd = endOfLine(frame, at)
  if (FORM[frame[at]!] !== BULK) return frame.subarray(at + 1, lineEnd - 2)
  const length = announced(frame, at, lineEnd)
  if (length < 0) return frame.subarray(lineEnd, lineEnd)
  const start = frame[at] === VERBATIM ? lineEnd + FORMAT_LENGTH : lineEnd
  return frame.subarray(start, lineEnd + length)
}

/**
 * The items of an aggregate one by one, as byte ranges of the frame. An item with attributes begins at them. A map has two items
 * for each of its pairs; a null array has none.
 */
export class FrameItems {
  /** First byte of the aggregate, such as that of `*`. */
  readonly type: number
  /** How many items there are. */
  readonly size: number
  /** Where the first item begins. */
  readonly body: number
  /** Where the item that {@link next} found begins. */
  start: number
  /** One past where it ends. */
  end: number

  readonly #frame: Buffer
  #left: number

  /** `at` is where the aggregate begins, or attributes before it; 0 by default. Throws `NODE_PROTOCOL` on other types. */
  constructor(frame: Buffer, at = 0) {
    const start = valueStart(frame, at)
    if (!isAggregate(frame, start)) throw broken('an aggregate was expected')
    this.#frame = frame
    this.type = frame[start]!
    this.body = endOfLine(frame, start)
    this.size = itemsOf(frame, start, this.body)
    this.start = this.body
    this.end = this.body
    this.#left = this.size
  }

  /** Goes on to the next item; false when there is none. */
  next(): boolean {
    if (this.#left === 0) return false
    this.#left--
    this.start = this.end
    this.end = skip(this.#frame, this.start, 1)
    return true
  }
}

/**
 * One past the end of `values` values from `at` on. An attribute is no value: it adds its items, and what it stands before is
 * still missing. With 0 values, `at` must be that of an attribute, whose end is given.
 */
function skip(frame: Buffer, at: number, values: number): number {
  let cursor = at
  let missing = values
  do {
    const form = FORM[frame[cursor]!]
    const body = endOfLine(frame, cursor)
    if (form === LINE) {
      cursor = body
      missing--
    } else if (form === BULK) {
      const length = announced(frame, cursor, body)
      cursor = length < 0 ? body : body + length + 2
      missing--
    } else {
      missing += itemsOf(frame, cursor, body) - (frame[cursor] === ATTRIBUTE ? 0 : 1)
      cursor = body
    }
  } while (missing > 0)
  if (cursor > frame.length) throw broken('it ends early')
  return cursor
}

/** How many items the aggregate announces whose first line ends at `body`. */
function itemsOf(frame: Buffer, at: number, body: number): number {
  const form = FORM[frame[at]!]!
  if (form < AGGREGATE) throw broken(`it has the type byte ${frame[at]}`)
  const count = announced(frame, at, body)
  if (count < 0) return 0
  return form === PAIRS ? 2 * count : count
}

/** One past the line that begins at `at`. */
function endOfLine(frame: Buffer, at: number): number {
  const { length } = frame
  let end = at
  while (end < length && frame[end] !== CR) end++
  if (end + 1 >= length) throw broken('it ends early')
  return end + 2
}

/** The length on the line between `at` and `lineEnd`; negative for null. */
function announced(frame: Buffer, at: number, lineEnd: number): number {
  if (frame[at + 1] === MINUS) return -1
  let value = 0
  for (let i = at + 1; i < lineEnd - 2; i++) {
    const digit = frame[i]! - ZERO
    if (digit < 0 || digit > 9) throw broken('a length is not a number')
    value = value * 10 + digit
  }
  return value
}

function broken(why: string): ProxyError {
  return new ProxyError('NODE_PROTOCOL', `a reply of a node is not one RESP value: ${why}`)
}
