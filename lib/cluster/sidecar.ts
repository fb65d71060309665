import { frameRequest } from '../resp/request-reader.ts'
import { Connection, type ConnectionSetup } from './connection.ts'
import { Errand } from './errand.ts'

const CLIENT_ID: Buffer = frameRequest(['CLIENT', 'ID']).buffer
const PING: Buffer = frameRequest(['PING']).buffer
const INTEGER = 58

/** What a {@link Sidecar} tells. */
export interface SidecarEvents {
  /** The number that the node has for it is known. */
  onId(id: string): void
  /** The node does not tell; its words. */
  onRefused(text: string): void
  /** A push, raw; valid during the call only. */
  onPush(buffer: Buffer, start: number, end: number): void
  onClosed(): void
}

/** A RESP3 connection that takes the pushes for one that speaks RESP2, which cannot carry them (`REDIRECT`). */
export class Sidecar {
  readonly #connection: Connection

  constructor(setup: ConnectionSetup, events: SidecarEvents) {
    const connection = new Connection(setup, {
      onReady: () => {
        connection.send(
          new Errand(CLIENT_ID, (buffer, start, end) => {
            const told = buffer.toString('latin1', start + 1, end - 2)
            if (buffer[start] === INTEGER) events.onId(told)
            else events.onRefused(told)
          })
        )
      },
      onClosed: () => events.onClosed(),
      onDrain: () => {},
      onPush: (buffer, start, end) => events.onPush(buffer, start, end),
    })
    this.#connection = connection
  }

  /** Asks for a sign of life, which must come within the command timeout. */
  ping(): void {
    if (this.#connection.state === 'ready' && this.#connection.inFlight === 0)
      this.#connection.send(new Errand(PING, () => {}))
  }

  /** Looks at the time limits. */
  check(): void {
    this.#connection.check()
  }

  close(): void {
    this.#connection.close()
  }
}
