import { frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { PartReply, Step } from './composite.ts'
import { Request, type RequestHold, type RequestOwner } from './request.ts'
import type { Router } from './router.ts'

/** Where a call goes: to the master of a slot, as a command with keys or, by `anchor`, without; -1: not so. */
interface Place {
  readonly slot: number
  readonly anchor: number
}

/** A request that is not sent itself. */
const NO_VIEW: RequestView = frameRequest([])

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
    if (anchor >= 0) this.#request.makeDetour().anchor = anchor
    router.dispatch(this.#request)
  }

  /** Has the request carried out in parts. */
  startInParts(step: Step, router: Router): void {
    this.#request = new Request(NO_VIEW, undefined, -1, this, router)
    router.carryOut(this.#request, step)
  }

  deliver({ node }: Request, buffer: Buffer, start: number, end: number): void {
    this.#request = undefined
    this.#resolve({ reply: Buffer.from(buffer.subarray(start, end)), node: node?.name ?? '?' })
  }

  *outstanding(): Iterable<Request> {
    const request = this.#request
    if (request === undefined) return
    if (request.parts === undefined) yield request
    else yield* request.parts.filter(({ reply }) => reply === undefined)
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

/** Carries something out in parts, as it would be for a client, and gives the reply as raw bytes. */
export function callInParts(router: Router, step: Step, lane: number): Promise<Buffer> {
  return new Promise((resolve) => {
    new Call(lane, ({ reply }) => resolve(reply)).startInParts(step, router)
  })
}
