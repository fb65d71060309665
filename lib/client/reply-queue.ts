import Denque from 'denque'
import type { Batch } from '../resp/batch.ts'
import { isReused } from '../resp/reply-reader.ts'
import type { Request } from '../router/request.ts'

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

  /** Sends what answers no request, behind all replies that have come. */
  append(bytes: Buffer): void {
    // Most often nothing is held.
    for (let i = this.heldBytes === 0 ? -1 : this.#pending.length - 1; i >= 0; i--) {
      const request = this.#pending.peekAt(i)!
      if (request.reply === undefined || request.replyEnd === request.replyStart) continue
      const { reply, replyStart, replyEnd } = request
      request.reply = Buffer.concat([reply.subarray(replyStart, replyEnd), bytes])
      request.replyStart = 0
      request.replyEnd = request.reply.length
      this.heldBytes += bytes.length
      return
    }
    this.#out.append(bytes, 0, bytes.length)
  }

  #keep(request: Request, buffer: Buffer, start: number, end: number): void {
    if (request.silent) {
      request.forget()
      return
    }
    this.heldBytes += end - start
    request.keep(buffer, start, end)
  }

  /** Forgets everything. */
  clear(): void {
    this.#pending.clear()
    this.heldBytes = 0
  }
}
