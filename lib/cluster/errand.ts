import type { ProxyError } from '../errors.ts'
import type { NodeRequest } from './connection.ts'

/** A request of the proxy's own; what it is answered is told to one function. */
export class Errand implements NodeRequest {
  readonly bytes: Buffer
  readonly start = 0
  readonly end: number
  readonly asking: boolean
  sentAt = 0
  readonly #onReply: (buffer: Buffer, start: number, end: number) => void

  constructor(
    bytes: Buffer,
    onReply: (buffer: Buffer, start: number, end: number) => void,
    asking = false
  ) {
    this.bytes = bytes
    this.end = bytes.length
    this.asking = asking
    this.#onReply = onReply
  }

  onReply(buffer: Buffer, start: number, end: number): void {
    this.#onReply(buffer, start, end)
  }

  /** Nobody is told, unless a class made from this one does. */
  onLost(_error: ProxyError): void {}
}
