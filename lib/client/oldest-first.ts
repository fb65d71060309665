import type { Request } from '../router/request.ts'
import type { ReplyQueue } from './reply-queue.ts'

/** The requests of one client that begin when all older ones are answered. Most clients never have any. */
export class OldestFirst {
  readonly #replies: ReplyQueue
  /** By request, what begins it. */
  readonly #waiting: Map<Request, () => void> = new Map()

  constructor(replies: ReplyQueue) {
    this.#replies = replies
  }

  /** Calls `begin` as soon as the request is the oldest: at once if it is. */
  add(request: Request, begin: () => void): void {
    if (this.#replies.oldest === request) begin()
    else this.#waiting.set(request, begin)
  }

  /** A reply was handed out: another request may be the oldest. */
  onDelivered(): void {
    if (this.#waiting.size === 0) return
    const { oldest } = this.#replies
    const begin = oldest && this.#waiting.get(oldest)
    if (begin === undefined) return
    this.#waiting.delete(oldest!)
    begin()
  }
}
