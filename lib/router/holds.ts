import type { Lane } from '../cluster/lane.ts'
import type { SlotMove } from '../cluster/slot-cache.ts'
import { requestsOf } from './joint-reads.ts'
import type { Request, RequestHold, RequestOwner } from './request.ts'
import { SlotHold } from './slot-hold.ts'

/** Sees to it that there is a {@link SlotHold} wherever the order of an owner's requests for a slot takes care. */
export class Holds {
  readonly #send: (request: Request) => void
  /** Those in which a delay runs. */
  readonly #delayed: Set<SlotHold> = new Set()

  /** `send` sends a request without asking for holds. */
  constructor(send: (request: Request) => void) {
    this.#send = send
  }

  /** The hold of an owner's slot. A new one takes in everything of that slot that is flying. */
  of(owner: RequestOwner, slot: number): RequestHold {
    owner.holds ??= new Map()
    const known = owner.holds.get(slot)
    if (known !== undefined) return known
    const hold = new SlotHold(owner, slot, this.#send, this.#delayed)
    owner.holds.set(slot, hold)
    for (const request of owner.outstanding()) {
      if (request.slot === slot && request.reply === undefined) hold.adopt(request)
    }
    return hold
  }

  /** Requests in flight in a lane keep their place before younger ones, which will take another connection. */
  keepOrder(lane: Lane): void {
    for (const each of lane.requests()) {
      for (const request of requestsOf(each)) this.of(request.owner, request.slot)
    }
  }

  /**
   * Slots have other owners. What is in flight to the old ones will come back answered or redirected; until then nothing younger of the same
   * client and slot may go to the new one. What only waited for a connection to an old one is sent anew.
   */
  onMoves(moves: readonly SlotMove[]): void {
    const moved = new Set(moves.map((move) => move.slot))
    for (const node of new Set(moves.map((move) => move.from))) {
      if (node === undefined) continue
      for (const lane of node.lanes) {
        for (const each of lane.requests()) {
          for (const request of requestsOf(each)) this.#holdIfMoved(request, moved)
        }
        for (const waiting of lane.recall()) {
          const [request] = requestsOf(waiting)
          const hold = request && this.#holdIfMoved(request, moved)
          if (hold === undefined) lane.send(waiting)
          else hold.again(request!, 0)
        }
      }
    }
    for (const hold of [...this.#delayed]) if (moved.has(hold.slot)) hold.wake()
  }

  #holdIfMoved({ owner, slot }: Request, moved: ReadonlySet<number>): RequestHold | undefined {
    return moved.has(slot) ? this.of(owner, slot) : undefined
  }
}
