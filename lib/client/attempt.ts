import type { NodeRequest } from '../cluster/connection.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import type { ProxyError } from '../errors.ts'
import { frameRequest } from '../resp/request-reader.ts'

const MULTI: Buffer = frameRequest(['MULTI']).buffer
const MINUS = 45

/** How a transaction lets go of its connection: `leave` when it may be in MULTI or WATCH still. */
export type LettingGo = 'leave' | 'giveBack' | 'discard'

/** Bytes of a request. */
export interface Piece {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** All of a buffer. */
export function whole(bytes: Buffer): Piece {
  return { bytes, start: 0, end: bytes.length }
}

/** What becomes of something that was sent. The bytes are valid during the call only. */
export interface Fate {
  onReply(buffer: Buffer, start: number, end: number): void
  onLost(error: ProxyError, written: boolean): void
}

/** One thing sent in an attempt. */
class Sending implements NodeRequest {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly asking: boolean
  sentAt = 0
  readonly #attempt: Attempt
  readonly #fate: Fate

  constructor(attempt: Attempt, piece: Piece, asking: boolean, fate: Fate) {
    this.bytes = piece.bytes
    this.start = piece.start
    this.end = piece.end
    this.asking = asking
    this.#attempt = attempt
    this.#fate = fate
  }

  onReply(buffer: Buffer, start: number, end: number): void {
    if (this.#attempt.live) this.#fate.onReply(buffer, start, end)
  }

  onLost(error: ProxyError, written: boolean): void {
    if (this.#attempt.live) this.#fate.onLost(error, written)
  }
}

/** A transaction on one connection, for as long as nothing goes wrong there. What comes after that is nobody's any more. */
export class Attempt {
  readonly connection: PrivateConnection
  /** Whether what comes from it still matters. */
  live = true
  /** Whether MULTI was sent, whether what comes behind it may be, how many of the commands were, and whether the end was. */
  opened = false
  confirmed = false
  sent = 0
  ended = false
  readonly #asking: boolean

  /** `asking`: the node serves the slot only after ASKING, which holds from MULTI to EXEC. */
  constructor(connection: PrivateConnection, asking: boolean) {
    this.connection = connection
    this.#asking = asking
  }

  /**
   * Sends MULTI, once. Where that is refused, commands behind it would be carried out one by one: on a connection that has not taken it before they wait, and
   * `onOpen` is called when it has. `fate` is told of a refusal, or of a loss.
   */
  open(onOpen: () => void, fate: Fate): void {
    if (this.opened) return
    const { connection } = this
    this.opened = true
    this.confirmed = connection.takesMulti
    this.sendFirst(whole(MULTI), {
      onReply: (buffer, start, end) => {
        connection.takesMulti = buffer[start] !== MINUS
        if (!connection.takesMulti) fate.onReply(buffer, start, end)
        else if (!this.confirmed) {
          this.confirmed = true
          onOpen()
        }
      },
      onLost: fate.onLost,
    })
  }

  /** Sends what a redirect by ASK was for. */
  sendFirst(piece: Piece, fate: Fate): void {
    this.connection.send(new Sending(this, piece, this.#asking, fate))
  }

  /** Sends what follows. */
  send(piece: Piece, fate: Fate): void {
    this.connection.send(new Sending(this, piece, false, fate))
  }

  /** Lets go of the connection, which may be in a transaction still. */
  leave(): void {
    this.live = false
    this.connection.cleanUp(this.opened ? 'DISCARD' : 'UNWATCH')
  }

  /** Lets go of a connection that the node has forgotten the transaction of. */
  giveBack(): void {
    this.live = false
    this.connection.giveBack()
  }

  /** Closes the connection. */
  discard(): void {
    this.live = false
    this.connection.discard()
  }
}
