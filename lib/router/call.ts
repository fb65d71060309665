import { frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { PartReply } from './composite.ts'
import { Request, type RequestHold, type RequestOwner } from './request.ts'
import type { Router } from './router.ts'

/** Where a call goes: to the master of a slot, as a command with keys or, by `anchor`, without; -1: not so. */
interface Place {
  readonly slot: number
  readonly anchor: number
}

/** A request of the proxy's own that is routed like a client's. */
class Call implements RequestOwner {
  readonly lane: number
  readonly gone = false
  readonly reader = undefined
  holds: Map<number, RequestHold> | undefined = undefined
  #request: Request | undefined
  readonly #resolve: (answer: PartReply) => void

  constructor(lane: number, resolve: (answer: PartReply) => void) {
    this.lane = lane
    this.#resolve = resolve
  }

  start(view: RequestView, { slot, anchor }: Place, router: Router): void {
    this.#request = new Request(view, undefined, slot, this, router)
    this.#request.anchor = anchor
    router.dispatch(this.#request)
  }

  deliver({ node }: Request, buffer: Buffer, start: number, end: number): void {
    this.#request = undefined
    this.#resolve({ reply: Buffer.from(buffer.subarray(start, end)), node: node?.name ?? '?' })
  }

  *outstanding(): Iterable<Request> {
    if (this.#request !== undefined) yield this.#request
  }

  onPartAnswered(): void {}

  onCongested(): void {}
}

/**
 * Sends a command to the master of `slot`, or for slot -1 to any, and gives its reply as raw bytes: errors too, since a call is answered
 * in every case.
 */
export function call(
  router: Router,
  slot: number,
  args: readonly (string | Uint8Array)[],
  lane: number
): Promise<Buffer> {
  return send(router, { slot, anchor: -1 }, args, lane).then(({ reply }) => reply)
}

/** Sends a command without keys to the master that serves `anchor`, and tells which one that was. */
export function callMaster(
  router: Router,
  anchor: number,
  args: readonly (string | Uint8Array)[],
  lane: number
): Promise<PartReply> {
  return send(router, { slot: -1, anchor }, args, lane)
}

function send(
  router: Router,
  place: Place,
  args: readonly (string | Uint8Array)[],
  lane: number
): Promise<PartReply> {
  return new Promise((resolve) => new Call(lane, resolve).start(frameRequest(args), place, router))
}
