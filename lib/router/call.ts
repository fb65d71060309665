import { frameRequest, type RequestView } from '../resp/request-reader.ts'
import { Request, type RequestHold, type RequestOwner } from './request.ts'
import type { Router } from './router.ts'

/** A request of the proxy's own that is routed like a client's. */
class Call implements RequestOwner {
  readonly lane: number
  readonly gone = false
  readonly reader = undefined
  holds: Map<number, RequestHold> | undefined = undefined
  #request: Request | undefined
  readonly #resolve: (reply: Buffer) => void

  constructor(lane: number, resolve: (reply: Buffer) => void) {
    this.lane = lane
    this.#resolve = resolve
  }

  start(view: RequestView, slot: number, router: Router): void {
    this.#request = new Request(view, undefined, slot, this, router)
    router.dispatch(this.#request)
  }

  deliver(_request: Request, buffer: Buffer, start: number, end: number): void {
    this.#request = undefined
    this.#resolve(Buffer.from(buffer.subarray(start, end)))
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
  return new Promise((resolve) => new Call(lane, resolve).start(frameRequest(args), slot, router))
}
