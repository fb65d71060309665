import type { Clock } from '../clock.ts'
import type { ProxyError } from '../errors.ts'
import type { EventSink } from '../events.ts'
import { frameRequest } from '../resp/request-reader.ts'
import type { Credentials, NodeAddress, Settings } from '../settings.ts'
import type { Turn } from '../turn.ts'
import { addressName } from './address-map.ts'
import type { ConnectionSetup } from './connection.ts'
import { dial } from './dial.ts'
import { ClusterNode, LANES, type NodeServices } from './node.ts'

/** The settings that connections to nodes depend on. */
export type PoolSettings = Pick<
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

/** All nodes the proxy talks to, by address, and their connections. */
export class ConnectionPool {
  readonly #settings: PoolSettings
  readonly #clock: Clock
  readonly #turn: Turn
  readonly #services: NodeServices
  readonly #nodes: Map<string, ClusterNode> = new Map()
  readonly #leaving: Set<ClusterNode> = new Set()
  readonly #stopChecking: () => void

  /** `onLost` is called when a node is down or a connection to it broke: the topology may be another by now. */
  constructor(
    settings: PoolSettings,
    parts: {
      clock: Clock
      turn: Turn
      events: EventSink
      onLost: (node: ClusterNode, error: ProxyError) => void
    }
  ) {
    const { clock, turn, events, onLost } = parts
    this.#settings = settings
    this.#clock = clock
    this.#turn = turn
    this.#services = {
      setup: (address, lane) => this.#setup(address, lane),
      reconnectMinDelay: settings.reconnectMinDelay,
      reconnectMaxDelay: settings.reconnectMaxDelay,
      outputPause: settings.nodeOutputPause,
      onUp: (node) => {
        if (events.wants('nodeUp')) events.emit('nodeUp', { address: node.name, cause: undefined })
      },
      onDown: (node, cause) => {
        if (events.wants('nodeDown')) events.emit('nodeDown', { address: node.name, cause })
        onLost(node, cause)
      },
      onLost,
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

  /** All nodes in use. */
  nodes(): Iterable<ClusterNode> {
    return this.#nodes.values()
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
    this.#nodes.clear()
    this.#leaving.clear()
  }

  #check(): void {
    for (const node of this.#nodes.values()) for (const lane of node.lanes) lane.check()
    for (const node of this.#leaving) {
      for (const lane of node.lanes) lane.check()
      if (node.lanes.every((lane) => lane.connection === undefined)) this.#leaving.delete(node)
    }
  }

  #setup(address: NodeAddress, lane: number): ConnectionSetup {
    const { connectTimeout, commandTimeout, nodeOutputPause } = this.#settings
    return {
      address: addressName(address),
      open: () => dial(address, this.#settings),
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

function greeting(lane: number, credentials: Credentials | undefined): readonly Buffer[] {
  const auth =
    credentials === undefined
      ? []
      : ['AUTH', credentials.username ?? 'default', credentials.password]
  if (lane === LANES.resp3) return [frameRequest(['HELLO', '3', ...auth]).buffer]
  if (credentials === undefined) return []
  // Servers before 6 know AUTH with a password only.
  return [
    frameRequest(credentials.username === undefined ? ['AUTH', credentials.password] : auth).buffer,
  ]
}
