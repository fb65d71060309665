import type { Clock } from '../clock.ts'
import { ProxyError } from '../errors.ts'
import type { EventSink } from '../events.ts'
import type { NodeAddress, Settings } from '../settings.ts'
import type { Turn } from '../turn.ts'
import { addressName } from './address-map.ts'
import type { ConnectionSetup } from './connection.ts'
import { dial } from './dial.ts'
import { greeting } from './greeting.ts'
import type { WatchSink } from './key-watch.ts'
import { ClusterNode, type NodeServices } from './node.ts'
import { PrivatePool, type PrivateSettings } from './private-pool.ts'

/** The settings that connections to nodes depend on. */
export type PoolSettings = PrivateSettings &
  Pick<
    Settings,
    | 'credentials'
    | 'nodeTls'
    | 'keepAlive'
    | 'connectTimeout'
    | 'commandTimeout'
    | 'reconnectMinDelay'
    | 'reconnectMaxDelay'
    | 'nodeOutputPause'
  >

/** Milliseconds between two questions to the cluster while someone waits for a node in vain. */
const TROUBLED_INTERVAL = 200

/** All nodes the proxy talks to, by address, and their connections. */
export class ConnectionPool {
  /** The connections that clients have for themselves. */
  readonly privates: PrivatePool
  readonly #settings: PoolSettings
  readonly #clock: Clock
  readonly #turn: Turn
  readonly #services: NodeServices
  readonly #nodes: Map<string, ClusterNode> = new Map()
  readonly #leaving: Set<ClusterNode> = new Set()
  readonly #stopChecking: () => void
  readonly #onTrouble: () => void
  readonly #events: EventSink
  /** Announced addresses that were warned of. */
  readonly #warned: Set<string> = new Set()
  #lookAt = 0

  /** `onTrouble` is called when a node is down, silent, or a connection to it broke: the topology may be another by now. */
  constructor(
    settings: PoolSettings,
    parts: {
      clock: Clock
      turn: Turn
      events: EventSink
      onTrouble: () => void
      watching?: WatchSink
    }
  ) {
    const { clock, turn, events, onTrouble, watching } = parts
    this.#onTrouble = onTrouble
    this.#events = events
    this.#settings = settings
    this.#clock = clock
    this.#turn = turn
    const setup = (address: NodeAddress, lane: number) => this.setup(address, lane)
    this.privates = new PrivatePool(settings, clock, setup, onTrouble)
    this.#services = {
      setup: (address, lane) => this.setup(address, lane),
      reconnectMinDelay: settings.reconnectMinDelay,
      reconnectMaxDelay: settings.reconnectMaxDelay,
      outputPause: settings.nodeOutputPause,
      ...(watching !== undefined && { watching }),
      onUp: (node) => {
        if (events.wants('nodeUp')) events.emit('nodeUp', { address: node.name, cause: undefined })
      },
      onDown: (node, cause, never) => {
        if (events.wants('nodeDown')) events.emit('nodeDown', { address: node.name, cause })
        this.privates.fail(node, cause)
        if (never) this.#warn(node, cause)
        onTrouble()
      },
      onLost: onTrouble,
    }
    this.#stopChecking = clock.onTick(() => this.#check())
  }

  /** The node at an address; made when first asked for. */
  node(address: NodeAddress): ClusterNode {
    const name = addressName(address)
    let node = this.#nodes.get(name)
    if (node === undefined) {
      node = new ClusterNode(address, this.#services)
      this.#nodes.set(name, node)
    }
    return node
  }

  /** The node in use that has a name; undefined if there is none. */
  named(name: string): ClusterNode | undefined {
    return this.#nodes.get(name)
  }

  /** All nodes in use. */
  nodes(): Iterable<ClusterNode> {
    return this.#nodes.values()
  }

  /** A client that had connections for itself is gone. */
  release(clientId: number): void {
    for (const node of [...this.#nodes.values(), ...this.#leaving]) node.release(clientId)
  }

  /** Lets go of all nodes whose name is not in `keep`, as soon as they have nothing in flight. */
  retain(keep: ReadonlySet<string>): void {
    for (const [name, node] of this.#nodes) {
      if (keep.has(name)) continue
      this.#nodes.delete(name)
      this.#leaving.add(node)
      node.retire()
    }
  }

  /** Closes all connections at once; requests in flight are told `CLOSED`. */
  close(): void {
    this.#stopChecking()
    for (const node of [...this.#nodes.values(), ...this.#leaving]) node.close()
    this.privates.close()
    this.#nodes.clear()
    this.#leaving.clear()
  }

  /** An announced address that cannot be reached, and that nobody mapped, is most often one that is known inside only. */
  #warn({ announced, mapped }: ClusterNode, cause: ProxyError): void {
    if (announced === undefined || mapped) return
    const name = addressName(announced)
    if (this.#warned.has(name)) return
    this.#warned.add(name)
    const text = `the cluster announces ${name}, which cannot be reached (${cause.message}) and which no rule of natMap covers`
    this.#events.emit('warning', new ProxyError('UNMAPPED_ADDRESS', text, { cause }))
  }

  #check(): void {
    let troubled: ClusterNode | undefined
    for (const node of this.#nodes.values()) {
      node.check()
      if (node.troubled) troubled = node
    }
    this.privates.check()
    const { now } = this.#clock
    if (troubled !== undefined && now >= this.#lookAt) {
      this.#lookAt = now + TROUBLED_INTERVAL
      this.#onTrouble()
    }
    for (const node of this.#leaving) {
      node.check()
      const idle = node.lanes.every((lane) => lane.connection === undefined && lane.pending === 0)
      if (idle) this.#leaving.delete(node)
    }
  }

  /** How a connection to an address is set up that begins as those of a lane do. */
  setup(address: NodeAddress, lane: number): ConnectionSetup {
    const { connectTimeout, commandTimeout, nodeOutputPause } = this.#settings
    return {
      address: addressName(address),
      open: (reading) => dial(address, this.#settings, reading),
      greeting: () => this.#greeting(lane),
      clock: this.#clock,
      turn: this.#turn,
      connectTimeout,
      commandTimeout,
      outputPause: nodeOutputPause,
    }
  }

  /** RESP3 begins with HELLO, which takes the credentials along; RESP2 with AUTH if there are any. */
  #greeting(lane: number): readonly Buffer[] | Promise<readonly Buffer[]> {
    const { credentials } = this.#settings
    if (typeof credentials !== 'function') return greeting(lane, credentials)
    return Promise.resolve(credentials()).then((given) => greeting(lane, given))
  }
}
