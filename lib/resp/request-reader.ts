import { splitInline } from './inline.ts'
import { borrow } from './large-buffers.ts'

/** What {@link RequestReader.next} found. */
export const MORE = 0
/** A whole request stands in the reader's fields. */
export const REQUEST = 1
/** The stream is broken; {@link RequestReader.error} says how. Nothing after it may be read. */
export const BROKEN = 2

/** Longest line without a newline that the server waits for (`PROTO_INLINE_MAX_SIZE`). */
const LINE_LIMIT = 64 * 1024
/** Longest request: offsets are 32 bits wide, and a larger buffer could not be had on every system. */
const REQUEST_LIMIT = 2147483647
/** Most arguments that one request may announce (`INT_MAX`, as in the server). */
const ARGUMENT_LIMIT = 2147483647
/** What a client may announce before it is authenticated (as in the server since 6.2.6). */
const UNAUTHENTICATED_ARGUMENT_LIMIT = 10
const UNAUTHENTICATED_BULK_LIMIT = 16384
/** Offsets kept from one request to the next; a larger array is dropped after use. */
const OFFSETS_KEPT = 2048

/** A request of which as much has come gets room for what it announces, up to this, at once. */
export const TRUSTED: number = 16 * 1024
const AT_ONCE = 2 * 1024 * 1024

/** An argument of which as much is missing may be read to its place. */
const LONG = 16 * 1024

const CR = 13
const LF = 10
const STAR = 42
const DOLLAR = 36
const MINUS = 45
const ZERO = 48

/**
 * The arguments of one request as offsets into a buffer, the command's name being the first.
 * Argument `i` is `buffer[offsets[2 * i]]` up to, not including, `buffer[offsets[2 * i + 1]]`.
 */
export interface RequestView {
  /** Holds the whole request, as a RESP array of bulk strings, and perhaps others around it. */
  readonly buffer: Buffer
  /** Where the request begins in `buffer`. */
  readonly start: number
  /** One past where it ends. */
  readonly end: number
  /** How many arguments it has, the name included; at least 1. */
  readonly argc: number
  /** Start and end of each argument, two numbers each; only the first `2 * argc` mean anything. */
  readonly offsets: Int32Array
}

/** Limits that a {@link RequestReader} keeps. */
export interface RequestLimits {
  /** Longest argument in bytes; default 512 MiB, the server's `proto-max-bulk-len`. */
  maxBulkLength?: number
  /** Most bytes of one request that are waited for; default and most 2 GiB. The server has a limit of its own kind. */
  maxRequestLength?: number
}

/**
 * Reads the requests of one client in place: RESP arrays of bulk strings, and inline commands.
 *
 * Feed it chunks, then call {@link RequestReader.next} until it answers {@link MORE}. Between two calls
 * {@link RequestReader.request} describes the request that was found. A request that lies whole in one chunk is never
 * copied; the rest of a chunk that holds no whole request is. Lengths are checked as strictly as the server's
 * `string2ll` does, and line ends more strictly (the server skips two bytes after a bulk unseen), so that the bytes of a
 * request may be forwarded as they came.
 *
 * An announced length allocates nothing: memory grows with what has arrived, to at most two and a half times as much.
 */
export class RequestReader implements RequestView {
  buffer: Buffer = EMPTY
  start = 0
  end = 0
  argc = 0
  offsets: Int32Array = new Int32Array(16)

  /** Why the stream is broken, as the server words it, without `-ERR `, one character per byte; empty while it is not. */
  error = ''
  /** Lift of the limits that hold before AUTH; the session sets it. */
  authenticated = true

  /** Where reading goes on, and where the bytes in hand end. */
  #cursor = 0
  #length = 0
  /** Whether `buffer` was allocated here and has room behind `#length` (else it is the socket's chunk). */
  #own = false
  /** Of the request that is being read: announced arguments (-1: header not read), and length of the open bulk (-1: none). */
  #announced = -1
  #bulk = -1
  readonly #maxBulkLength: number
  readonly #maxRequestLength: number

  constructor(limits: RequestLimits = {}) {
    this.#maxBulkLength = limits.maxBulkLength ?? 512 * 1024 * 1024
    this.#maxRequestLength = Math.min(limits.maxRequestLength ?? REQUEST_LIMIT, REQUEST_LIMIT)
  }

  /** Bytes kept of a request that is not whole yet. */
  get pendingBytes(): number {
    return this.#length - this.#cursorOfRest()
  }

  #cursorOfRest(): number {
    return this.#announced >= 0 ? this.start : this.#cursor
  }

  /** Gives the reader the next bytes of the stream. All requests of the former ones must have been taken with {@link next}. */
  feed(chunk: Buffer, start = 0, end: number = chunk.length): void {
    const rest = this.#cursorOfRest()
    const kept = this.#length - rest
    if (kept === 0) {
      this.buffer = chunk
      this.#own = false
      this.#length = end
      this.#cursor = start
      this.start = start
      return
    }
    const needed = kept + end - start
    if (needed > this.#maxRequestLength) {
      this.#fail('too big request')
      return
    }
    if (!this.#own || rest > 0 || this.buffer.length < needed) this.#move(rest, kept, needed)
    chunk.copy(this.buffer, this.#length, start, end)
    this.#length += end - start
  }

  /**
   * Where the next bytes of a long argument may be put at once, so that they need not be copied; undefined where that is not worth it. They are
   * announced by {@link filled}.
   */
  room(): Buffer | undefined {
    if (this.#bulk < LONG) return undefined
    const rest = this.start
    const kept = this.#length - rest
    const missing = this.#cursor + this.#bulk + 2 - this.#length
    if (kept + missing > this.#maxRequestLength) return undefined
    if (!this.#own || rest > 0 || this.buffer.length === kept) {
      if (missing < LONG) return undefined
      this.#move(rest, kept, kept + LONG)
    }
    return this.buffer.subarray(this.#length)
  }

  /** Takes what there is of a request out of a chunk that will not last. */
  keep(): void {
    const rest = this.#cursorOfRest()
    const kept = this.#length - rest
    if (kept > 0 && !this.#own) this.#move(rest, kept, kept + 1)
  }

  /** Forgets the chunk that was given last and was all that there is: it will be given again. */
  restart(): void {
    this.#announced = -1
    this.#bulk = -1
    this.error = ''
    this.#release()
  }

  /** `length` more bytes of the stream stand in the {@link room}. */
  filled(length: number): void {
    this.#length += length
  }

  /** Moves the rest to the front of a buffer with room for `needed` bytes. */
  #move(rest: number, kept: number, needed: number): void {
    const bulkEnd = this.#bulk < 0 ? 0 : this.#cursor - rest + this.#bulk + 2
    const size = roomFor(kept, needed, bulkEnd)
    // Nothing can follow the last argument in a buffer that ends with it: once the request is answered nobody needs that any more.
    const exact = size === bulkEnd && this.argc + 1 === this.#announced
    const grown = exact ? borrow(size) : Buffer.allocUnsafeSlow(size)
    this.buffer.copy(grown, 0, rest, rest + kept)
    if (rest > 0 && this.#announced >= 0) {
      const offsets = this.offsets
      for (let i = 0; i < 2 * this.argc; i++) offsets[i]! -= rest
    }
    this.buffer = grown
    this.#own = true
    this.#cursor -= rest
    this.#length = kept
    this.start = 0
  }

  /** An idle client shall not pin the bytes of its last request. */
  #release(): void {
    this.buffer = EMPTY
    this.#cursor = 0
    this.#length = 0
    if (this.offsets.length > OFFSETS_KEPT) this.offsets = new Int32Array(16)
  }

  /** Looks for the next request: {@link REQUEST}, {@link MORE} or {@link BROKEN}. */
  next(): 0 | 1 | 2 {
    if (this.error !== '') return BROKEN
    for (;;) {
      if (this.#announced < 0) {
        if (this.#cursor >= this.#length) {
          this.#release()
          return MORE
        }
        if (this.offsets.length > OFFSETS_KEPT) this.offsets = new Int32Array(16)
        if (this.buffer[this.#cursor] !== STAR) {
          const found = this.#inline()
          if (found === SKIPPED) continue
          return found
        }
        this.start = this.#cursor
        const count = this.#number(this.#cursor + 1, 'too big mbulk count string')
        if (count === UNFINISHED) return this.error === '' ? MORE : BROKEN
        if (count === WRONG || count > ARGUMENT_LIMIT) return this.#fail('invalid multibulk length')
        if (!this.authenticated && count > UNAUTHENTICATED_ARGUMENT_LIMIT) {
          return this.#fail('unauthenticated multibulk length')
        }
        if (count <= 0) continue
        this.#announced = count
        this.argc = 0
      }
      return this.#arguments()
    }
  }

  /** Reads bulk strings until the request is whole. The loop runs on locals: it is the hottest of this package. */
  #arguments(): 0 | 1 | 2 {
    const buffer = this.buffer
    const length = this.#length
    const announced = this.#announced
    let offsets = this.offsets
    let cursor = this.#cursor
    let argc = this.argc
    let bulk = this.#bulk
    for (;;) {
      if (bulk < 0) {
        // The common header `$d\r\n` or `$dd\r\n` in one go; everything else, and every error, the slow way.
        const digit =
          cursor + 3 < length && buffer[cursor] === DOLLAR ? buffer[cursor + 1]! - ZERO : -1
        if (digit >= 0 && digit <= 9 && buffer[cursor + 2] === CR && buffer[cursor + 3] === LF) {
          bulk = digit
          cursor += 4
        } else {
          const second = buffer[cursor + 2]! - ZERO
          if (
            digit > 0 &&
            digit <= 9 &&
            second >= 0 &&
            second <= 9 &&
            cursor + 4 < length &&
            buffer[cursor + 3] === CR &&
            buffer[cursor + 4] === LF
          ) {
            bulk = digit * 10 + second
            cursor += 5
          } else {
            this.#cursor = cursor
            this.argc = argc
            bulk = this.#bulkLength()
            cursor = this.#cursor
            if (bulk < 0) {
              this.#bulk = -1
              return this.error === '' ? MORE : BROKEN
            }
          }
        }
      }
      const end = cursor + bulk
      if (end + 2 > length) {
        this.#cursor = cursor
        this.#bulk = bulk
        this.argc = argc
        return MORE
      }
      if (buffer[end] !== CR || buffer[end + 1] !== LF)
        return this.#fail('expected CRLF after the bulk string')
      if (2 * argc + 1 >= offsets.length) {
        const grown = new Int32Array(offsets.length * 2)
        grown.set(offsets)
        offsets = this.offsets = grown
      }
      offsets[2 * argc] = cursor
      offsets[2 * argc + 1] = end
      argc++
      cursor = end + 2
      bulk = -1
      if (argc === announced) {
        this.#cursor = cursor
        this.#bulk = -1
        this.#announced = -1
        this.argc = argc
        this.end = cursor
        return REQUEST
      }
    }
  }

  /** The header of a bulk string at the cursor, which it passes; negative when unfinished or wrong. */
  #bulkLength(): number {
    const at = this.#cursor
    if (at >= this.#length) return UNFINISHED
    if (this.buffer[at] !== DOLLAR) {
      this.#fail(`expected '$', got '${String.fromCharCode(this.buffer[at]!)}'`)
      return WRONG
    }
    const bulk = this.#number(at + 1, 'too big bulk count string')
    if (bulk === UNFINISHED) return UNFINISHED
    if (bulk === WRONG || bulk < 0 || bulk > this.#maxBulkLength) {
      this.#fail('invalid bulk length')
      return WRONG
    }
    if (!this.authenticated && bulk > UNAUTHENTICATED_BULK_LIMIT) {
      this.#fail('unauthenticated bulk length')
      return WRONG
    }
    return bulk
  }

  /**
   * The number from `at` to the end of its line. Moves the cursor behind the line. Strict: digits with at most one
   * leading minus, no leading zero, no plus, no blank, at most 18 digits.
   */
  #number(at: number, tooBig: string): number {
    const buffer = this.buffer
    const length = this.#length
    const stop = Math.min(length, at + LINE_LIMIT)
    let cursor = at
    while (cursor < stop && buffer[cursor] !== CR) cursor++
    if (cursor === stop && length - at >= LINE_LIMIT) {
      this.#fail(tooBig)
      return UNFINISHED
    }
    if (cursor + 1 >= length) return UNFINISHED
    this.#cursor = cursor + 2
    if (buffer[cursor + 1] !== LF) return WRONG
    const negative = buffer[at] === MINUS
    const first = negative ? at + 1 : at
    const digits = cursor - first
    if (digits < 1 || digits > 18) return WRONG
    if (buffer[first] === ZERO && (digits > 1 || negative)) return WRONG
    let value = 0
    for (let i = first; i < cursor; i++) {
      const digit = buffer[i]! - ZERO
      if (digit < 0 || digit > 9) return WRONG
      value = value * 10 + digit
    }
    return negative ? -value : value
  }

  /** An inline command (or an empty line): split as the server's `sdssplitargs` does, then framed as an array. */
  #inline(): 0 | 1 | 2 | typeof SKIPPED {
    const at = this.#cursor
    const newline = this.buffer.subarray(at, this.#length).indexOf(LF)
    if (newline > LINE_LIMIT || (newline < 0 && this.#length - at > LINE_LIMIT)) {
      return this.#fail('too big inline request')
    }
    if (newline < 0) return MORE
    const stop = at + newline
    const words = splitInline(
      this.buffer.subarray(at, stop > at && this.buffer[stop - 1] === CR ? stop - 1 : stop)
    )
    this.#cursor = stop + 1
    if (words === undefined) return this.#fail('unbalanced quotes in request')
    if (words.length === 0) return SKIPPED
    this.#inlineRequest = frameRequest(words)
    return REQUEST
  }

  #inlineRequest: FramedRequest | undefined

  /**
   * The request that {@link next} just found. The reader itself, but for an inline command, whose framed form
   * lies in a buffer of its own.
   */
  get request(): RequestView {
    const framed = this.#inlineRequest
    if (framed === undefined) return this
    this.#inlineRequest = undefined
    return framed
  }

  #fail(error: string): 2 {
    this.error = error
    return BROKEN
  }
}

const EMPTY: Buffer = Buffer.alloc(0)
const UNFINISHED = -Number.MAX_SAFE_INTEGER
const WRONG = -Number.MAX_SAFE_INTEGER + 1
const SKIPPED = 3

/**
 * Size of the buffer that a request of `kept` bytes moves to when `needed` are to fit: twice as much, so that a request in
 * however many pieces is copied a bounded number of times; or just up to the end of the open bulk, when that is about as far or not too much.
 */
function roomFor(kept: number, needed: number, bulkEnd: number): number {
  const doubled = Math.max(needed, kept * 2)
  const most = kept >= TRUSTED ? Math.max(AT_ONCE, kept * 2.5) : kept * 2.5
  return bulkEnd >= needed && bulkEnd <= most ? bulkEnd : doubled
}

interface FramedRequest extends RequestView {}

/** Frames arguments as the RESP array that a client would send, with their offsets. */
export function frameRequest(words: readonly (string | Uint8Array)[]): RequestView {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  const offsets = new Int32Array(words.length * 2)
  let at = parts[0]!.length
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const bytes = typeof word === 'string' ? Buffer.from(word) : word
    const header = Buffer.from(`$${bytes.length}\r\n`)
    at += header.length
    offsets[2 * i] = at
    at += bytes.length
    offsets[2 * i + 1] = at
    at += 2
    parts.push(header, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), CRLF)
  }
  const buffer = Buffer.concat(parts, at)
  return { buffer, start: 0, end: buffer.length, argc: words.length, offsets }
}

const CRLF: Buffer = Buffer.from('\r\n')

/** Argument `index` of a request, as a view into its buffer (not a copy). */
export function argument(view: RequestView, index: number): Buffer {
  return view.buffer.subarray(view.offsets[2 * index]!, view.offsets[2 * index + 1]!)
}

/** All arguments of a request, the name first, as views into its buffer (not copies). */
export function argumentsOf(view: RequestView): Buffer[] {
  const args: Buffer[] = new Array(view.argc)
  for (let i = 0; i < view.argc; i++) args[i] = argument(view, i)
  return args
}
