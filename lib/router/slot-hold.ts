import type { Request, RequestHold, RequestOwner } from './request.ts'

/**
 * Keeps the requests of one owner for one slot in order while the slot is moving, or while some of them must be sent again.
 *
 * ```
 *            again: redirected, refused, lost          add: read while the hold lasts
 *   flying ------------------------------------> queue <------------------------------
 *     ^                                            |
 *     +--- nothing is flying and no delay runs: ---+
 *            the oldest alone, or all at once when the last one was answered by the slot's owner
 * ```
 *
 * A request in the queue waits until all that are flying -- sent, and not answered -- have come back, whichever node they went to. So an effect
 * never overtakes an older one of the same owner and slot. Owners without moving slots have no hold and pay nothing.
 */
export class SlotHold implements RequestHold {
  readonly slot: number
  readonly #owner: RequestOwner
  readonly #send: (request: Request) => void
  readonly #delayed: Set<SlotHold>
  #flying = 0
  /** By sequence. */
  readonly #queue: Request[] = []
  /** Whether the next one goes alone: the last was redirected, or answered by a node that the slot is moving to. */
  #cautious = false
  /** The one that goes alone: only its answer says that the slot is well. */
  #alone: Request | undefined
  #timer: NodeJS.Timeout | undefined

  /** `send` sends a request without asking for holds again; the hold stands in `delayed` while a delay runs. */
  constructor(
    owner: RequestOwner,
    slot: number,
    send: (request: Request) => void,
    delayed: Set<SlotHold>
  ) {
    this.#owner = owner
    this.slot = slot
    this.#send = send
    this.#delayed = delayed
  }

  /** Takes in a request that is flying already. */
  adopt(request: Request): void {
    request.hold = this
    this.#flying++
  }

  /** Takes in a request that was not sent. */
  add(request: Request): void {
    // One of several that were let go together may have met a new hold, which took the others for flying.
    const adopted = request.hold === this
    request.hold = this
    this.#insert(request)
    if (!adopted) return
    this.#flying--
    this.#advance()
  }

  /** Takes back a request that was flying, to be sent again after `delay` milliseconds at the earliest. */
  again(request: Request, delay: number): void {
    this.#flying--
    this.#cautious = true
    this.#insert(request)
    if (delay > 0) {
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.wake(), delay)
      this.#delayed.add(this)
    }
    this.#advance()
  }

  /** A request that was flying is answered. */
  settled(request: Request): void {
    request.hold = undefined
    this.#flying--
    if (request === this.#alone && !request.asking) this.#cautious = false
    this.#advance()
  }

  /** Ends the delay: the reason to wait is gone. */
  wake(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#delayed.delete(this)
    this.#advance()
  }

  #insert(request: Request): void {
    const queue = this.#queue
    let at = queue.length
    while (at > 0 && queue[at - 1]!.sequence > request.sequence) at--
    queue.splice(at, 0, request)
  }

  #advance(): void {
    if (this.#flying > 0 || this.#timer !== undefined) return
    const queue = this.#queue
    if (this.#cautious && queue.length > 0) {
      this.#flying++
      this.#alone = queue.shift()!
      this.#send(this.#alone)
      return
    }
    const { holds } = this.#owner
    holds?.delete(this.slot)
    if (holds?.size === 0) this.#owner.holds = undefined
    // All lose this hold first: the first to be sent may meet a new one.
    const released = queue.splice(0)
    for (const request of released) request.hold = undefined
    for (const request of released) {
      const hold = this.#owner.holds?.get(this.slot)
      if (hold === undefined) this.#send(request)
      else hold.add(request)
    }
  }
}
