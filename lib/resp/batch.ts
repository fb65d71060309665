import { giveBack } from './large-buffers.ts'
import { copyPiece } from './piece.ts'
import { Slab } from './slab.ts'

/** Up to this many bytes are copied into the batch; more are handed to the socket as they are. */
const COPY_LIMIT = 16 * 1024
/** Sizes of the slabs that small pieces are copied into: most batches are small, and only those that outgrow a small one get a large one. */
const SMALL = 4 * 1024
const LARGE = 64 * 1024

/** Slabs of one size that wait for the next batch: the one that was used last, which the processor knows best, goes first. */
class Slabs {
  readonly #length: number
  readonly #most: number
  readonly #free: Slab[] = []

  constructor(length: number, most: number) {
    this.#length = length
    this.#most = most
  }

  take(): Slab {
    return this.#free.pop() ?? new Slab(this.#length)
  }

  giveBack(slab: Slab): void {
    if (this.#free.length < this.#most) this.#free.push(slab)
  }
}

const small = new Slabs(SMALL, 256)
const large = new Slabs(LARGE, 64)

/** What a batch needs of a stream: the part of `stream.Writable` that writes. */
export interface Sink {
  write(chunk: Uint8Array, written?: (error?: Error | null) => void): boolean
  cork(): void
  uncork(): void
  readonly writableLength: number
}

function giveBackSlab(slab: Slab): void {
  if (slab.length === SMALL) small.giveBack(slab)
  else large.giveBack(slab)
}

/**
 * Bytes that wait for the end of the turn to be written together. Small pieces are copied behind one another, since a
 * `write` for each costs far more than the copy; large ones are referenced.
 */
export class Batch {
  /** Bytes in the batch. */
  size = 0
  #slab: Slab | undefined
  #used = 0
  /** What of `#slab` is among `#pieces` already. */
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
    let slab = this.#slab
    if (slab === undefined || this.#used + length > slab.length) slab = this.#room(length)
    this.#used = copyPiece(source, start, end, slab, this.#used)
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
      this.#pieces!.push(this.#slab!.bytes.subarray(this.#sealed, this.#used))
      this.#sealed = this.#used
    }
  }

  /** Makes room for `length` more bytes: a larger slab, or another when the large one is full. */
  #room(length: number): Slab {
    const old = this.#slab
    if (old === undefined) {
      this.#slab = length <= SMALL ? small.take() : large.take()
      return this.#slab
    }
    const next = large.take()
    if (old.length < LARGE && this.#sealed === 0) {
      old.bytes.copy(next.bytes, 0, 0, this.#used)
      small.giveBack(old)
    } else {
      this.#pieces ??= []
      this.#seal()
      this.#used = 0
      this.#sealed = 0
    }
    this.#slab = next
    return next
  }

  /** Writes the batch to `sink` and starts a new one. */
  flush(sink: Sink): void {
    const pieces = this.#pieces
    const slab = this.#slab
    this.size = 0
    if (pieces === undefined) {
      if (slab === undefined) return
      const whole = this.#used
      this.#used = 0
      this.#slab = undefined
      if (whole > 0) sink.write(slab.bytes.subarray(0, whole))
      if (this.#reuse && sink.writableLength === 0) giveBackSlab(slab)
      return
    }
    this.#seal()
    this.#pieces = undefined
    this.#slab = undefined
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
    this.#slab = undefined
    this.#used = 0
    this.#sealed = 0
    this.#pieces = undefined
  }
}
