import { giveBack } from './large-buffers.ts'
import { copyPiece } from './piece.ts'

/** Up to this many bytes are copied into the batch; more are handed to the socket as they are. */
const COPY_LIMIT = 16 * 1024
/** First size of the buffer that small pieces are copied into; it grows in two steps up to `FULL`. */
const FIRST = 1024
const SECOND = 4096
const FULL = 64 * 1024
/** Buffers of full size kept for the next batch that grows to it. */
const POOLED = 64

const pool: Buffer[] = []

function take(): Buffer {
  return pool.pop() ?? Buffer.allocUnsafeSlow(FULL)
}

/** What a batch needs of a stream: the part of `stream.Writable` that writes. */
export interface Sink {
  write(chunk: Uint8Array, written?: (error?: Error | null) => void): boolean
  cork(): void
  uncork(): void
  readonly writableLength: number
}

/**
 * Bytes that wait for the end of the turn to be written together. Small pieces are copied behind one another, since a
 * `write` for each costs far more than the copy; large ones are referenced.
 */
export class Batch {
  /** Bytes in the batch. */
  size = 0
  #buffer: Buffer | undefined
  #used = 0
  /** What of `#buffer` is among `#pieces` already. */
  #sealed = 0
  #pieces: Buffer[] | undefined
  /**
   * Whether a write that left nothing in the stream's own queue is done with the buffer. True for TCP and UNIX sockets, whose
   * bytes are in the kernel then; an in-memory stream may hand the very buffer to its reader.
   */
  readonly #reuse: boolean

  /** Whether borrowed pieces are given back once they are written: nobody will send them again. */
  readonly #last: boolean

  constructor(reuse: boolean, last = false) {
    this.#reuse = reuse
    this.#last = reuse && last
  }

  /** Adds `source[start..end)`. Large pieces are kept by reference: they must not change until they are written. */
  append(source: Buffer, start: number, end: number): void {
    if (end - start > COPY_LIMIT) this.#reference(source, start, end)
    else this.copy(source, start, end)
  }

  /** Adds `source[start..end)`, up to 64 KiB, which may change as soon as this is done. */
  copy(source: Buffer, start: number, end: number): void {
    const length = end - start
    this.size += length
    const used = this.#used
    let buffer = this.#buffer
    if (buffer === undefined || used + length > buffer.length) buffer = this.#room(length)
    this.#used = copyPiece(source, start, end, buffer, this.#used)
  }

  #reference(source: Buffer, start: number, end: number): void {
    this.size += end - start
    this.#pieces ??= []
    this.#seal()
    this.#pieces.push(source.subarray(start, end))
  }

  /** Puts what was copied since the last piece among the pieces. */
  #seal(): void {
    if (this.#used > this.#sealed) {
      this.#pieces!.push(this.#buffer!.subarray(this.#sealed, this.#used))
      this.#sealed = this.#used
    }
  }

  /** Makes room for `length` more bytes: a larger buffer, or a new one when the old one is full. */
  #room(length: number): Buffer {
    const old = this.#buffer
    if (old === undefined) {
      this.#buffer = length <= FIRST ? Buffer.allocUnsafe(FIRST) : take()
      return this.#buffer
    }
    if (old.length < FULL && this.#sealed === 0) {
      const grown = this.#used + length <= SECOND ? Buffer.allocUnsafe(SECOND) : take()
      old.copy(grown, 0, 0, this.#used)
      this.#buffer = grown
      return grown
    }
    this.#pieces ??= []
    this.#seal()
    this.#buffer = take()
    this.#used = 0
    this.#sealed = 0
    return this.#buffer
  }

  /** Writes the batch to `sink` and starts a new one. */
  flush(sink: Sink): void {
    const pieces = this.#pieces
    const buffer = this.#buffer
    this.size = 0
    if (pieces === undefined) {
      if (buffer === undefined || this.#used === 0) return
      const whole = this.#used
      this.#used = 0
      sink.write(buffer.length === whole ? buffer : buffer.subarray(0, whole))
      if (!this.#reuse || sink.writableLength > 0) this.#buffer = undefined
      else if (buffer.length === FULL) {
        if (pool.length < POOLED) pool.push(buffer)
        this.#buffer = undefined
      }
      return
    }
    this.#seal()
    this.#pieces = undefined
    this.#buffer = undefined
    this.#used = 0
    this.#sealed = 0
    sink.cork()
    for (const piece of pieces) this.#write(sink, piece)
    sink.uncork()
  }

  #write(sink: Sink, piece: Buffer): void {
    if (!this.#last) sink.write(piece)
    else {
      sink.write(piece, (error) => {
        if (error == null) giveBack(piece)
      })
    }
  }

  /** Forgets what was not written. */
  clear(): void {
    this.size = 0
    this.#buffer = undefined
    this.#used = 0
    this.#sealed = 0
    this.#pieces = undefined
  }
}
