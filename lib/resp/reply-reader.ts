import { borrow } from './large-buffers.ts'

/** What {@link ReplyReader.next} found. */
export const MORE = 0
/** A whole reply stands between `start` and `end`. */
export const FRAME = 1
/** The stream is broken; {@link ReplyReader.error} says how. Nothing after it may be read. */
export const BROKEN = 2
/** The end of a reply that was given up ({@link ReplyReader.drop}): there is nothing of it. */
export const DROPPED = 3

const CR = 13
const LF = 10
const ZERO = 48
const MINUS = 45
const DOLLAR = 36
const STAR = 42
const EMPTY: Buffer = Buffer.alloc(0)

/** Bytes that are read at a time; what is longer is gathered in a buffer of its own. */
const ROOM = 64 * 1024
/** A frame of which as much has come gets room for what it announces, up to this, at once. */
const TRUSTED = 4 * 1024
const AT_ONCE = 2 * 1024 * 1024

/** Longest reply: a larger buffer could not be had on every system. Lines may be as long, for a script can return one. */
const REPLY_LIMIT = 2147483647

/** Whether a buffer may be one that a reader puts the next bytes into; true for some others of its size, too. */
export function isReused(buffer: Buffer): boolean {
  return buffer.length === ROOM
}

/** How a type goes on after its first byte. */
const LINE = 1
const BULK = 2
const AGGREGATE = 3
const PAIRS = 4
const ATTRIBUTE = 5

/** First byte of a reply -> how it goes on: RESP2 and RESP3. Streamed types (`$?`, `*?`) no server sends: they are refused. */
const FORM = new Uint8Array(256)
for (const type of '+-:_,#(') FORM[type.charCodeAt(0)] = LINE
for (const type of '$=!') FORM[type.charCodeAt(0)] = BULK
for (const type of '*~>') FORM[type.charCodeAt(0)] = AGGREGATE
FORM['%'.charCodeAt(0)] = PAIRS
FORM['|'.charCodeAt(0)] = ATTRIBUTE

/**
 * Finds the end of each reply in the bytes of one node, RESP2 or RESP3, without decoding it.
 *
 * Nesting is counted and not stacked: an aggregate adds its items to the number of those still missing. So any depth costs
 * the same, an announced length allocates nothing, and a frame that comes in pieces goes on where it stopped.
 */
export class ReplyReader {
  /**
   * Holds the frame that {@link next} found, and perhaps others around it. Valid until the next {@link room}, and longer unless it is
   * {@link isReused}.
   */
  buffer: Buffer = EMPTY
  /** Where the frame begins. */
  start = 0
  /** One past where it ends. */
  end = 0
  /** Why the stream is broken; empty while it is not. */
  error = ''

  readonly #maxReplyLength: number
  #cursor = 0
  #length = 0
  /** Where reading begins, unless the open frame has a buffer of its own. */
  readonly #base: Buffer = Buffer.allocUnsafeSlow(ROOM)
  /** Whether the last frame was long, so that the next may be. */
  #long = false
  /** Items still missing of the frame that began at `start`; 0 between frames. */
  #missing = 0
  /** Whether nothing of the open frame is kept. */
  #dropping = false
  /** How far the open frame reaches at the least; spares looking at a long bulk again and again. */
  #least = 0

  constructor(limits: { maxReplyLength?: number } = {}) {
    this.#maxReplyLength = limits.maxReplyLength ?? REPLY_LIMIT
  }

  /** Bytes kept of a frame that is not whole yet. */
  get pendingBytes(): number {
    return this.#length - (this.#missing > 0 ? this.start : this.#cursor)
  }

  /**
   * Where the next bytes of the stream are to be put: behind what there is of the open frame, so that nothing is copied. All frames must
   * have been taken with {@link next}.
   */
  room(): Buffer {
    const rest = this.#missing > 0 ? this.start : this.#cursor
    const kept = this.#length - rest
    if (kept === 0) return this.#begin()
    const known = this.#least - rest
    const full = kept === this.buffer.length
    const outgrown = full || (this.buffer === this.#base && known > ROOM && kept >= TRUSTED)
    if (outgrown || (rest > 0 && kept > ROOM / 2))
      this.#moveTo(this.#enough(known, kept), rest, kept)
    else if (rest > 0) this.#moveTo(this.#base, rest, kept)
    return this.buffer.subarray(kept)
  }

  /** Nothing is open: reads into the buffer that every frame begins in. */
  #begin(): Buffer {
    const base = this.#base
    this.buffer = base
    this.#length = 0
    this.#cursor = 0
    this.start = 0
    this.#least = 0
    if (!this.#long) return base
    this.#long = false
    // A short look tells how much comes: all but that is read to where it stays.
    return base.subarray(0, TRUSTED)
  }

  /**
   * The buffer for a frame that outgrew the one it is in: as large as it announces, when that is all of it or about as far, and not too much; else
   * twice as large as what there is. So a frame in many pieces is copied a bounded number of times.
   */
  #enough(known: number, kept: number): Buffer {
    const most = Math.max(AT_ONCE, kept * 2.5)
    // Nothing can follow in the same buffer, which is therefore given back by whoever writes the frame.
    if (this.#missing === 1 && known > kept + 1 && known <= most) {
      this.#long = true
      return borrow(known)
    }
    return Buffer.allocUnsafeSlow(known >= kept * 1.25 && known <= most ? known : kept * 2)
  }

  /** Moves the rest to the front of `buffer`, which may be the one that it is in. */
  #moveTo(buffer: Buffer, rest: number, kept: number): void {
    this.buffer.copy(buffer, 0, rest, rest + kept)
    this.buffer = buffer
    this.#cursor -= rest
    this.#least -= rest
    this.#length = kept
    this.start = 0
  }

  /** The next `length` bytes of the stream stand in the {@link room}. */
  filled(length: number): void {
    this.#length += length
    if (this.#length - this.start > this.#maxReplyLength) this.#fail('a reply beyond every limit')
  }

  /** Keeps nothing of the frame that is not whole yet, but its last item, while that is not whole: its end is told as {@link DROPPED}. */
  drop(): void {
    this.#dropping = true
    this.start = this.#cursor
  }

  /** Looks for the next frame: {@link FRAME}, {@link MORE}, {@link BROKEN} or {@link DROPPED}. */
  next(): 0 | 1 | 2 | 3 {
    const buffer = this.buffer
    const length = this.#length
    let cursor = this.#cursor
    let missing = this.#missing
    // Where a line that came in part was looked through up to.
    const seen = this.#least - 1
    if (missing === 0) {
      if (this.error !== '') return BROKEN
      if (cursor >= length) return this.#release()
      this.start = cursor
      missing = 1
    } else if (length < this.#least) return MORE
    while (missing > 0) {
      if (cursor >= length) return this.#wait(cursor, missing, cursor + 1)
      const form = FORM[buffer[cursor]!]!
      if (form === 0) return this.#fail(`unexpected type byte 0x${buffer[cursor]!.toString(16)}`)
      let line = cursor + 1
      if (form === LINE) {
        if (line < seen) line = seen
        while (line < length && buffer[line] !== CR) line++
        if (line + 1 >= length) return this.#wait(cursor, missing, line + 1)
        if (buffer[line + 1] !== LF) return this.#fail('CR without LF in a line')
        cursor = line + 2
        missing--
        continue
      }
      let value = 0
      const first = line
      while (line < length && buffer[line] !== CR) {
        const digit = buffer[line]! - ZERO
        if (digit < 0 || digit > 9 || line - first > 14) {
          if (this.#isNull(line, first, buffer[cursor]!)) value = -1
          else return this.#fail('length is not a number')
        } else if (value < 0) {
          if (digit !== 1) return this.#fail('length is not a number')
        } else value = value * 10 + digit
        line++
      }
      if (line + 1 >= length) return this.#wait(cursor, missing, line + 1)
      if (buffer[line + 1] !== LF || line === first || (value < 0 && line !== first + 2)) {
        return this.#fail('length is not a number')
      }
      const body = line + 2
      if (form === BULK) {
        if (value < 0) {
          cursor = body
          missing--
          continue
        }
        const end = body + value
        if (end + 2 > length) return this.#wait(cursor, missing, end + 2)
        if (buffer[end] !== CR || buffer[end + 1] !== LF)
          return this.#fail('no CRLF after a bulk string')
        cursor = end + 2
        missing--
        continue
      }
      cursor = body
      if (form === ATTRIBUTE) missing += 2 * value
      else missing += value < 0 ? -1 : form === PAIRS ? 2 * value - 1 : value - 1
    }
    this.#cursor = cursor
    this.#missing = 0
    this.#least = 0
    this.end = cursor
    if (!this.#dropping) return FRAME
    this.#dropping = false
    return DROPPED
  }

  /** `-1` is the only number with a sign: the null bulk string and the null array of RESP2. */
  #isNull(at: number, first: number, type: number): boolean {
    return at === first && this.buffer[at] === MINUS && (type === DOLLAR || type === STAR)
  }

  /** Nothing is missing: a quiet node shall not pin the bytes of its last reply. */
  #release(): 0 {
    this.buffer = EMPTY
    this.#cursor = 0
    this.#length = 0
    return MORE
  }

  #wait(cursor: number, missing: number, least: number): 0 {
    this.#cursor = cursor
    this.#missing = missing
    this.#least = least
    if (this.#dropping) this.start = cursor
    return MORE
  }

  #fail(error: string): 2 {
    this.error = error
    this.#missing = 0
    return BROKEN
  }
}
