import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before } from 'node:test'
import { type ClusterProxy, type ClusterProxyOptions, createClusterProxy } from '../../lib/index.ts'
import { type ClusterOptions, type RealCluster, startCluster } from '../support/real-cluster.ts'

const START_LIMIT_MS = 10_000

/** A proxy that listens on a free port of 127.0.0.1 and knows its cluster. */
export interface Proxied extends AsyncDisposable {
  readonly proxy: ClusterProxy
  readonly port: number
  /** What the proxy reported by `error` events. */
  readonly errors: Error[]
}

/** Starts a proxy in this process; `prepare` sees it before it listens, to add listeners. */
export async function startProxy(
  options: ClusterProxyOptions,
  prepare: (proxy: ClusterProxy) => void = () => {}
): Promise<Proxied> {
  const proxy = createClusterProxy(options)
  const errors: Error[] = []
  proxy.on('error', (error) => errors.push(error))
  prepare(proxy)
  const ready = once(proxy, 'ready', { signal: AbortSignal.timeout(START_LIMIT_MS) })
  proxy.listen(0, '127.0.0.1')
  try {
    await ready
  } catch (error) {
    await proxy.shutdown()
    throw error
  }
  const { port } = proxy.address() as AddressInfo
  return { proxy, port, errors, [Symbol.asyncDispose]: () => proxy.shutdown() }
}

/** What the tests of a `describe` need, from before the first until after the last. */
export interface Footing {
  readonly cluster: RealCluster
  readonly running: Proxied
}

/** To be called within a `describe`: a cluster, and a proxy in front of it. */
export function footing(
  cluster: ClusterOptions,
  options: Partial<ClusterProxyOptions> = {}
): Footing {
  const found = {} as { -readonly [Name in keyof Footing]: Footing[Name] }
  before(async () => {
    found.cluster = await startCluster(cluster)
    found.running = await startProxy({ nodes: found.cluster.addresses, ...options })
  })
  after(async () => {
    await found.running?.proxy.shutdown({ timeout: 0 })
    await found.cluster?.stop()
  })
  return found
}

/** Waits until `holds` is true; looks again whenever `emitter` tells of `event`. */
export async function whenever(
  emitter: NodeJS.EventEmitter,
  event: string,
  holds: () => boolean
): Promise<void> {
  while (!holds()) await once(emitter, event, { signal: AbortSignal.timeout(10_000) })
}
