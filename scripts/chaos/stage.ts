import { execFile } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type RealCluster, RealNode, startCluster } from '../../test/support/real-cluster.ts'

const execute = promisify(execFile)

/** What the cluster is formed with; nodes are started anew with it, so each operation leaves it as it was. */
export const PASSWORD = 'first'
/** `cluster-node-timeout` in milliseconds. */
export const NODE_TIMEOUT = 2000
const CONFIG = {
  'cluster-enabled': 'yes',
  'cluster-node-timeout': NODE_TIMEOUT,
  'cluster-allow-replica-migration': 'no',
}
/** The whole cluster settles within this time, in milliseconds, after whatever happened to it. */
const SETTLE_LIMIT = 60_000
/** The nodes give a failover up after 5 seconds, in milliseconds with a little more. */
const FAILOVER_LIMIT = 6000
const CLI_LIMIT = 300_000
const POLL = 50

/** A node as another one, or itself, sees it. */
export interface Sight {
  readonly id: string
  readonly master: boolean
  /** Id of its master; `-` for a master. */
  readonly masterId: string
  readonly failed: boolean
  readonly slots: readonly string[]
}

/** The cluster that the operations work on. Members come and go; roles are what the nodes say. */
export class Stage implements AsyncDisposable {
  /** What the nodes take as password now. */
  password: string = PASSWORD
  readonly #nodes: RealNode[]

  constructor(cluster: RealCluster) {
    this.#nodes = [...cluster.nodes]
  }

  get nodes(): readonly RealNode[] {
    return this.#nodes
  }

  get ports(): readonly number[] {
    return this.#nodes.map(({ port }) => port)
  }

  get addresses(): readonly string[] {
    return this.#nodes.map(({ address }) => address)
  }

  /** The cluster as the given node, or else the first running one, sees it. */
  async view(node?: RealNode): Promise<Sight[]> {
    const witness = node ?? this.#nodes.find(({ running }) => running)
    const lines = (await witness?.view()) ?? []
    return lines.map((fields) => ({
      id: fields[0] ?? '',
      master: fields[2]?.includes('master') === true,
      masterId: fields[3] ?? '',
      failed: /fail|noaddr|handshake/.test(fields[2] ?? ''),
      slots: fields.slice(8),
    }))
  }

  /** The nodes that serve slots. */
  async masters(): Promise<RealNode[]> {
    const view = await this.view()
    return view
      .filter(({ master, slots, failed }) => master && slots.length > 0 && !failed)
      .map(({ id }) => this.#node(id))
  }

  /** The running replicas of a master. */
  async replicasOf(master: RealNode): Promise<RealNode[]> {
    const view = await this.view()
    return view
      .filter(({ masterId, failed }) => masterId === master.id && !failed)
      .map(({ id }) => this.#node(id))
  }

  async isMaster(node: RealNode): Promise<boolean> {
    return (await this.view()).some(({ id, master }) => id === node.id && master)
  }

  #node(id: string): RealNode {
    const node = this.#nodes.find((each) => each.id === id)
    if (node === undefined) throw new Error(`no process has the node id ${id}`)
    return node
  }

  /** `redis-cli --cluster <command> <a running node> ...`; gives what it printed. */
  async manage(command: string, ...args: readonly string[]): Promise<string> {
    const entry = this.#nodes.find(({ running }) => running)?.address ?? ''
    return this.#cli(['--cluster', command, entry, ...args])
  }

  /** Starts a server and makes it a member by `add-node`: a master without slots, or a replica. */
  async add(master?: RealNode): Promise<RealNode> {
    const directory = await mkdtemp(join(tmpdir(), 'redis-cluster-proxy-'))
    const node = new RealNode(directory, { password: PASSWORD, config: CONFIG })
    const entry = this.#nodes[0]?.address ?? ''
    await node.start()
    this.#nodes.push(node)
    node.id = String(await node.call('CLUSTER', 'MYID'))
    const role = master && ['--cluster-slave', '--cluster-master-id', master.id]
    await this.#cli(['--cluster', 'add-node', node.address, entry, ...(role ?? [])])
    await this.settled()
    return node
  }

  /** Makes a node leave by `del-node`, and ends it. */
  async remove(node: RealNode): Promise<void> {
    await this.manage('del-node', node.id)
    this.#nodes.splice(this.#nodes.indexOf(node), 1)
    await node.stop()
    await this.settled()
  }

  /** Has a replica take over from its master, and waits until all know. A failover that the nodes give up is ordered again. */
  async failover(replica: RealNode, mode?: 'TAKEOVER'): Promise<void> {
    const order = ['CLUSTER', 'FAILOVER', ...(mode === undefined ? [] : [mode])]
    let orderedAt = Number.NEGATIVE_INFINITY
    await this.until('the replica is master', async () => {
      if (await this.isMasterFor(replica)) return true
      if (performance.now() < orderedAt + FAILOVER_LIMIT) return false
      orderedAt = performance.now()
      await replica.call(...order)
      return false
    })
    await this.settled()
  }

  /** Whether the node itself says that it serves slots. */
  async isMasterFor(node: RealNode): Promise<boolean> {
    return (await this.view(node)).some(({ id, slots }) => id === node.id && slots.length > 0)
  }

  /** Waits until all nodes run, agree on who serves what, and all replicas follow their masters. */
  async settled(): Promise<void> {
    await this.until('all nodes agree', async () => {
      const running = this.#nodes.filter((node) => node.running)
      const states = await Promise.all(running.map((node) => this.#state(node)))
      return states.every((state) => state !== undefined && state === states[0])
    })
  }

  /** What a node knows, as a text that is the same for all nodes that know the same; undefined while something is wrong. */
  async #state(node: RealNode): Promise<string | undefined> {
    const info = String(await node.call('CLUSTER', 'INFO'))
    const replication = String(await node.call('INFO', 'replication'))
    const view = await this.view(node)
    const right =
      info.includes('cluster_state:ok') &&
      !replication.includes('master_link_status:down') &&
      view.length === this.#nodes.length &&
      // A slot that is still being moved stands in brackets.
      view.every(({ failed, slots }) => !failed && !slots.some((slot) => slot.startsWith('[')))
    if (!right) return undefined
    const facts = view.map(({ id, masterId, slots }) => `${id} ${masterId} ${slots}`)
    return facts.sort().join('\n')
  }

  /** Asks again and again until something holds; a node that does not answer counts as a no. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const limit = performance.now() + SETTLE_LIMIT
    while (!(await holds().catch(() => false))) {
      if (performance.now() > limit) throw new Error(`not within ${SETTLE_LIMIT} ms: ${what}`)
      await delay(POLL)
    }
  }

  async #cli(args: readonly string[]): Promise<string> {
    const env = { ...process.env, REDISCLI_AUTH: this.password }
    const options = { env, timeout: CLI_LIMIT, maxBuffer: 64 * 1024 * 1024 }
    try {
      return (await execute('redis-cli', [...args], options)).stdout
    } catch (error) {
      const output = (error as { stdout?: string }).stdout ?? ''
      throw new Error(`redis-cli ${args.join(' ')}: ${output.slice(-500)}`, { cause: error })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()))
  }
}

/** Starts six nodes, three of them masters. */
export async function openStage(): Promise<Stage> {
  return new Stage(
    await startCluster({ masters: 3, replicas: 1, password: PASSWORD, config: CONFIG })
  )
}
