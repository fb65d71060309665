/**
 * HyperLogLogs as Redis stores them, as strings: a header of 16 bytes, then 16384 registers of 6
 * bits, or runs of them ("sparse"). The formats, the estimator (Ertl, "New cardinality estimation
 * algorithms for HyperLogLog sketches") and its constants are those of the server's
 * `hyperloglog.c`, so that its numbers come out.
 *
 * @module
 */

const REGISTERS = 16_384
const HEADER_SIZE = 16
const DENSE_SIZE = HEADER_SIZE + (REGISTERS * 6) / 8
const MAGIC: Buffer = Buffer.from('HYLL')
const DENSE = 0
const SPARSE = 1
/** Bits of a hash that are not the register's number; a register holds at most one more. */
const HASH_BITS = 50
const VALUES = 64
/** 0.5 / ln 2. */
const ALPHA = 0.7213475204444817
/** What C makes of an infinite estimate, which only registers that no hash can produce give. */
const NO_ESTIMATE = -(2n ** 63n)

/** Whether a string is a HyperLogLog by its header and, if it is dense, its size. */
export function isHyperLogLog(bytes: Buffer): boolean {
  if (bytes.length < HEADER_SIZE || MAGIC.compare(bytes, 0, MAGIC.length) !== 0) return false
  return bytes[4] === SPARSE || (bytes[4] === DENSE && bytes.length === DENSE_SIZE)
}

/** The union of HyperLogLogs: of each register the highest value. */
export class Registers {
  readonly #values: Uint8Array = new Uint8Array(REGISTERS)

  /** Adds a string that {@link isHyperLogLog}; false when its runs do not make 16384 registers. */
  merge(bytes: Buffer): boolean {
    if (bytes[4] === SPARSE) return this.#mergeSparse(bytes)
    let register = 0
    for (let at = HEADER_SIZE; at < DENSE_SIZE; at += 3) {
      const four = bytes.readUIntLE(at, 3)
      for (let shift = 0; shift < 24; shift += 6) this.#raise(register++, (four >> shift) & 63)
    }
    return true
  }

  /** The estimated number of different elements. */
  count(): number | bigint {
    const histogram = new Uint16Array(VALUES)
    for (const value of this.#values) histogram[value]! += 1
    let z = REGISTERS * tau((REGISTERS - histogram[HASH_BITS + 1]!) / REGISTERS)
    for (let value = HASH_BITS; value >= 1; value--) z = (z + histogram[value]!) * 0.5
    z += REGISTERS * sigma(histogram[0]! / REGISTERS)
    const estimate = Math.round((ALPHA * REGISTERS * REGISTERS) / z)
    return estimate === Infinity ? NO_ESTIMATE : estimate
  }

  /**
   * Runs are `00llllll` and `01llllll llllllll` of zeros, and `1vvvvvll` of a value, lengths and
   * values less one.
   */
  #mergeSparse(bytes: Buffer): boolean {
    let register = 0
    for (let at = HEADER_SIZE; at < bytes.length && register < REGISTERS + 1; at++) {
      const code = bytes[at]!
      if (code < 0x40) {
        register += code + 1
      } else if (code < 0x80) {
        at++
        register += (((code & 0x3f) << 8) | (bytes[at] ?? 0)) + 1
      } else {
        const end = register + (code & 3) + 1
        if (end > REGISTERS) return false
        while (register < end) this.#raise(register++, ((code >> 2) & 0x1f) + 1)
      }
    }
    return register === REGISTERS
  }

  #raise(register: number, value: number): void {
    if (value > this.#values[register]!) this.#values[register] = value
  }
}

function sigma(share: number): number {
  if (share === 1) return Infinity
  let x = share
  let y = 1
  let z = x
  let before: number
  do {
    x *= x
    before = z
    z += x * y
    y += y
  } while (before !== z)
  return z
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0
  let x = share
  let y = 1
  let z = 1 - x
  let before: number
  do {
    x = Math.sqrt(x)
    before = z
    y *= 0.5
    z -= (1 - x) * (1 - x) * y
  } while (before !== z)
  return z / 3
}
