import Denque from 'denque'
import { ProxyError } from '../errors.ts'
import { Connection, type ConnectionSetup, type NodeRequest } from './connection.ts'

/** A connection that ended before, without a single reply, was as good as refused: milliseconds. */
const SHORT_LIFE = 1000

/** What a lane needs to know of its node. */
export interface LaneOwner {
  readonly name: string
  readonly status: 'unknown' | 'up' | 'down' | 'retired'
  /** Why it is down; undefined else. */
  readonly trouble: ProxyError | undefined
  mayDial(lane: Lane): boolean
  reached(): void
  refused(error: ProxyError): void
  lost(): void
}

/** What watches the connections of a lane: see `KeyWatch`. */
export interface LaneWatch {
  /** A connection is ready: what is sent on it now goes before anything else. */
  onReady(connection: Connection): void
  /** A push, raw; valid during the call only. */
  onPush(buffer: Buffer, start: number, end: number): void
  /** A connection is closed: its node has forgotten it. */
  onEnd(connection: Connection): void
}

/**
 * One shared connection to one node, for all clients of one protocol version and user. It outlives its socket: what
 * is sent while there is none waits for the next, in order.
 */
export class Lane {
  readonly #node: LaneOwner
  readonly #setup: () => ConnectionSetup
  readonly #outputPause: number
  readonly #watch: LaneWatch | undefined
  #connection: Connection | undefined
  /** Connections that were replaced and still owe replies. */
  readonly #leaving: Set<Connection> = new Set()
  /** Of those, the ones that a slow command keeps busy. */
  readonly #slow: WeakSet<Connection> = new WeakSet()
  readonly #waiting: Denque<NodeRequest> = new Denque()
  #waitingBytes = 0
  #paused: (() => void)[] = []

  constructor(
    node: LaneOwner,
    outputPause: number,
    setup: () => ConnectionSetup,
    watch?: LaneWatch
  ) {
    this.#node = node
    this.#outputPause = outputPause
    this.#setup = setup
    this.#watch = watch
  }

  /** Requests that wait for a connection. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Requests that wait for a connection or for their reply. */
  get pending(): number {
    let pending = this.#waiting.length + (this.#connection?.inFlight ?? 0)
    for (const connection of this.#leaving) pending += connection.inFlight
    return pending
  }

  /** The requests that wait for their reply or for a connection, oldest first. */
  *requests(): Iterable<NodeRequest> {
    for (const connection of this.#leaving) yield* connection.requests()
    if (this.#connection !== undefined) yield* this.#connection.requests()
    for (let i = 0; i < this.#waiting.length; i++) yield this.#waiting.peekAt(i)!
  }

  /** The connection in use, if there is one. */
  get connection(): Connection | undefined {
    return this.#connection
  }

  /** Sends a request, or keeps it until there is a connection. False when the sender should pause: see {@link onceDrained}. */
  send(request: NodeRequest): boolean {
    const connection = this.#connection
    if (connection !== undefined && connection.state === 'ready') {
      connection.send(request)
      return !connection.congested
    }
    if (this.#node.status === 'retired' && connection === undefined) {
      request.onLost(new ProxyError('NODE_LOST', `${this.#node.name} left the cluster`), false)
      return true
    }
    this.#keep(request)
    if (connection === undefined) this.dial()
    return this.#waitingBytes < this.#outputPause
  }

  #keep(request: NodeRequest): void {
    this.#waiting.push(request)
    this.#waitingBytes += request.end - request.start
  }

  /** Calls `resume` once when the lane is no longer congested, or has lost its connection. */
  onceDrained(resume: () => void): void {
    this.#paused.push(resume)
  }

  #drained(): void {
    const paused = this.#paused
    if (paused.length === 0) return
    this.#paused = []
    for (const resume of paused) resume()
  }

  /**
   * Has later requests take a new connection, since what is at the other end of this one is not what it should be. Requests in
   * flight keep the old one until they are answered; their order against later ones is the caller's concern. `slow`: a command keeps it
   * busy, so its silence says nothing about the node.
   */
  replace(slow = false): void {
    const connection = this.#connection
    if (connection === undefined || connection.state !== 'ready') return
    this.#leaving.add(connection)
    if (slow) this.#slow.add(connection)
    this.#connection = undefined
    this.#wasReady = false
    this.#drained()
    this.dial()
  }

  /** For how many milliseconds the node has been silent although it owes a reply here; 0 when it owes none. */
  get silence(): number {
    let silence = this.#connection?.silence ?? 0
    for (const connection of this.#leaving) {
      if (!this.#slow.has(connection)) silence = Math.max(silence, connection.silence)
    }
    return silence
  }

  /** Ends the connections because of `error`; what is in flight is told so. */
  fail(error: ProxyError): void {
    for (const connection of this.#leaving) connection.fail(error)
    this.#connection?.fail(error)
  }

  /** @internal Dials if the node lets it; else the node calls again. */
  dial(): void {
    if (this.#connection !== undefined || !this.#node.mayDial(this)) return
    const connection = new Connection(this.#setup(), {
      onReady: () => this.#ready(connection),
      onClosed: (error) => this.#closed(connection, error),
      onDrain: () => this.#drained(),
      onPush: (buffer, start, end) => this.#watch?.onPush(buffer, start, end),
    })
    this.#connection = connection
  }

  #wasReady = false

  #ready(connection: Connection): void {
    this.#wasReady = true
    this.#watch?.onReady(connection)
    for (const request of this.recall()) connection.send(request)
    this.#node.reached()
    this.#drained()
    this.#closeIfRetired()
  }

  #closed(connection: Connection, error: ProxyError): void {
    this.#watch?.onEnd(connection)
    this.#leaving.delete(connection)
    if (this.#connection !== connection) return
    const wasReady = this.#wasReady
    this.#wasReady = false
    this.#connection = undefined
    this.#drained()
    if (this.#node.status === 'retired') this.giveUp(error)
    else if (error.code === 'NODE_AUTH') {
      this.giveUp(error)
      this.#node.reached()
    } else if (wasReady && (connection.answered || connection.age >= SHORT_LIFE)) {
      this.#node.lost()
      this.dial()
    } else this.#node.refused(error)
  }

  /** Takes back all requests that wait for a connection. */
  recall(): NodeRequest[] {
    const waiting = this.#waiting.toArray()
    this.#waiting.clear()
    this.#waitingBytes = 0
    return waiting
  }

  /** @internal The node is up: dials if someone waits. */
  wake(): void {
    if (this.#waiting.length > 0) this.dial()
  }

  /** @internal The node cannot be reached: what waits is told so. */
  giveUp(error: ProxyError): void {
    for (const request of this.recall()) request.onLost(error, false)
    this.#drained()
  }

  /** @internal Looks at the time limits, and ends a retired connection that is idle. */
  check(): void {
    this.#connection?.check()
    for (const connection of this.#leaving) {
      connection.check()
      if (connection.inFlight > 0) continue
      this.#leaving.delete(connection)
      connection.close()
      this.#watch?.onEnd(connection)
    }
    if (this.#waiting.length > 0) this.#giveUpOverdue()
    this.#closeIfRetired()
  }

  /** What has waited for a connection as long as it may is told so. */
  #giveUpOverdue(): void {
    const { name, status, trouble } = this.#node
    const down = status === 'down'
    const overdue = this.#waiting.toArray().filter((each) => each.isOverdue?.(down) === true)
    if (overdue.length === 0) return
    const given = new Set(overdue)
    for (const request of this.recall()) if (!given.has(request)) this.#keep(request)
    const error = trouble ?? new ProxyError('NODE_CONNECT', `no connection to ${name} yet`)
    for (const request of overdue) request.onLost(error, false)
    this.#drained()
  }

  /** @internal Ends the connection as soon as nothing is in flight on it. */
  retire(): void {
    this.giveUp(new ProxyError('NODE_LOST', `${this.#node.name} left the cluster`))
    this.#closeIfRetired()
  }

  #closeIfRetired(): void {
    if (this.#node.status === 'retired' && this.pending === 0) this.close()
  }

  /** Ends the connection at once; whatever is pending is told `CLOSED`. */
  close(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.close()
    for (const leaving of this.#leaving) leaving.close()
    this.#leaving.clear()
    this.giveUp(new ProxyError('CLOSED', `the proxy closed its connection to ${this.#node.name}`))
  }
}
