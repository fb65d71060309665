import type { NodeRequest } from '../cluster/connection.ts'
import type { Lane } from '../cluster/lane.ts'
import type { SlotMove } from '../cluster/slot-cache.ts'
import { Request, type RequestHold, type RequestOwner } from './request.ts'
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
    for (const request of lane.requests()) {
      if (isRequest(request)) this.of(request.owner, request.slot)
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
        for (const request of lane.requests()) this.#holdIfMoved(request, moved)
        for (const request of lane.recall()) {
          const hold = this.#holdIfMoved(request, moved)
          if (hold !== undefined && isRequest(request)) hold.again(request, 0)
          else lane.send(request)
        }
      }
    }
    for (const hold of [...this.#delayed]) if (moved.has(hold.slot)) hold.wake()
  }

  #holdIfMoved(request: NodeRequest, moved: ReadonlySet<number>): RequestHold | undefined {
    if (!isRequest(request) || !moved.has(request.slot)) return undefined
    return this.of(request.owner, request.slot)
  }
}

/** What is in flight on a connection may also be a question of the proxy's own, which has no slot and no owner. */
function isRequest(request: NodeRequest): request is Request {
  return request instanceof Request
}
