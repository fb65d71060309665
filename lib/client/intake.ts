import type { Duplex } from 'node:stream'
import { MORE, RequestReader, type RequestView } from '../resp/request-reader.ts'

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

/** What a client sends, request by request, and the reasons to leave it unread for a while. */
export class Intake {
  /** The reasons that hold, as bits of {@link STOP}; 0 while requests are read. */
  stopped = 0
  readonly #stream: Duplex
  readonly #reader: RequestReader
  /** Chunks that came although the stream was paused. */
  readonly #unread: Buffer[] = []

  constructor(stream: Duplex, maxBulkLength: number) {
    this.#stream = stream
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

  /** Takes in bytes. */
  feed(chunk: Buffer): void {
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
