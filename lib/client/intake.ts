import type { Duplex } from 'node:stream'
import { copyPiece } from '../resp/piece.ts'
import { MORE, RequestReader, type RequestView, TRUSTED } from '../resp/request-reader.ts'
import { Arena } from '../resp/slab.ts'
import type { Destination } from './reading.ts'

/** Why the next requests of a client are left unread; several reasons may hold at once. */
export const STOP = {
  /** Too many requests wait for their replies. */
  pipeline: 1,
  /** Too many bytes wait to be written to the client. */
  output: 2,
  /** A node that the client sends to does not keep up. */
  node: 4,
  /** A command that changes the session is being carried out. */
  local: 8,
  /** All clients together have too much buffered. */
  memory: 16,
  /** Requests on the lane of the former protocol version are not answered yet. */
  lane: 32,
  /** A request that concerns all slots waits for the older ones. */
  order: 128,
  /** A transaction ends, or a command blocks. Bytes are read all the same, so that it is noticed when the client leaves. */
  private: 256,
  /** The next request waits for the end of a pause (`CLIENT PAUSE`). Bytes are read all the same, as while a command blocks. */
  pause: 512,
  /** The connection is ending. */
  closing: 64,
} as const

/** Bytes that are read ahead, with requests left unread. */
const READ_AHEAD = 1024 * 1024

/** Where all clients read to: what comes is looked at, or copied, at once. */
const SHARED: Buffer = Buffer.allocUnsafeSlow(64 * 1024)
/** After a long request, a short look tells how much comes: all but that is read to where it stays. */
const SHORT: Buffer = SHARED.subarray(0, TRUSTED)
/** Where short requests wait for their replies. */
const arena = new Arena(2 * TRUSTED, TRUSTED)

/** What a client sends, request by request, and the reasons to leave it unread for a while. */
export class Intake implements Destination {
  /** The reasons that hold, as bits of {@link STOP}; 0 while requests are read. */
  stopped = 0
  readonly #stream: Duplex
  readonly #reader: RequestReader
  readonly #onRead: (length: number) => void
  /** Chunks that came although the stream was paused. */
  readonly #unread: Buffer[] = []

  /** `onRead`: so many bytes were taken in. */
  constructor(stream: Duplex, maxBulkLength: number, onRead: (length: number) => void) {
    this.#stream = stream
    this.#onRead = onRead
    this.#reader = new RequestReader({ maxBulkLength })
  }

  /** Lifts the limits that hold before AUTH. */
  set authenticated(authenticated: boolean) {
    this.#reader.authenticated = authenticated
  }

  /** The request that {@link next} found. */
  get request(): RequestView {
    return this.#reader.request
  }

  /** Why the stream is broken, as the server words it. */
  get error(): string {
    return this.#reader.error
  }

  /** Bytes in hand that are no whole request yet, or were not looked at. */
  get pendingBytes(): number {
    let bytes = this.#reader.pendingBytes
    for (const chunk of this.#unread) bytes += chunk.length
    return bytes
  }

  /** Whether a request has begun and not ended. */
  get halfRead(): boolean {
    return this.#reader.pendingBytes > 0
  }

  /** Where the next bytes are to be put: most often in a place that all clients share. */
  room(): Buffer {
    const room = this.stopped === 0 ? this.#reader.room() : undefined
    return room ?? (this.#long ? SHORT : SHARED)
  }

  /** `length` bytes stand at the front of `room`. */
  filled(length: number, room: Buffer): void {
    if (room === SHARED) this.#takeOut(length)
    else if (room !== SHORT) this.#reader.filled(length)
    else if (!this.#isLong(length)) this.#takeOut(length)
    this.#onRead(length)
    if (length >= TRUSTED && room === SHARED) this.#long = this.#reader.pendingBytes >= TRUSTED
  }

  /** Whether a request was long, so that the next may be. */
  #long = false

  /** Whether a short look shows the beginning of a long request and nothing else. If so the reader has it. */
  #isLong(length: number): boolean {
    if (this.stopped !== 0 || this.#reader.pendingBytes > 0) return false
    this.#reader.feed(SHORT, 0, length)
    this.#long = length === SHORT.length && this.#reader.next() === MORE
    if (this.#long) this.#reader.keep()
    else this.#reader.restart()
    return this.#long
  }

  /** What was read to the shared place may be needed until it is answered. */
  #takeOut(length: number): void {
    if (this.stopped !== 0) this.#take(Buffer.from(SHARED.subarray(0, length)))
    else if (this.#reader.pendingBytes > 0) this.#reader.feed(SHARED, 0, length)
    else {
      const slab = arena.take(length)
      this.#reader.feed(slab.bytes, arena.from, copyPiece(SHARED, 0, length, slab, arena.from))
    }
  }

  taken(chunk: Buffer): void {
    this.#take(chunk)
    this.#onRead(chunk.length)
  }

  #take(chunk: Buffer): void {
    if (this.stopped === 0) this.#reader.feed(chunk)
    else if ((this.stopped & STOP.closing) === 0) {
      this.#unread.push(chunk)
      if (this.#paused || this.pendingBytes < READ_AHEAD) return
      this.#stream.pause()
      this.#full = true
    }
  }

  /** Whether so much was read ahead that the stream is paused although nothing else asks for it. */
  #full = false

  get #paused(): boolean {
    return (this.stopped & ~(STOP.private | STOP.pause)) !== 0
  }

  /** Looks for the next request, as `RequestReader.next` does. */
  next(): 0 | 1 | 2 {
    for (;;) {
      const found = this.#reader.next()
      const chunk = found === MORE ? this.#unread.shift() : undefined
      if (chunk === undefined) return found
      this.#reader.feed(chunk)
    }
  }

  /** Leaves requests unread for one more reason. */
  stop(reason: number): void {
    const paused = this.#paused
    this.stopped |= reason
    if (!paused && this.#paused) this.#stream.pause()
  }

  /** A reason is gone. True when it was the last, so that reading goes on. */
  release(reason: number): boolean {
    if ((this.stopped & reason) === 0) return false
    this.stopped &= ~reason
    if (this.stopped === 0) this.#full = false
    else this.flow()
    return this.stopped === 0
  }

  /** Has bytes read again, unless a reason is against it. */
  flow(): void {
    if (!this.#paused && !this.#full) this.#stream.resume()
  }

  /** Forgets what was not looked at. */
  clear(): void {
    this.#unread.length = 0
  }
}
