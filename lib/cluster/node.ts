import createDebug from 'debug'
import type { ProxyError } from '../errors.ts'
import { frameRequest } from '../resp/request-reader.ts'
import type { HostPort, NodeAddress } from '../settings.ts'
import { addressName } from './address-map.ts'
import { Connection, type ConnectionSetup } from './connection.ts'
import type { Identity } from './identities.ts'
import { KeyWatch, type WatchSink } from './key-watch.ts'
import { Lane } from './lane.ts'
import { identityOf, kindOf, LANES, LANES_EACH, ownerOf, trackingOf } from './lanes.ts'

const debug = createDebug('redis-cluster-proxy:cluster')

/** Milliseconds of silence, with a reply owed, after which a node is looked at more closely. */
export const SILENT = 1000
const PING: Buffer = frameRequest(['PING']).buffer
const BUSY = /: BUSY /
/** Kinds of lanes that keep their connection although it is stuck: nobody shares them. */
const KEPT: ReadonlySet<number> = new Set([LANES.control, LANES.trial])
const KEPT_WHILE_BUSY: ReadonlySet<number> = new Set([
  ...KEPT,
  LANES.resp2Replica,
  LANES.resp3Replica,
])

/** What nodes need of the pool they belong to. */
export interface NodeServices {
  /** How a connection of the lane to the address is set up. */
  setup(address: NodeAddress, lane: number): ConnectionSetup
  readonly reconnectMinDelay: number
  readonly reconnectMaxDelay: number
  /** Who is told what nodes say of keys that clients track. */
  readonly watching?: WatchSink
  /** Bytes that may wait for a connection before senders should pause. */
  readonly outputPause: number
  onUp(node: ClusterNode): void
  /** `never`: it was not reached before either. */
  onDown(node: ClusterNode, error: ProxyError, never: boolean): void
  /** A connection that had been ready is gone. */
  onLost(node: ClusterNode): void
  /** The node answers others, and not on this lane: a command keeps its connection busy. */
  onStuck(node: ClusterNode, lane: Lane): void
}

/**
 * A Redis server, with its shared connections. While it refuses connections one lane alone tries again, with growing delays;
 * the others wait for what that one finds.
 */
export class ClusterNode {
  readonly address: NodeAddress
  /** `host:port`, or the path of a UNIX socket. */
  readonly name: string
  /** `unknown` until the first connection succeeded or failed. */
  status: 'unknown' | 'up' | 'down' | 'retired' = 'unknown'
  /** Why it is down; undefined else. */
  trouble: ProxyError | undefined
  /** The address that the cluster announces for it; undefined for an entry point that it has not named. */
  announced: HostPort | undefined
  /** Whether a `natMap` rule covers the announced address. */
  mapped = false
  readonly #services: NodeServices
  readonly #lanes: Lane[] = []
  /** Of other identities than the proxy's own, and of clients that have lanes for themselves: they come and go. */
  readonly #others: Map<number, Lane> = new Map()
  /** Numbers of those that nobody uses any more, and which owe replies as yet. */
  readonly #released: Set<number> = new Set()
  /** Of the lanes of clients that track keys. */
  readonly #watches: Map<number, KeyWatch> = new Map()
  #failures = 0
  /** The lane that tries to reach a node that is down. */
  #probe: Lane | undefined
  #timer: NodeJS.Timeout | undefined
  #ping: Connection | undefined
  /** What the node just said although it owes replies; BUSY: a script has run for long. */
  #said: 'nothing' | 'pong' | 'busy' = 'nothing'

  constructor(address: NodeAddress, services: NodeServices) {
    this.address = address
    this.name = addressName(address)
    this.#services = services
  }

  /** The lane with the given number, made when first asked for. */
  lane(index: number): Lane {
    const lane = index < LANES_EACH ? this.#lanes[index] : this.#others.get(index)
    return lane ?? this.#makeLane(index)
  }

  #makeLane(index: number): Lane {
    const services = this.#services
    const setup = (of: number): ConnectionSetup => services.setup(this.address, of)
    const tracked = trackingOf(index)
    const sink = services.watching
    const watch = tracked && sink && new KeyWatch({ node: this, lane: index, tracked, setup, sink })
    if (watch !== undefined) this.#watches.set(index, watch)
    const lane = new Lane(
      this,
      services.outputPause,
      () => (watch === undefined ? setup(index) : prepared(setup(index), watch)),
      watch
    )
    if (index < LANES_EACH) this.#lanes[index] = lane
    else this.#others.set(index, lane)
    return lane
  }

  /** What watches the keys that are read over a lane of clients that track them; undefined as long as there are none. */
  watch(lane: number): KeyWatch | undefined {
    return this.#watches.get(lane)
  }

  /** The lanes in use. */
  get lanes(): readonly Lane[] {
    return [...this.#lanes.filter((lane) => lane !== undefined), ...this.#others.values()]
  }

  /** A client that had lanes for itself is gone: they are closed when they owe no reply any more. */
  release(clientId: number): void {
    for (const index of this.#others.keys()) {
      if (ownerOf(index) === clientId) this.#released.add(index)
    }
    this.#closeReleased()
  }

  /** Closes the lanes of an identity; false while something is in flight on one of them. */
  forget({ number }: Identity): boolean {
    for (const index of this.#others.keys()) {
      if (identityOf(index) === number) this.#released.add(index)
    }
    this.#closeReleased()
    return ![...this.#released].some((index) => identityOf(index) === number)
  }

  #closeReleased(): void {
    for (const index of this.#released) {
      const lane = this.#others.get(index)!
      if (lane.pending > 0) continue
      this.#released.delete(index)
      this.#others.delete(index)
      this.#endWatch(index)
      lane.close()
      if (this.#probe !== lane) continue
      // Nobody else would try.
      this.#probe = undefined
      this.#tryAgain()
    }
  }

  /** Nobody watches any more what was read over a lane. */
  #endWatch(index: number): void {
    const watch = this.#watches.get(index)
    if (watch === undefined) return
    this.#watches.delete(index)
    this.#services.watching?.onGap(watch)
    watch.close()
  }

  /** @internal Whether `lane` may dial now. If not, {@link Lane.dial} is called when it may. */
  mayDial(lane: Lane): boolean {
    if (this.status === 'unknown' || this.status === 'up') return true
    return this.status === 'down' && this.#probe === lane
  }

  /** @internal A lane's connection is ready. */
  reached(): void {
    const was = this.status
    if (was === 'retired') return
    this.status = 'up'
    this.trouble = undefined
    this.#probe = undefined
    clearTimeout(this.#timer)
    if (was === 'up') return
    debug('%s is up', this.name)
    this.#services.onUp(this)
    for (const lane of this.lanes) lane.wake()
  }

  /** @internal A lane could not connect. */
  refused(error: ProxyError): void {
    const was = this.status
    if (was === 'retired') return
    this.status = 'down'
    this.trouble = error
    // A connection alone is no success: what accepts and closes again is dialled with growing delays too.
    if (this.lanes.some((lane) => lane.connection?.answered === true)) this.#failures = 0
    this.#failures++
    const { reconnectMinDelay, reconnectMaxDelay } = this.#services
    const longest = Math.min(
      reconnectMaxDelay,
      reconnectMinDelay * 2 ** Math.min(this.#failures - 1, 20)
    )
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tryAgain(), longest * (0.5 + Math.random() / 2))
    this.#probe = undefined
    debug('%s is down: %s', this.name, error.message)
    if (was !== 'down') this.#services.onDown(this, error, was === 'unknown')
    for (const lane of this.lanes) lane.giveUp(error)
  }

  /** @internal A connection that had been ready is gone. */
  lost(): void {
    this.#failures = 0
    if (this.status !== 'retired') this.#services.onLost(this)
  }

  #tryAgain(): void {
    if (this.status !== 'down') return
    const lanes = this.lanes
    this.#probe =
      lanes.find((lane) => lane.waiting > 0) ?? lanes.find((lane) => lane.connection === undefined)
    this.#probe?.dial()
  }

  /** Whether someone waits for this node in vain: it owes replies for too long, or cannot be reached. */
  get troubled(): boolean {
    if (this.status === 'down') return this.lanes.some((lane) => lane.waiting > 0)
    return this.silence >= SILENT
  }

  /** For how many milliseconds the node has been silent although it owes a reply; 0 when it owes none. */
  get silence(): number {
    let silence = 0
    for (const lane of this.#lanes)
      if (lane !== undefined) silence = Math.max(silence, lane.silence)
    for (const lane of this.#others.values()) silence = Math.max(silence, lane.silence)
    return silence
  }

  /** @internal Looks at the time limits, and at a node that is silent; called at each tick of the clock. */
  check(): void {
    for (const lane of this.#lanes) lane?.check()
    for (const lane of this.#others.values()) lane.check()
    if (this.#released.size > 0) this.#closeReleased()
    this.#checkWatches()
    this.#ping?.check()
    if (this.status !== 'up') return
    if (this.#said !== 'nothing') this.#unstick()
    else if (this.silence >= SILENT) this.#sound()
  }

  /**
   * The node answers, and what is still owed for long is owed by one connection alone. A script that has run for long does not let
   * READONLY in, which connections to replicas begin with.
   */
  #unstick(): void {
    const kept = this.#said === 'busy' ? KEPT_WHILE_BUSY : KEPT
    this.#said = 'nothing'
    for (const [index, lane] of [...this.#lanes.entries(), ...this.#others]) {
      if (lane === undefined || kept.has(kindOf(index))) continue
      if (lane.silence >= SILENT) this.#services.onStuck(this, lane)
    }
  }

  #checkWatches(): void {
    for (const [lane, watch] of this.#watches) {
      watch.check()
      if (watch.wanted) this.lane(lane).dial()
    }
  }

  /**
   * Dials a silent node anew and sends it a PING. If it cannot be reached the connections to it are dead, whatever the kernel believes of them. If it
   * is reached and only does not answer it is busy, or paused: then the cluster knows better whether it is lost. If it answers, some command
   * keeps a connection for itself.
   */
  #sound(): void {
    if (this.#ping !== undefined) return
    const setup = this.#services.setup(this.address, LANES.control)
    const greeting = async (): Promise<readonly Buffer[]> => [...(await setup.greeting()), PING]
    const ping = new Connection(
      { ...setup, greeting },
      {
        onReady: () => {
          this.#ping = undefined
          this.#said = 'pong'
          ping.close()
        },
        onClosed: (error) => {
          this.#ping = undefined
          if (!ping.connected) this.fail(error)
          else if (BUSY.test(error.message)) this.#said = 'busy'
        },
        onDrain: () => {},
      }
    )
    this.#ping = ping
  }

  /** Ends all connections because of `error`; what is in flight is told so. */
  fail(error: ProxyError): void {
    debug('%s is given up: %s', this.name, error.message)
    for (const lane of this.lanes) lane.fail(error)
  }

  /** Closes connections that have nothing in flight, now or as soon as that is so; no new ones are made. */
  retire(): void {
    if (this.status === 'retired') return
    debug('%s is retired', this.name)
    this.status = 'retired'
    clearTimeout(this.#timer)
    this.#ping?.close()
    for (const lane of this.lanes) lane.retire()
    for (const watch of this.#watches.values()) watch.close()
  }

  /** Closes all connections at once. */
  close(): void {
    this.status = 'retired'
    clearTimeout(this.#timer)
    this.#ping?.close()
    for (const lane of this.lanes) lane.close()
    for (const watch of this.#watches.values()) watch.close()
  }
}

/** The greeting waits for what the watch needs. */
function prepared(setup: ConnectionSetup, watch: KeyWatch): ConnectionSetup {
  const greeting = async (): Promise<readonly Buffer[]> => {
    await watch.prepare()
    return setup.greeting()
  }
  return { ...setup, greeting }
}
