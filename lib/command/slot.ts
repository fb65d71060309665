import calculateSlot from 'cluster-key-slot'

/** How many hash slots a cluster has. */
export const SLOT_COUNT = 16384

/** Keys up to this length are hashed without allocating. */
const SCRATCH_LIMIT = 64
const OPEN = 0x7b
const CLOSE = 0x7d

/** One buffer per length: cluster-key-slot hashes an array to its end. */
const scratch: readonly Buffer[] = Array.from({ length: SCRATCH_LIMIT + 1 }, (_, length) =>
  Buffer.alloc(length)
)

/**
 * The hash slot of the key `buffer[start..end)`: CRC16 of the key modulo 16384, or of its hash tag, which is what stands
 * between the first `{` and the first `}` after it, if that is not empty (Redis Cluster specification, "Hash tags").
 */
export function keySlot(buffer: Uint8Array, start: number, end: number): number {
  let open = start
  while (open < end && buffer[open] !== OPEN) open++
  if (open === end) return hash(buffer, start, end)
  let close = open + 1
  while (close < end && buffer[close] !== CLOSE) close++
  if (close === end) return hash(buffer, start, end)
  if (close > open + 1) return hash(buffer, open + 1, close)
  return hashWithEmptyTag(buffer, start, end)
}

/** Right for bytes that hold no tag, which is why only such get here. */
function hash(buffer: Uint8Array, start: number, end: number): number {
  const key = room(end - start)
  for (let i = 0; i < key.length; i++) key[i] = buffer[start + i]!
  return calculateSlot(key)
}

/**
 * An empty first tag means that the whole key counts, but cluster-key-slot (1.1.2) goes on to look for another one. CRC16
 * without an initial value is linear: the slot of a key is that of its bytes without each `{`, xor that of the `{` alone,
 * with zeros in place of what is missing. Neither of the two holds a tag.
 */
function hashWithEmptyTag(buffer: Uint8Array, start: number, end: number): number {
  const key = room(end - start)
  for (let i = 0; i < key.length; i++) key[i] = buffer[start + i] === OPEN ? 0 : buffer[start + i]!
  const rest = calculateSlot(key)
  for (let i = 0; i < key.length; i++) key[i] = buffer[start + i] === OPEN ? OPEN : 0
  return rest ^ calculateSlot(key)
}

function room(length: number): Buffer {
  return length <= SCRATCH_LIMIT ? scratch[length]! : Buffer.allocUnsafe(length)
}
