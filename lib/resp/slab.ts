/** Memory that short pieces are copied into. */
export class Slab {
  readonly bytes: Buffer
  /** The same bytes, for several at a time. */
  readonly words: DataView

  /** `length`: in bytes. What stands in it first is left open. */
  constructor(length: number) {
    this.bytes = Buffer.allocUnsafeSlow(length)
    this.words = wordsOf(this.bytes)
  }

  /** How many bytes it holds. */
  get length(): number {
    return this.bytes.length
  }
}

/** A view of a buffer's bytes through which they can be read several at a time, wherever they stand. */
export function wordsOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}

/** Room in slabs that many share: a buffer for each short piece would cost more than the piece is worth. Nothing is given back. */
export class Arena {
  /** Where the room begins that was taken last. */
  from = 0
  readonly #length: number
  readonly #most: number
  #slab: Slab
  #used = 0

  /** `length`: bytes of a slab that is shared. `most`: who needs more gets a slab alone, so that what is needed for long pins little. */
  constructor(length: number, most: number) {
    this.#length = length
    this.#most = most
    this.#slab = new Slab(length)
  }

  /** Room for `length` bytes: in this slab, from {@link from} on. */
  take(length: number): Slab {
    this.from = 0
    if (length > this.#most) return new Slab(length)
    if (this.#used + length > this.#length) {
      this.#slab = new Slab(this.#length)
      this.#used = 0
    }
    this.from = this.#used
    this.#used += length
    return this.#slab
  }
}
