import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ClusterProxy, type ClusterProxyOptions, createClusterProxy } from '../../lib/index.ts'
import {
  createFakeCluster,
  type FakeCluster,
  type FakeClusterOptions,
} from '../../lib/testing/index.ts'
import { connect, type RawClient } from './raw-client.ts'

/** Milliseconds for what a test waits for; far more than it takes. */
const LIMIT = 10_000

/** A fake cluster with a proxy before it, both in this process. */
export interface ProxiedCluster extends AsyncDisposable {
  readonly cluster: FakeCluster
  readonly proxy: ClusterProxy
  /** Where the proxy listens on 127.0.0.1. */
  readonly port: number
  /** A new client of the proxy; it is gone at the end with all others. */
  connect(): Promise<RawClient>
}

/** What {@link startProxied} may be told beside the proxy's options. */
export interface ProxiedOptions {
  readonly options?: Partial<ClusterProxyOptions>
  readonly cluster?: FakeClusterOptions
  /** Sees both before the proxy listens. */
  readonly prepare?: (proxy: ClusterProxy, cluster: FakeCluster) => void
}

/** Starts a fake cluster and a proxy before it, and waits until the proxy knows the cluster. */
export async function startProxied(how: ProxiedOptions = {}): Promise<ProxiedCluster> {
  const cluster = await createFakeCluster(how.cluster)
  const proxy = createClusterProxy({ nodes: cluster.addresses, ...how.options })
  how.prepare?.(proxy, cluster)
  const ready = next(proxy, 'ready')
  const port = await listen(proxy)
  await ready
  const clients: RawClient[] = []
  return {
    cluster,
    proxy,
    port,
    connect: async () => {
      const client = await connect(port)
      clients.push(client)
      return client
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.stream.destroy()
      await proxy.shutdown({ timeout: 0 })
      await cluster.close()
    },
  }
}

/** Has a proxy listen on a free port of 127.0.0.1, and gives the port. */
export async function listen(proxy: ClusterProxy): Promise<number> {
  const listening = next(proxy, 'listening')
  proxy.listen(0, '127.0.0.1')
  await listening
  return (proxy.address() as AddressInfo).port
}

/** The payload of the next event; fails when it does not come in time. */
export async function next<Payload>(emitter: NodeJS.EventEmitter, event: string): Promise<Payload> {
  const [payload] = await once(emitter, event, { signal: AbortSignal.timeout(LIMIT) })
  return payload as Payload
}

/** Waits until `holds` is true; looks again whenever `emitter` tells of `event`. */
export async function until(
  emitter: NodeJS.EventEmitter,
  event: string,
  holds: () => boolean
): Promise<void> {
  while (!holds()) await next(emitter, event)
}
