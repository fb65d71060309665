/** Buffers are made in steps of this size, so that one fits many. */
const STEP = 64 * 1024
/** Larger ones are made anew each time. */
const LARGEST = 2 * 1024 * 1024
/** What is kept of buffers that are not in use, all together. */
const KEPT = 32 * 1024 * 1024

/** Those not in use, by their size in steps. */
const free: ArrayBufferLike[][] = Array.from({ length: LARGEST / STEP + 1 }, () => [])
let freeBytes = 0
/** Those that may be given back, and by how many. */
const lent: WeakMap<ArrayBufferLike, number> = new WeakMap()

/**
 * A buffer of `size` bytes for one large value on its way through the proxy. Memory that is new to the process costs more than all that is
 * done with the value: the kernel clears it page by page, and takes it back when it is freed.
 */
export function borrow(size: number): Buffer {
  const steps = Math.ceil(size / STEP)
  const list = free[steps]
  if (list === undefined) return Buffer.allocUnsafeSlow(size)
  const known = list.pop()
  if (known !== undefined) freeBytes -= known.byteLength
  const memory = known ?? Buffer.allocUnsafeSlow(steps * STEP).buffer
  lent.set(memory, 1)
  return Buffer.from(memory, 0, size)
}

/** A buffer that was borrowed is looked at by several: it is taken back when as many have given it back. */
export function lendToAll(buffer: Buffer, several: number): void {
  if (lent.has(buffer.buffer)) lent.set(buffer.buffer, several)
}

/** Takes back a borrowed buffer that its user will not look at any more; true when it was one. What is not given back is garbage in the end. */
export function giveBack(buffer: Buffer): boolean {
  const memory = buffer.buffer
  const users = lent.get(memory)
  if (users === undefined) return false
  if (users > 1) {
    lent.set(memory, users - 1)
    return true
  }
  lent.delete(memory)
  if (freeBytes + memory.byteLength > KEPT) return true
  freeBytes += memory.byteLength
  free[memory.byteLength / STEP]!.push(memory)
  return true
}
