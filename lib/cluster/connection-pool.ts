import type { Clock } from '../clock.ts'
import { ProxyError, replyText } from '../errors.ts'
import type { EventSink } from '../events.ts'
import type { NodeAddress, Settings } from '../settings.ts'
import type { Turn } from '../turn.ts'
import { addressName } from './address-map.ts'
import type { ConnectionSetup } from './connection.ts'
import { dial } from './dial.ts'
import { greeting, type Login } from './greeting.ts'
import { Identities, type Identity } from './identities.ts'
import type { WatchSink } from './key-watch.ts'
import type { Lane } from './lane.ts'
import { identityOf } from './lanes.ts'
import { Networks } from './networks.ts'
import { ClusterNode, type NodeServices } from './node.ts'
import { PrivatePool } from './private-pool.ts'
import type { PrivateSettings } from './private-shelf.ts'

/** The settings that connections to nodes depend on. */
export type PoolSettings = PrivateSettings &
  Pick<
    Settings,
    | 'nodes'
    | 'allowedNetworks'
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
  /** The users of the cluster that clients are. */
  readonly identities: Identities = new Identities()
  readonly #settings: PoolSettings
  readonly #clock: Clock
  readonly #turn: Turn
  readonly #services: NodeServices
  readonly #nodes: Map<string, ClusterNode> = new Map()
  readonly #leaving: Set<ClusterNode> = new Set()
  readonly #stopChecking: () => void
  readonly #onTrouble: () => void
  readonly #entryPoints: ReadonlySet<string>
  readonly #networks: Networks | undefined
  readonly #onDenied: (identity: Identity) => void
  /** Identities that ended while something of theirs was still in flight. */
  readonly #ending: Set<Identity> = new Set()
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
      /** A node does not let in the user of an identity any more. */
      onDenied: (identity: Identity) => void
      /** A connection to a node was lost. */
      onLost: (node: ClusterNode) => void
      /** A command keeps the connection of a lane busy for long. */
      onStuck: (node: ClusterNode, lane: Lane) => void
      watching?: WatchSink
    }
  ) {
    const { clock, turn, events, onTrouble, onDenied, onStuck, onLost, watching } = parts
    this.#onDenied = onDenied
    const { nodes, allowedNetworks } = settings
    this.#entryPoints = new Set(nodes.map(addressName))
    this.#networks = allowedNetworks && new Networks(allowedNetworks)
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
      onLost: (node) => {
        onLost(node)
        onTrouble()
      },
      onStuck,
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
    this.#endIdentities()
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

  /** Closes the connections of identities that nobody is any more. */
  #endIdentities(): void {
    for (const identity of this.identities.expire(this.#clock.now)) this.#ending.add(identity)
    if (this.#ending.size === 0) return
    const nodes = [...this.#nodes.values(), ...this.#leaving]
    for (const identity of this.#ending) {
      this.privates.forget(identity)
      // All of them, not the first ones only.
      const busy = nodes.filter((node) => !node.forget(identity))
      if (busy.length > 0) continue
      this.#ending.delete(identity)
      this.identities.closed(identity)
    }
  }

  #denied(lane: number, text: string): void {
    const identity = this.identities.find(identityOf(lane))
    // NOPERM is about READONLY only, and no reason to let go of the user.
    if (identity !== undefined && !text.startsWith('NOPERM')) this.#onDenied(identity)
  }

  /** How a connection to an address is set up that begins as those of a lane do. */
  setup(address: NodeAddress, lane: number): ConnectionSetup {
    const { connectTimeout, commandTimeout, nodeOutputPause } = this.#settings
    return {
      address: addressName(address),
      open: (reading) => dial(address, this.#settings, reading, this.#networksFor(address)),
      greeting: () => this.#greeting(lane),
      ...(identityOf(lane) === 0 ? {} : { onDenied: (text: string) => this.#denied(lane, text) }),
      clock: this.#clock,
      turn: this.#turn,
      connectTimeout,
      commandTimeout,
      outputPause: nodeOutputPause,
    }
  }

  /** Where an address must be that the cluster told. What the configuration names, as an entry point or by natMap, may be anywhere. */
  #networksFor(address: NodeAddress): Networks | undefined {
    const name = addressName(address)
    if (this.#networks === undefined || this.#entryPoints.has(name)) return undefined
    return this.#nodes.get(name)?.mapped === true ? undefined : this.#networks
  }

  /** RESP3 begins with HELLO, which takes the credentials along; RESP2 with AUTH if there are any. */
  #greeting(lane: number): readonly Buffer[] | Promise<readonly Buffer[]> {
    const identity = identityOf(lane)
    if (identity !== 0) return greeting(lane, this.#loginOf(identity))
    const { credentials } = this.#settings
    if (typeof credentials !== 'function') return greeting(lane, credentials)
    return Promise.resolve(credentials()).then((given) => greeting(lane, given))
  }

  /** Without its login a connection would speak as the node's user `default`. Its end says nothing about the node. */
  #loginOf(identity: number): Login {
    const login = this.identities.login(identity)
    if (login === undefined) throw new ProxyError('NODE_AUTH', replyText.userLeft)
    return login
  }
}
