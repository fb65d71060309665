import Denque from 'denque'
import type { Batch } from '../resp/batch.ts'
import type { Request } from '../router/request.ts'

const NOTHING: Buffer = Buffer.alloc(0)

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
      request.reply = request.silent ? NOTHING : Buffer.from(buffer.subarray(start, end))
      this.heldBytes += request.reply.length
      return
    }
    pending.shift()
    if (!request.silent) this.#out.append(buffer, start, end)
    let next = pending.peekFront()
    while (next !== undefined && next.reply !== undefined) {
      this.heldBytes -= next.reply.length
      this.#out.append(next.reply, 0, next.reply.length)
      pending.shift()
      next = pending.peekFront()
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#pending.clear()
    this.heldBytes = 0
  }
}
