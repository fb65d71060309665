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
  const port = await listenUntilReady(proxy).catch(async (error) => {
    await proxy.shutdown({ timeout: 0 })
    await cluster.close()
    throw error
  })
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

async function listenUntilReady(proxy: ClusterProxy): Promise<number> {
  const [port] = await Promise.all([listen(proxy), next(proxy, 'ready')])
  return port
}

/** Has a proxy listen on a free port of 127.0.0.1, and gives the port. */
export async function listen(proxy: ClusterProxy): Promise<number> {
  const listening = next(proxy, 'listening')
  proxy.listen(0, '127.0.0.1')
  await listening
  return (proxy.address() as AddressInfo).port
}

/** The first thing that the next event tells; fails when it does not come in time. An `error` event is none of its business. */
export function next<Payload>(emitter: NodeJS.EventEmitter, event: string): Promise<Payload> {
  return new Promise((resolve, reject) => {
    const listener = (payload: Payload): void => {
      clearTimeout(timer)
      resolve(payload)
    }
    const timer = setTimeout(() => {
      emitter.off(event, listener)
      reject(new Error(`'${event}' did not come within ${LIMIT} ms`))
    }, LIMIT)
    emitter.once(event, listener)
  })
}

/** Waits until `holds` is true; looks again whenever `emitter` tells of `event`. */
export async function until(
  emitter: NodeJS.EventEmitter,
  event: string,
  holds: () => boolean
): Promise<void> {
  while (!holds()) await next(emitter, event)
}
