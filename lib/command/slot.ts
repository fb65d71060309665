import calculateSlot from 'cluster-key-slot'

/** How many hash slots a cluster has. */
export const SLOT_COUNT = 16384

const OPEN = 0x7b
const CLOSE = 0x7d

/**
 * CRC16 of each byte, worked out from cluster-key-slot, which gives the low 14 bits of a key's CRC16 and takes a call for each key.
 *
 * The CRC16 of the two bytes `b 0` is `crc[crc[b] >> 8] ^ (crc[b] << 8)`. Of that all but `crc[crc[b] >> 8]` is known in its low 14 bits, and as no
 * two bytes have those in common it tells which byte `crc[b] >> 8` is: the bits of `crc[b]` that were missing.
 */
const CRC16: Uint16Array = crcOfBytes()
/** The same of each byte with one, two and three zeros behind it: four bytes are worked in at a time, since CRC is linear. */
const CRC16_1: Uint16Array = shifted(CRC16)
const CRC16_2: Uint16Array = shifted(CRC16_1)
const CRC16_3: Uint16Array = shifted(CRC16_2)

function shifted(table: Uint16Array): Uint16Array {
  return table.map((crc) => ((crc << 8) & 0xffff) ^ CRC16[crc >> 8]!)
}

function crcOfBytes(): Uint16Array {
  const low = Array.from({ length: 256 }, (_, byte) => calculateSlot(Buffer.of(byte)))
  const byteOf = new Map(low.map((bits, byte) => [bits, byte]))
  return Uint16Array.from(low, (bits, byte) => {
    const high = byteOf.get(calculateSlot(Buffer.of(byte, 0)) ^ ((bits << 8) & 0x3fff))!
    return (high << 8) | (bits & 0xff)
  })
}

/**
 * The hash slot of the key `buffer[start..end)`: CRC16 of the key modulo 16384, or of its hash tag, which is what stands
 * between the first `{` and the first `}` after it, if that is not empty (Redis Cluster specification, "Hash tags").
 */
export function keySlot(buffer: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    if (buffer[at] === OPEN) return slotWithBrace(buffer, start, at, end)
  }
  return hash(buffer, start, end)
}

/** The slot of a key that may have a tag: its first `{` is at `open`. */
function slotWithBrace(buffer: Uint8Array, start: number, open: number, end: number): number {
  let close = open + 1
  while (close < end && buffer[close] !== CLOSE) close++
  const tagged = close < end && close > open + 1
  return tagged ? hash(buffer, open + 1, close) : hash(buffer, start, end)
}

function hash(buffer: Uint8Array, start: number, end: number): number {
  let crc = 0
  let at = start
  for (; at + 3 < end; at += 4) {
    crc =
      CRC16_3[(crc >> 8) ^ buffer[at]!]! ^
      CRC16_2[(crc & 0xff) ^ buffer[at + 1]!]! ^
      CRC16_1[buffer[at + 2]!]! ^
      CRC16[buffer[at + 3]!]!
  }
  for (; at < end; at++) crc = ((crc << 8) & 0xff00) ^ CRC16[(crc >> 8) ^ buffer[at]!]!
  return crc & (SLOT_COUNT - 1)
}
