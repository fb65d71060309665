import { Clock } from '../../lib/clock.ts'
import { ConnectionPool } from '../../lib/cluster/connection-pool.ts'
import { LANES } from '../../lib/cluster/lanes.ts'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import { ask } from '../../lib/cluster/question.ts'
import { Refresher, type RefresherSettings } from '../../lib/cluster/refresher.ts'
import { SlotCache } from '../../lib/cluster/slot-cache.ts'
import type { ProxyError } from '../../lib/errors.ts'
import type { TopologyChangeEvent } from '../../lib/events.ts'
import { readOptions } from '../../lib/option-reader.ts'
import type { ClusterProxyOptions } from '../../lib/settings.ts'
import {
  createFakeCluster,
  type FakeCluster,
  type FakeClusterOptions,
} from '../../lib/testing/index.ts'
import { Turn } from '../../lib/turn.ts'
import { Probe } from './scripted-socket.ts'

/** The part of a proxy that finds out about its cluster, and the cluster. */
export class AskingSide implements AsyncDisposable {
  readonly cluster: FakeCluster
  readonly pool: ConnectionPool
  readonly cache: SlotCache = new SlotCache()
  readonly refresher: Refresher
  readonly changes: TopologyChangeEvent[] = []
  readonly failures: ProxyError[] = []
  refreshed = 0

  constructor(cluster: FakeCluster, options: Partial<ClusterProxyOptions>) {
    this.cluster = cluster
    const settings: RefresherSettings & ConstructorParameters<typeof ConnectionPool>[0] =
      readOptions({ nodes: cluster.addresses, refreshMinInterval: 0, ...options })
    this.pool = new ConnectionPool(settings, {
      clock: new Clock(),
      turn: new Turn(),
      events: { wants: () => false, emit() {} },
      onTrouble() {},
      onDenied() {},
      onStuck() {},
      onLost() {},
    })
    this.refresher = new Refresher(settings, this.pool, this.cache, {
      onMoves() {},
      onChange: (change) => this.changes.push(change),
      onRefreshed: () => this.refreshed++,
      onFailed: (error) => this.failures.push(error),
    })
  }

  /** The proxy's node for one of the cluster's, or for any address. */
  node(index: number): ClusterNode {
    const { host, port } = this.cluster.nodes[index]!
    return this.pool.node({ host, port })
  }

  /** How often any node was asked for the topology. */
  get inquiries(): number {
    const received = this.cluster.nodes.flatMap((node) => node.received)
    return received.filter(({ command }) => /^CLUSTER SHARDS$/i.test(command.join(' '))).length
  }

  /** Sends a command of no interest to a node, on a client's lane. */
  touch(node: ClusterNode): Probe {
    const probe = new Probe('*1\r\n$4\r\nPING\r\n')
    node.lane(LANES.resp2).send(probe)
    return probe
  }

  /** Reaches all masters, which only nodes with traffic are otherwise. */
  async reachAll(): Promise<void> {
    await Promise.all(this.cache.masters().map((node) => ask(node, 'PING')))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refresher.close()
    this.pool.close()
    await this.cluster.close()
  }
}

/** A fake cluster and what finds out about it; `options` are the proxy's. */
export async function askingSide(
  cluster: FakeClusterOptions = {},
  options: Partial<ClusterProxyOptions> = {}
): Promise<AskingSide> {
  return new AskingSide(await createFakeCluster(cluster), options)
}
