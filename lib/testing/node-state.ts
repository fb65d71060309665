import { randomBytes } from 'node:crypto'
import type { Client } from './client.ts'
import { Keyspace } from './keyspace.ts'
import { SLOT_COUNT } from './slot.ts'
import { TrackingTable } from './tracking.ts'

/** Where a node listens. */
export interface Endpoint {
  /** An IP address. */
  readonly host: string
  /** A TCP port. */
  readonly port: number
}

/**
 * What a node tells as its address. A `host` of null is an unknown endpoint (`cluster-preferred-endpoint-type`): null in
 * SLOTS, nothing before the colon of a redirect. An empty `host` is a server that does not know its own address yet.
 */
export interface AnnouncedEndpoint {
  /** An IP address or a name; null or empty as said above. */
  readonly host: string | null
  /** A TCP port. */
  readonly port: number
}

/** What one node knows: its data, and its own view of the cluster, which may differ from that of the others. */
export class NodeState {
  readonly id: string = randomBytes(20).toString('hex')
  readonly cluster: ClusterState
  /** Where it listens, or listened last. */
  endpoint: Endpoint = { host: '127.0.0.1', port: 0 }
  /** What it says instead of {@link NodeState.endpoint}, if anything. */
  announced: AnnouncedEndpoint | undefined
  /** The master that a replica follows. */
  master: NodeState | undefined
  configEpoch = 0
  loading = false
  /** Whether it is stopped, which the others take for failed. */
  failed = false
  /** Clients that are connected right now. */
  readonly clients: Set<Client> = new Set()
  /** Whom it tells of changed keys. */
  readonly tracking: TrackingTable = new TrackingTable(this.clients)
  /** Slots that leave this node, with the node they go to. */
  readonly migrating: Map<number, NodeState> = new Map()
  /** Slots that come to this node, with the node they come from. */
  readonly importing: Map<number, NodeState> = new Map()
  /** Slots that were ever imported: a command for one of them may follow ASKING. */
  readonly imported: Set<number> = new Set()
  /** Passwords by user name; without `default`, anybody may enter. */
  readonly users: Map<string, string> = new Map()
  /** ASKING that was not followed by the command that it was meant for. */
  readonly violations: string[] = []
  readonly #owners: (NodeState | undefined)[] = new Array(SLOT_COUNT).fill(undefined)
  #unassigned = SLOT_COUNT
  #data: Keyspace = new Keyspace()
  #lagging = false
  /** What was written here, or had been when it began to lag, in commands. */
  #offset = 0

  constructor(cluster: ClusterState) {
    this.cluster = cluster
    this.#data.watchers.add(this.#onChange)
  }

  readonly #onChange = (key: string): void => this.tracking.changed(key)

  /** What clients are told as its address. */
  get advertised(): AnnouncedEndpoint {
    return this.announced ?? this.endpoint
  }

  /** The keys that this node sees: for a replica its master's, unless it lags behind. */
  get data(): Keyspace {
    return this.master === undefined || this.#lagging ? this.#data : this.master.data
  }

  /** How far this node's data are in the stream of replication: here in commands, on a server in bytes. */
  get offset(): number {
    return this.master === undefined || this.#lagging ? this.#offset : this.master.offset
  }

  /** A command that writes was executed here. */
  noteWrite(): void {
    this.#offset++
  }

  get lagging(): boolean {
    return this.#lagging
  }

  /** A replica that lags keeps what it has; one that no longer does has all that its master has. */
  set lagging(lagging: boolean) {
    if (lagging && !this.#lagging) {
      this.#offset = this.offset
      this.#data = this.data.clone()
    }
    this.#lagging = lagging
  }

  /** Follows a master from now on, with its data. */
  follow(master: NodeState): void {
    this.master = master
    this.#lagging = false
  }

  /** Becomes a master with the data that it sees now. */
  promote(): void {
    this.#offset = this.offset
    this.#data = this.data
    this.#data.watchers.add(this.#onChange)
    this.#lagging = false
    this.master = undefined
  }

  /** The owner of a slot as this node believes. */
  ownerOf(slot: number): NodeState | undefined {
    return this.#owners[slot]
  }

  /** Changes what this node believes. */
  assign(slot: number, owner: NodeState | undefined): void {
    if (this.#owners[slot] === undefined) this.#unassigned--
    if (owner === undefined) this.#unassigned++
    this.#owners[slot] = owner
  }

  /** Whether this node finds that the cluster can serve. */
  get healthy(): boolean {
    return !this.cluster.down && !(this.cluster.fullCoverage && this.#unassigned > 0)
  }

  get unassigned(): number {
    return this.#unassigned
  }

  /** Slots of a node as `[first, last]` ranges, in this node's view. */
  rangesOf(owner: NodeState): [first: number, last: number][] {
    const ranges: [number, number][] = []
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.#owners[slot] !== owner) continue
      const last = ranges.at(-1)
      if (last !== undefined && last[1] === slot - 1) last[1] = slot
      else ranges.push([slot, slot])
    }
    return ranges
  }
}

/** What all nodes of a cluster share. */
export class ClusterState {
  /** Members in the order in which they came. */
  readonly members: NodeState[] = []
  /** Version that the nodes claim to have, such as `7.0.15`. */
  readonly version: string
  currentEpoch = 0
  /** Whether all nodes say that the cluster is down. */
  down = false
  /** `cluster-require-full-coverage`. */
  fullCoverage = true
  #clientIds = 0

  constructor(version: string) {
    this.version = version
  }

  /** An id that no client of this cluster had before. */
  nextClientId(): number {
    return ++this.#clientIds
  }

  /** The replicas of a master. */
  replicasOf(master: NodeState): NodeState[] {
    return this.members.filter((node) => node.master === master)
  }

  /** Whether the version claimed is this one or a later one. */
  isAtLeast(version: string): boolean {
    const wanted = version.split('.').map(Number)
    const claimed = this.version.split('.').map(Number)
    const at = wanted.findIndex((part, i) => part !== (claimed[i] ?? 0))
    return at < 0 || (claimed[at] ?? 0) > wanted[at]!
  }
}
