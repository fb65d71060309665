import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ClusterProxyOptions, createClusterProxy } from '../../../lib/index.ts'
import { createFakeCluster } from '../../../lib/testing/index.ts'
import { startCluster } from '../real-cluster.ts'
import { Mover } from './mover.ts'
import { MOST_PRIVATE } from './proof.ts'
import { UserWatch } from './user-watch.ts'
import { keyPrefix, passwordOf, USERS } from './users.ts'

/** A proxy before a cluster with all users, for sequences of commands with a memory. */
export interface StatefulStage extends AsyncDisposable {
  readonly port: number
  /** Ports of the masters. */
  readonly masters: readonly number[]
  /** Whether the nodes are servers. */
  readonly real: boolean
  /** Whether slots move. */
  readonly moving: boolean
  /** How many did. */
  moved(): number
  /** Has them move no more. */
  calm(): void
  /** Throws if a command was carried out as another user than the client was. */
  check(): void
}

const PASSWORD = passwordOf('default')
const OTHERS = USERS.filter((user) => user !== 'default')
/** `ACL GETUSER` of a fake node. */
const RIGHTS =
  '*6\r\n$8\r\ncommands\r\n$5\r\n+@all\r\n$4\r\nkeys\r\n$2\r\n~*\r\n$8\r\nchannels\r\n$2\r\n&*\r\n'

/** Before a fake cluster in this process. `mover`: a seed, if slots are to move all the time. */
export async function fakeStage(masters = 3, mover?: number): Promise<StatefulStage> {
  const users = Object.fromEntries(OTHERS.map((user) => [user, passwordOf(user)]))
  const cluster = await createFakeCluster({ masters, password: PASSWORD, users })
  for (const [i, node] of cluster.nodes.entries()) {
    node.answer('ACL', RIGHTS, { times: Infinity })
    // What is asked of one overtakes what was asked of another.
    node.delay(i)
  }
  const watch = new UserWatch(cluster.nodes)
  const moves = mover === undefined ? undefined : new Mover(cluster, mover)
  const proxied = await proxyFor(cluster.addresses)
  return {
    ...proxied,
    masters: cluster.nodes.map(({ port }) => port),
    real: false,
    moving: moves !== undefined,
    moved: () => moves?.migrations ?? 0,
    calm: () => moves?.stop(),
    check: () => {
      if (watch.mistake !== undefined) throw new Error(watch.mistake)
    },
    [Symbol.asyncDispose]: async () => {
      await proxied.close()
      await cluster.close()
    },
  }
}

/** Before a cluster of `redis-server` processes. The proxy's own user may not touch the keys of others either. */
export async function realStage(): Promise<StatefulStage> {
  const cluster = await startCluster({ replicas: 0, password: PASSWORD })
  for (const node of cluster.nodes) {
    for (const user of OTHERS) {
      const rules = ['on', `>${passwordOf(user)}`, '&*', '+@all']
      await node.call('ACL', 'SETUSER', user, ...rules, `~*${keyPrefix(user)}*`)
    }
    await node.call('ACL', 'SETUSER', 'default', 'resetkeys', `~*${keyPrefix('default')}*`)
  }
  const proxied = await proxyFor(cluster.addresses)
  return {
    ...proxied,
    masters: cluster.nodes.map(({ port }) => port),
    real: true,
    moving: false,
    moved: () => 0,
    calm: () => {},
    check: () => {},
    [Symbol.asyncDispose]: async () => {
      await proxied.close()
      await cluster.stop()
    },
  }
}

async function proxyFor(
  nodes: ClusterProxyOptions['nodes']
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const proxy = createClusterProxy({
    nodes,
    credentials: { password: PASSWORD },
    crossSlot: true,
    adminCommands: true,
    maxPrivateConnections: MOST_PRIVATE,
    privateWait: 20_000,
    authFailureDelay: 0,
  })
  const ready = once(proxy, 'ready')
  proxy.listen(0, '127.0.0.1')
  await ready
  const { port } = proxy.address() as AddressInfo
  return { port, close: () => proxy.shutdown({ timeout: 0 }) }
}
