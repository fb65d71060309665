import { checkOptions, type FakeClusterOptions, wrong } from './cluster-options.ts'
import type { CommandRow } from './commands/call.ts'
import { revokeShardChannels } from './commands/pubsub.ts'
import { commandTable } from './commands/table.ts'
import { FakeNode, type ReceivedCommand } from './fake-node.ts'
import { type CommandMatcher, matcher } from './faults.ts'
import type { PlainReply } from './interpreter.ts'
import { ClusterState, NodeState } from './node-state.ts'
import { SLOT_COUNT, slotOfKey } from './slot.ts'
import { waitForCommand } from './wait.ts'

/** A node: itself, its index in `nodes`, its id, or its `host:port`. */
export type NodeReference = FakeNode | number | string

/** Which nodes learn of a change at once; the others go on as before. Default all. */
export interface TellOptions {
  /** The nodes that are told. */
  readonly tell?: readonly NodeReference[]
}

/**
 * A Redis Cluster in this process: real sockets, real redirects, real data, and a handle on everything that can go wrong.
 * Changes made by its methods are seen by the very next command.
 */
export class FakeCluster {
  readonly #state: ClusterState
  readonly #rows: ReadonlyMap<string, CommandRow>
  readonly #options: FakeClusterOptions
  readonly #nodes: FakeNode[] = []
  readonly #owners: (FakeNode | undefined)[] = new Array(SLOT_COUNT).fill(undefined)

  /** @internal */
  constructor(options: FakeClusterOptions) {
    this.#options = options
    this.#state = new ClusterState(options.version ?? '7.0.15')
    this.#rows = commandTable((since) => this.#state.isAtLeast(since))
  }

  /** All nodes, the first masters first, in the order in which they came. */
  get nodes(): readonly FakeNode[] {
    return this.#nodes
  }

  /** The nodes that are masters right now. */
  get masters(): readonly FakeNode[] {
    return this.#nodes.filter((node) => node.role === 'master')
  }

  /** The nodes that are replicas right now. */
  get replicas(): readonly FakeNode[] {
    return this.#nodes.filter((node) => node.role === 'replica')
  }

  /** `host:port` of all nodes, as entry points for a client. */
  get addresses(): string[] {
    return this.#nodes.map((node) => node.address)
  }

  /** Each ASKING that was followed by something else than its command, at any node. */
  get violations(): string[] {
    return this.#nodes.flatMap((node) => node.violations)
  }

  /** A node by index, id or address. Throws `INVALID_OPTION` if there is none. */
  node(reference: NodeReference): FakeNode {
    const found = this.#nodes.find(
      (node, i) =>
        node === reference || i === reference || node.id === reference || node.address === reference
    )
    if (found === undefined) throw wrong(`no node ${String(reference)} in this cluster`)
    return found
  }

  /** Slot of a key; text is taken as UTF-8. */
  slotOf(key: string | Uint8Array): number {
    return slotOfKey(key)
  }

  /** The master that owns a slot (a number) or a key, whoever knows. Throws `INVALID_OPTION` if nobody does. */
  owner(slotOrKey: number | string): FakeNode {
    const slot = typeof slotOrKey === 'number' ? slotOrKey : slotOfKey(slotOrKey)
    const owner = this.#owners[slot]
    if (owner === undefined) throw wrong(`nobody owns slot ${slot}`)
    return owner
  }

  /** The replicas of a master. */
  replicasOf(master: NodeReference): FakeNode[] {
    const { state } = this.node(master)
    return this.#nodes.filter((node) => node.state.master === state)
  }

  /** Moves a slot with all its keys, from the first step to the last. */
  migrate(slot: number, to: NodeReference): void {
    if (this.owner(slot) === this.node(to)) return
    this.setImporting(slot, to)
    this.setMigrating(slot, to)
    this.moveKeys(slot)
    this.setSlot(slot, to)
  }

  /** First step of a migration: `to` accepts the slot's commands after ASKING (`CLUSTER SETSLOT ... IMPORTING`). */
  setImporting(slot: number, to: NodeReference, from: NodeReference = this.owner(slot)): void {
    const { state } = this.node(to)
    state.importing.set(slot, this.node(from).state)
    state.imported.add(slot)
  }

  /** Second step: the owner answers ASK for keys that it has no more (`CLUSTER SETSLOT ... MIGRATING`). */
  setMigrating(slot: number, to: NodeReference): void {
    this.owner(slot).state.migrating.set(slot, this.node(to).state)
  }

  /** Third step, one key: says whether it was there to be moved. */
  moveKey(key: string): boolean {
    const { state } = this.owner(key)
    const target = state.migrating.get(slotOfKey(key))
    if (target === undefined) throw wrong(`slot ${slotOfKey(key)} is not migrating`)
    const name = Buffer.from(key).toString('latin1')
    const found = state.data.has(name)
    state.data.move(name, target.data)
    return found
  }

  /** Third step, `most` keys of a slot or all: says how many were moved. */
  moveKeys(slot: number, most: number = Number.POSITIVE_INFINITY): number {
    const { state } = this.owner(slot)
    const target = state.migrating.get(slot)
    if (target === undefined) throw wrong(`slot ${slot} is not migrating`)
    const keys = state.data.keysInSlot(slot).slice(0, most)
    for (const key of keys) state.data.move(key, target.data)
    return keys.length
  }

  /** Last step: the slot has a new owner, with a higher epoch; those who are told end the migration. */
  setSlot(slot: number, owner: NodeReference, options: TellOptions = {}): void {
    const node = this.node(owner)
    this.#owners[slot] = node
    node.state.configEpoch = ++this.#state.currentEpoch
    for (const told of this.#told(options)) {
      told.assign(slot, node.state)
      told.migrating.delete(slot)
      told.importing.delete(slot)
      if (told.master === undefined && told !== node.state)
        for (const key of told.data.keysInSlot(slot)) told.data.delete(key)
    }
    this.#changed()
  }

  #told(options: TellOptions): NodeState[] {
    return (options.tell ?? this.#nodes).map((reference) => this.node(reference).state)
  }

  #changed(): void {
    for (const node of this.#nodes) {
      node.serveBlocked()
      revokeShardChannels(node.state)
    }
  }

  /** Makes a replica the master of its shard, with the data that it has; the old master becomes its replica. */
  failover(replica: NodeReference, options: TellOptions = {}): void {
    const node = this.node(replica)
    const old = this.#nodes.find((one) => one.state === node.state.master)
    if (old === undefined) throw wrong(`${node.address} is no replica`)
    node.state.promote()
    for (const sibling of this.replicasOf(old)) sibling.state.follow(node.state)
    old.state.follow(node.state)
    old.state.migrating.clear()
    old.state.importing.clear()
    node.state.configEpoch = ++this.#state.currentEpoch
    const told = new Set([node.state, ...this.#told(options)])
    for (const [slot, owner] of this.#owners.entries()) {
      if (owner !== old) continue
      this.#owners[slot] = node
      for (const one of told) one.assign(slot, node.state)
    }
    old.unblockAll()
    this.#changed()
  }

  /** Adds a node that listens: a master without slots, or a replica. */
  async addNode(options: { master?: NodeReference; port?: number } = {}): Promise<FakeNode> {
    const index = this.#nodes.length
    const state = new NodeState(this.#state)
    const { host = '127.0.0.1', password, users = {}, announce, latency = 0 } = this.#options
    state.endpoint = { host, port: options.port ?? this.#options.ports?.[index] ?? 0 }
    for (const [slot, owner] of this.#owners.entries())
      if (owner !== undefined) state.assign(slot, owner.state)
    const node = new FakeNode(state, this.#rows, latency)
    if (password !== undefined) node.setPassword(password)
    for (const [user, secret] of Object.entries(users)) node.setPassword(secret, user)
    await node.start()
    if (options.master === undefined) state.configEpoch = ++this.#state.currentEpoch
    else state.follow(this.node(options.master).state)
    node.announce(announce?.(index, state.endpoint))
    this.#nodes.push(node)
    this.#state.members.push(state)
    return node
  }

  /** Stops a node and makes the others forget it; slots that it owns have no owner any more. */
  async removeNode(reference: NodeReference): Promise<void> {
    const node = this.node(reference)
    this.unassign(...[...this.#owners.keys()].filter((slot) => this.#owners[slot] === node))
    this.#nodes.splice(this.#nodes.indexOf(node), 1)
    this.#state.members.splice(this.#state.members.indexOf(node.state), 1)
    await node.stop()
  }

  /** Leaves slots without an owner. While full coverage is required, the whole cluster is down then. */
  unassign(...slots: readonly number[]): void {
    for (const slot of slots) {
      this.#owners[slot] = undefined
      for (const node of this.#nodes) node.state.assign(slot, undefined)
    }
    this.#changed()
  }

  /** Whether a slot without an owner makes the cluster refuse all keys (`cluster-require-full-coverage`); default true. */
  setCoverage(full: boolean): void {
    this.#state.fullCoverage = full
  }

  /** Whether all nodes answer `CLUSTERDOWN The cluster is down` to commands with keys. */
  clusterDown(down: boolean): void {
    this.#state.down = down
    this.#changed()
  }

  /** Removes all keys from all nodes. */
  flush(): void {
    for (const node of this.#nodes) node.state.data.clear()
  }

  /**
   * Executes a command with no socket between, at the owner of its first key, or at the first node if it has none: for
   * preparing and checking data. See {@link FakeNode.execute}.
   */
  execute(...command: readonly (string | number)[]): PlainReply {
    const row = this.#rows.get(String(command[0]).toLowerCase())
    const key = row === undefined || row.keys[0] === 0 ? undefined : command[row.keys[0]]
    const node = key === undefined ? this.#nodes[0]! : this.owner(String(key))
    return node.execute(...command)
  }

  /** The next matching command at any node. Rejects with `NODE_TIMEOUT` after `timeout` milliseconds, default 5000. */
  waitFor(when: CommandMatcher, options: { timeout?: number } = {}): Promise<ReceivedCommand> {
    return waitForCommand(this.#nodes, matcher(when), options.timeout)
  }

  /** Stops all nodes. */
  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()))
  }

  /** {@link FakeCluster.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Starts the nodes that the options ask for and shares the slots out. @internal */
  async open(): Promise<void> {
    const { masters = 3, replicas = 0 } = this.#options
    for (let i = 0; i < masters; i++) await this.addNode()
    for (let i = 0; i < masters * replicas; i++) await this.addNode({ master: i % masters })
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = this.#nodes[Math.floor((slot * masters) / SLOT_COUNT)]!
      this.#owners[slot] = owner
      for (const node of this.#nodes) node.state.assign(slot, owner.state)
    }
  }
}

/**
 * Starts a fake Redis Cluster that listens on loopback, and resolves once all its nodes do. Rejects if a port is taken;
 * throws `INVALID_OPTION` for counts that make no cluster.
 */
export async function createFakeCluster(options: FakeClusterOptions = {}): Promise<FakeCluster> {
  checkOptions(options)
  const cluster = new FakeCluster(options)
  try {
    await cluster.open()
  } catch (error) {
    await cluster.close()
    throw error
  }
  return cluster
}
