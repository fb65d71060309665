import { execFile } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RealServer, type ServerOptions } from './real-server.ts'
import type { Reply } from './resp-frame.ts'

const SLOTS = 16_384
/** A new master stays in state "fail" for two seconds at least, whatever it knows. */
const FORM_LIMIT_MS = 20_000
const POLL_MS = 40
const KEYS_PER_MIGRATE = 1000
const ELECTION_MS = 1500

const execute = promisify(execFile)

/** Shape of a cluster, beside how to start its servers. */
export interface ClusterOptions extends ServerOptions {
  /** Masters, each with an equal share of the slots. Default 3. */
  readonly masters?: number
  /** Replicas of each master. Default 1. */
  readonly replicas?: number
}

/** A step of moving a slot, by the name of the command's argument: `keys` is MIGRATE, `stable` takes it back. */
export type MigrationStep = 'importing' | 'migrating' | 'keys' | 'node' | 'stable'

const WHOLE_MIGRATION: readonly MigrationStep[] = ['importing', 'migrating', 'keys', 'node']

/** A server that is a member of a cluster. */
export class RealNode extends RealServer {
  /** The 40 hex digits of `CLUSTER MYID`; they survive a restart. */
  id = ''
  /** What the node was when the cluster was formed or {@link RealCluster.failover} was last called. */
  role: 'master' | 'replica' = 'master'

  /** The lines of `CLUSTER NODES` as this node sees the cluster, each split into its fields. */
  async view(): Promise<string[][]> {
    const lines = String(await this.call('CLUSTER', 'NODES'))
      .trimEnd()
      .split('\n')
    return lines.map((line) => line.split(' '))
  }
}

/** A cluster of `redis-server` processes on 127.0.0.1. */
export class RealCluster {
  /** Masters first, then their replicas in the same order. */
  readonly nodes: readonly RealNode[]
  readonly #password: string | undefined

  constructor(nodes: readonly RealNode[], password?: string) {
    this.nodes = nodes
    this.#password = password
  }

  get masters(): RealNode[] {
    return this.nodes.filter((node) => node.role === 'master')
  }

  get replicas(): RealNode[] {
    return this.nodes.filter((node) => node.role === 'replica')
  }

  /** `host:port` of every node. */
  get addresses(): string[] {
    return this.nodes.map((node) => node.address)
  }

  /** The node that owns a slot, as the first running node knows it. */
  async ownerOf(slot: number): Promise<RealNode> {
    const witness = this.nodes.find((node) => node.running)
    const ranges = (await witness?.call('CLUSTER', 'SLOTS')) as [number, number, Reply[]][]
    const range = ranges.find(([first, last]) => first <= slot && slot <= last)
    const owner = this.nodes.find((node) => node.port === range?.[2][1])
    if (owner === undefined) throw new Error(`no node of this cluster owns slot ${slot}`)
    return owner
  }

  /** Moves a slot, by default wholly; a test that wants to look at a state between passes only some of the steps. */
  async migrateSlot(
    slot: number,
    from: RealNode,
    to: RealNode,
    options: { steps?: readonly MigrationStep[] } = {}
  ): Promise<void> {
    for (const step of options.steps ?? WHOLE_MIGRATION) {
      if (step === 'importing') await to.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
      if (step === 'migrating') await from.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
      if (step === 'keys') await this.#migrateKeys(slot, from, to)
      if (step === 'node') await this.#assign(slot, to)
      if (step === 'stable') {
        for (const node of [from, to]) await node.call('CLUSTER', 'SETSLOT', slot, 'STABLE')
      }
    }
  }

  /** Makes a replica the master of its slots, and waits until every running node knows it. */
  async failover(replica: RealNode, mode?: 'FORCE' | 'TAKEOVER'): Promise<void> {
    const own = (await replica.view()).find((fields) => fields[0] === replica.id)
    const old = this.nodes.find((node) => node.id === own?.[3])
    const isMaster = async (witness: RealNode): Promise<boolean> => {
      const fields = (await witness.view()).find(([id]) => id === replica.id)
      return fields?.[2]?.includes('master') === true && fields.length > 8
    }
    let askedAt = 0
    const running = this.nodes.filter((node) => node.running)
    await until('the failover is known', running, async (node) => {
      // An election may be lost: for want of votes, which nodes give only now and then.
      if (Date.now() - askedAt > ELECTION_MS && !(await isMaster(replica))) {
        askedAt = Date.now()
        await replica.call('CLUSTER', 'FAILOVER', ...(mode === undefined ? [] : [mode]))
      }
      return isMaster(node)
    })
    replica.role = 'master'
    if (old !== undefined) old.role = 'replica'
  }

  /** Waits until every running node says `cluster_state:ok`, and messages pass between all of them. */
  async healthy(): Promise<void> {
    const running = this.nodes.filter((node) => node.running)
    await until('the cluster is ok', running, isOk)
    await linked(running)
  }

  /** Runs redis-cli, towards the first node unless the arguments say otherwise, and gives what it printed. */
  async cli(...args: string[]): Promise<string> {
    const target = args[0] === '--cluster' ? [] : ['-p', String(this.nodes[0]?.port)]
    const env = { ...process.env, REDISCLI_AUTH: this.#password ?? '' }
    const { stdout } = await execute('redis-cli', [...target, ...args], { env })
    return stdout
  }

  /** Ends every process and removes their directories. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #migrateKeys(slot: number, from: RealNode, to: RealNode): Promise<void> {
    const secret = this.#password === undefined ? [] : ['AUTH', this.#password]
    for (;;) {
      const keys = await from.call('CLUSTER', 'GETKEYSINSLOT', slot, KEYS_PER_MIGRATE)
      if (!Array.isArray(keys) || keys.length === 0) return
      const target = ['127.0.0.1', to.port, '', 0, 5000, ...secret]
      await from.call('MIGRATE', ...target, 'KEYS', ...keys.map(String))
    }
  }

  /**
   * The new owner first: between the two calls nobody would own the slot. The others are told when they have heard of its epoch: one that believes it to be
   * older than the former owner's would give the slot back at the next thing that it hears from there, and nodes that do so end up in two minds.
   */
  async #assign(slot: number, to: RealNode): Promise<void> {
    await to.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id)
    const others = this.masters.filter((node) => node !== to && node.running)
    const epoch = await epochOf(to, to)
    await until('the epoch of the new owner is known', others, async (witness) => {
      return (await epochOf(to, witness)) >= epoch
    })
    for (const node of others) await node.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id)
  }
}

/** Starts a cluster and waits until every node knows all others, their slots, and its own data, and hears what they publish. Takes 2 to 3 seconds. */
export async function startCluster(options: ClusterOptions = {}): Promise<RealCluster> {
  const { masters = 3, replicas = 1, password } = options
  const config = {
    'cluster-enabled': 'yes',
    'cluster-node-timeout': 2000,
    'cluster-allow-replica-migration': 'no',
    ...options.config,
  }
  const nodes = await Promise.all(
    Array.from({ length: masters * (1 + replicas) }, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'redis-cluster-proxy-'))
      return new RealNode(directory, { ...options, config })
    })
  )
  const cluster = new RealCluster(nodes, password)
  try {
    await Promise.all(nodes.map((node) => node.start()))
    await form(nodes, masters)
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

async function form(nodes: readonly RealNode[], masters: number): Promise<void> {
  await Promise.all(
    nodes.map(async (node, index) => {
      node.id = String(await node.call('CLUSTER', 'MYID'))
      // Different epochs from the start, else the nodes settle collisions among themselves first.
      await node.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
      if (index >= masters) return
      const first = Math.floor((index * SLOTS) / masters)
      const last = Math.floor(((index + 1) * SLOTS) / masters) - 1
      await node.call('CLUSTER', 'ADDSLOTSRANGE', first, last)
    })
  )
  for (const node of nodes.slice(1)) await nodes[0]?.call('CLUSTER', 'MEET', '127.0.0.1', node.port)
  await until('all nodes know each other', nodes, async (node) => {
    const known = new Set((await node.view()).map(([id]) => id))
    return nodes.every(({ id }) => known.has(id))
  })
  await Promise.all(
    nodes.slice(masters).map((node, index) => {
      node.role = 'replica'
      return node.call('CLUSTER', 'REPLICATE', nodes[index % masters]?.id ?? '')
    })
  )
  await until('the cluster is ok', nodes, isOk)
  await until('all replicas are linked', nodes.slice(masters), isLinked)
  await until('all replicas are known', nodes, async (node) => {
    const roles = (await node.view()).filter((fields) => fields[2]?.includes('slave'))
    return roles.length === nodes.length - masters
  })
  // Servers since 7.2 write down which nodes they take for a shard, and may not start again with what they wrote before.
  await until('all shards are known', nodes, async (node) => {
    const shards = (await node.call('CLUSTER', 'SHARDS')) as Reply[]
    return shards.length === masters
  })
  await linked(nodes)
}

/**
 * Waits until each node has a link of the cluster bus to and from every other one. A node knows whose a link is when the other has sent a PING over it as a member, which may be
 * a second after both call the cluster ok. Valkey 8.0.1 closes a link on which a published message comes before, and the message is lost (valkey-io/valkey#2817; not since 8.1.5 and 9.0.1).
 */
async function linked(nodes: readonly RealNode[]): Promise<void> {
  await until('all nodes are linked', nodes, async (node) => {
    const links = (await node.call('CLUSTER', 'LINKS')) as string[][]
    const found = new Set(links.map(([, direction, , id]) => `${direction} ${id}`))
    const others = nodes.filter((other) => other !== node)
    return others.every(({ id }) => found.has(`to ${id}`) && found.has(`from ${id}`))
  })
}

/** The config epoch of a node, as one knows it. */
async function epochOf(node: RealNode, witness: RealNode): Promise<number> {
  return Number((await witness.view()).find(([id]) => id === node.id)?.[6])
}

async function isOk(node: RealNode): Promise<boolean> {
  return String(await node.call('CLUSTER', 'INFO')).includes('cluster_state:ok')
}

async function isLinked(node: RealNode): Promise<boolean> {
  return String(await node.call('INFO', 'replication')).includes('master_link_status:up')
}

/** Nodes tell nobody when they have learned something: they are asked until all of them have, or the limit is over. */
async function until(
  what: string,
  nodes: readonly RealNode[],
  holds: (node: RealNode) => Promise<boolean>
): Promise<void> {
  const limit = Date.now() + FORM_LIMIT_MS
  for (const node of nodes) {
    while (!(await holds(node))) {
      if (Date.now() > limit) throw new Error(`${node.address}: not within the limit: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
}
