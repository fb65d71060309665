/** How many hash slots a cluster has. */
export const SLOT_COUNT = 16384

/** CRC16/XMODEM, bit by bit: slow, obvious, and no kin of the proxy's own. */
function crc16(text: string): number {
  let crc = 0
  for (let i = 0; i < text.length; i++) {
    crc ^= (text.charCodeAt(i) & 0xff) << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff
  }
  return crc
}

/**
 * Slot of a key that is given as one character per byte (latin1). Only what stands between the first `{` and the next
 * `}` is hashed, unless that is empty (cluster specification, "hash tags").
 */
export function slotOfBytes(key: string): number {
  const open = key.indexOf('{')
  const close = open < 0 ? -1 : key.indexOf('}', open + 1)
  return crc16(close > open + 1 ? key.slice(open + 1, close) : key) % SLOT_COUNT
}

/** Slot of a key; text is taken as UTF-8. */
export function slotOfKey(key: string | Uint8Array): number {
  return slotOfBytes(Buffer.from(key as string).toString('latin1'))
}
