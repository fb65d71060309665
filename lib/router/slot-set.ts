import { SLOT_COUNT } from '../command/slot.ts'

/** A set of slots: one bit for each, 2 KiB. */
export class SlotSet {
  readonly #bits: Uint8Array

  constructor(bits: Uint8Array = new Uint8Array(SLOT_COUNT / 8)) {
    this.#bits = bits
  }

  /** All slots. */
  static all(): SlotSet {
    return new SlotSet(new Uint8Array(SLOT_COUNT / 8).fill(0xff))
  }

  /** The slots given. */
  static of(...slots: readonly number[]): SlotSet {
    const set = new SlotSet()
    for (const slot of slots) set.add(slot)
    return set
  }

  /** The bits, that of slot 0 being the lowest of the first byte. */
  get bytes(): Uint8Array {
    return this.#bits
  }

  /** A set of its own with the same slots. */
  copy(): SlotSet {
    return new SlotSet(this.#bits.slice())
  }

  has(slot: number): boolean {
    return ((this.#bits[slot >> 3]! >> (slot & 7)) & 1) === 1
  }

  add(slot: number): void {
    this.#bits[slot >> 3]! |= 1 << (slot & 7)
  }

  delete(slot: number): void {
    this.#bits[slot >> 3]! &= ~(1 << (slot & 7))
  }

  /** Adds the slots from `first` to `last`, both included. */
  addRange(first: number, last: number): void {
    for (let slot = first; slot <= last; slot++) this.add(slot)
  }

  /** Adds the slots of another set. */
  addAll(other: SlotSet): void {
    for (let i = 0; i < this.#bits.length; i++) this.#bits[i]! |= other.#bits[i]!
  }

  /** The lowest slot; -1 when there is none. */
  lowest(): number {
    const at = this.#bits.findIndex((byte) => byte !== 0)
    return at < 0 ? -1 : 8 * at + Math.log2(this.#bits[at]! & -this.#bits[at]!)
  }

  /** Whether another set has the same slots. */
  equals(other: SlotSet): boolean {
    return this === other || Buffer.compare(this.#bits, other.#bits) === 0
  }

  /** The slots, ascending. */
  *[Symbol.iterator](): Iterator<number> {
    for (let at = 0; at < this.#bits.length; at++) {
      if (this.#bits[at] === 0) continue
      for (let slot = 8 * at; slot < 8 * at + 8; slot++) if (this.has(slot)) yield slot
    }
  }
}
