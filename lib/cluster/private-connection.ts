import type { ProxyError } from '../errors.ts'
import { frameRequest } from '../resp/request-reader.ts'
import { Connection, type ConnectionSetup, type NodeRequest } from './connection.ts'
import { Errand } from './errand.ts'
import type { ClusterNode } from './node.ts'

/** What a private connection tells the pool that it belongs to. */
export interface PrivateConnectionOwner {
  /** It is ready for its first borrower. */
  onReady(connection: PrivateConnection): void
  /** Its borrower gave it back, and nothing of the borrower is left in it. */
  onClean(connection: PrivateConnection): void
  /** It is closed for good. */
  onClosed(connection: PrivateConnection, error: ProxyError | undefined): void
}

/** What takes a client's state out of a connection. */
export type Cleaning = 'DISCARD' | 'UNWATCH'

const CLIENT_ID: Buffer = frameRequest(['CLIENT', 'ID']).buffer
const CLEANINGS: Readonly<Record<Cleaning, Buffer>> = {
  DISCARD: frameRequest(['DISCARD']).buffer,
  UNWATCH: frameRequest(['UNWATCH']).buffer,
}
const INTEGER = 58

/**
 * A connection that one client has for itself, for a while.
 *
 * ```
 * dialling --ready--> idle --lent--> lent --giveBack: nothing in flight----------> idle
 *                      ^              |  \--discard, closed by the node--> closed
 *                      +--reply: OK-- cleaning
 * ```
 */
export type PrivateState = 'dialling' | 'idle' | 'lent' | 'cleaning' | 'closed'

/** One private connection; it belongs to a `PrivatePool`, and to one borrower at a time. */
export class PrivateConnection {
  readonly node: ClusterNode
  /** The lane whose greeting it began with: its protocol version. */
  readonly lane: number
  state: PrivateState = 'dialling'
  /** The number that the node has for it (`CLIENT ID`); undefined while that is not known. */
  clientId: string | undefined
  /** Whether the node may be silent for as long as it likes: the borrower waits in a blocking command. */
  patient = false
  /** Whether its node let its user begin a transaction on it, the last time. */
  takesMulti = false
  readonly #owner: PrivateConnectionOwner
  readonly #connection: Connection
  #onLost: ((error: ProxyError) => void) | undefined

  constructor(
    node: ClusterNode,
    lane: number,
    setup: ConnectionSetup,
    owner: PrivateConnectionOwner
  ) {
    this.node = node
    this.lane = lane
    this.#owner = owner
    this.#connection = new Connection(setup, {
      onReady: () => this.#ready(),
      onClosed: (error) => this.#closed(error),
      onDrain: () => {},
    })
  }

  /** @internal Gives it to a borrower, who is told when it is lost. */
  lend(onLost: (error: ProxyError) => void): void {
    this.state = 'lent'
    this.patient = false
    this.#onLost = onLost
  }

  /** Sends a request; only while it is lent. */
  send(request: NodeRequest): void {
    this.#connection.send(request)
  }

  /** Ends the loan. The borrower has seen that nothing of it is left: no transaction, no watched key. What is still owed a reply ends the connection. */
  giveBack(): void {
    if (this.state !== 'lent') return
    if (this.#connection.inFlight > 0) this.discard()
    else this.#clean()
  }

  /** Ends the loan of a connection that may still be in a transaction, or watch keys: it is lent again when the node has said that it is not. */
  cleanUp(command: Cleaning): void {
    if (this.state !== 'lent') return
    this.state = 'cleaning'
    this.#onLost = undefined
    this.patient = false
    const judge = (buffer: Buffer, start: number, end: number): void => {
      const text = buffer.toString('latin1', start, end - 2)
      const clean = text === '+OK' || text === '-ERR DISCARD without MULTI'
      if (clean && this.#connection.inFlight === 0) this.#clean()
      else this.#end()
    }
    this.#connection.send(new Errand(CLEANINGS[command], judge))
  }

  /** Closes it at once; the node forgets whatever it was waiting for. */
  discard(): void {
    this.#end()
  }

  /** @internal Ends it because of `error`; the borrower is told. */
  fail(error: ProxyError): void {
    this.#connection.fail(error)
  }

  /** @internal Looks at the time limits; called at each tick of the clock. */
  check(): void {
    if (!this.patient) this.#connection.check()
  }

  #ready(): void {
    this.#connection.send(
      new Errand(CLIENT_ID, (buffer, start, end) => {
        if (buffer[start] === INTEGER) this.clientId = buffer.toString('latin1', start + 1, end - 2)
      })
    )
    this.state = 'idle'
    this.#owner.onReady(this)
  }

  #clean(): void {
    this.state = 'idle'
    this.patient = false
    this.#onLost = undefined
    this.#owner.onClean(this)
  }

  #end(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#onLost = undefined
    this.#connection.close()
    this.#owner.onClosed(this, undefined)
  }

  #closed(error: ProxyError): void {
    if (this.state === 'closed') return
    const onLost = this.#onLost
    this.#onLost = undefined
    this.#owner.onClosed(this, error)
    this.state = 'closed'
    onLost?.(error)
  }
}
