import Denque from 'denque'
import type { Batch } from '../resp/batch.ts'
import { isReused } from '../resp/reply-reader.ts'
import type { Request } from '../router/request.ts'

const NOTHING: Buffer = Buffer.alloc(0)

/** Replies that wait are copied into slabs of this size, shared by all clients: a buffer for each would cost more than the copy. */
const SLAB = 8 * 1024
/** A longer reply gets a buffer of its own, so that what waits for long pins little. */
const LONG = 2 * 1024
let slab: Buffer = Buffer.allocUnsafeSlow(SLAB)
let slabUsed = 0

/** Bytes that may be kept for long: as they are, unless that would pin much more. */
function lasting(buffer: Buffer, start: number, end: number): Buffer {
  const frame = buffer.subarray(start, end)
  return isReused(buffer) || frame.length < buffer.length / 2 ? Buffer.from(frame) : frame
}

/**
 * The replies of one client in the order of its requests. A reply whose request is the oldest goes straight to the batch, any other is
 * copied and waits for its turn.
 */
export class ReplyQueue {
  /** Bytes of replies that wait for older ones. */
  heldBytes = 0
  readonly #out: Batch
  /** Oldest first: every request whose reply is not in the batch yet. */
  readonly #pending: Denque<Request> = new Denque()

  constructor(out: Batch) {
    this.#out = out
  }

  /** Requests whose reply is not in the batch yet. */
  get length(): number {
    return this.#pending.length
  }

  /** The oldest of them. */
  get oldest(): Request | undefined {
    return this.#pending.peekFront()
  }

  /** Those requests, oldest first; in place of one that is carried out in parts, its parts. */
  *requests(): Iterable<Request> {
    for (let i = 0; i < this.#pending.length; i++) {
      const request = this.#pending.peekAt(i)!
      if (request.parts === undefined) yield request
      else yield* request.parts
    }
  }

  /** Takes in the newest request. */
  push(request: Request): void {
    this.#pending.push(request)
  }

  /** Takes the reply to one of the requests; of a silent one nothing is kept but its place. */
  settle(request: Request, buffer: Buffer, start: number, end: number): void {
    const pending = this.#pending
    if (pending.peekFront() !== request) {
      this.#keep(request, buffer, start, end)
      return
    }
    pending.shift()
    if (!request.silent) {
      if (isReused(buffer)) this.#out.copy(buffer, start, end)
      else this.#out.append(buffer, start, end)
    }
    let next = pending.peekFront()
    while (next !== undefined && next.reply !== undefined) {
      this.heldBytes -= next.replyEnd - next.replyStart
      this.#out.append(next.reply, next.replyStart, next.replyEnd)
      pending.shift()
      next = pending.peekFront()
    }
  }

  #keep(request: Request, buffer: Buffer, start: number, end: number): void {
    const length = request.silent ? 0 : end - start
    this.heldBytes += length
    if (length === 0 || length > LONG) {
      request.reply = length === 0 ? NOTHING : lasting(buffer, start, end)
      request.replyEnd = length
      return
    }
    if (slabUsed + length > SLAB) {
      slab = Buffer.allocUnsafeSlow(SLAB)
      slabUsed = 0
    }
    request.reply = slab
    request.replyStart = slabUsed
    for (let from = start; from < end; from++) slab[slabUsed++] = buffer[from]!
    request.replyEnd = slabUsed
  }

  /** Forgets everything. */
  clear(): void {
    this.#pending.clear()
    this.heldBytes = 0
  }
}
