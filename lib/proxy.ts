import net from 'node:net'
import tls from 'node:tls'
import { usable } from './certificates.ts'
import type { ProxyEvents, Topology } from './events.ts'
import { readOptions } from './option-reader.ts'
import { ProxyCore, type ShutdownOptions } from './proxy-core.ts'
import type { ClusterProxyOptions } from './settings.ts'
import type { ProxyStats } from './stats.ts'

/** What a proxy has beyond a `net.Server`. */
export interface ProxyMethods {
  /** What is known of the cluster just now; version 0 until the first answer. A snapshot: it never changes, but is replaced. */
  readonly topology: Topology
  /** Counters and gauges. */
  stats(): ProxyStats
  /** Asks the cluster for its slots again; resolves when the answer is in force, rejects with a {@link ProxyError} (`NO_TOPOLOGY`, `CLOSED`). */
  refresh(): Promise<void>
  /**
   * Changes options while the proxy runs: all that are given, or none. Undefined stands for the default. Which ones can change is marked in the option
   * table (`runtime`); some hold for new clients or connections only. Throws a {@link ProxyError} (`INVALID_OPTION`).
   */
  reconfigure(changes: Partial<ClusterProxyOptions>): void
  /**
   * Ends the proxy: no new connections, no new requests; what is in flight is answered. Resolves when everything is closed, at the latest after
   * `timeout` milliseconds (default 5000), when the rest is cut off. Calling it again gives the same promise.
   */
  shutdown(options?: ShutdownOptions): Promise<void>
  /** `await using proxy = createClusterProxy(...)` shuts down at the end of the scope. */
  [Symbol.asyncDispose](): Promise<void>
  /** Typed form of the emitter's method for the events in {@link ProxyEvents}. */
  on<Name extends keyof ProxyEvents>(
    event: Name,
    listener: (...payload: ProxyEvents[Name]) => void
  ): this
  /** Typed form of the emitter's method for the events in {@link ProxyEvents}. */
  once<Name extends keyof ProxyEvents>(
    event: Name,
    listener: (...payload: ProxyEvents[Name]) => void
  ): this
  /** Typed form of the emitter's method for the events in {@link ProxyEvents}. */
  off<Name extends keyof ProxyEvents>(
    event: Name,
    listener: (...payload: ProxyEvents[Name]) => void
  ): this
}

/** A `net.Server` (a `tls.Server` with the option `tls`) that serves Redis clients from a Redis Cluster. */
export type ClusterProxy = ProxyMethods & net.Server

/**
 * Makes a proxy in front of a Redis Cluster. It does not listen yet: call `listen` as with any server, or hand it streams with
 * `server.emit('connection', duplex)`. The first of the two makes it look for the cluster.
 *
 * @throws {@link ProxyError} with code `INVALID_OPTION` when an option is unknown or wrong.
 */
export function createClusterProxy(options: ClusterProxyOptions): ClusterProxy {
  const settings = readOptions(options)
  const common = {
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: settings.keepAlive > 0,
    keepAliveInitialDelay: settings.keepAlive * 1000,
  }
  const server =
    settings.tls === undefined
      ? net.createServer(common)
      : usable('tls', () => tls.createServer({ ...settings.tls, ...common }))
  // Else a wrong certificate would show when the first node is dialled.
  if (settings.nodeTls !== undefined)
    usable('nodeTls', () => tls.createSecureContext(settings.nodeTls))
  const proxy = new ProxyCore(server, settings)
  const methods: Omit<ProxyMethods, 'topology' | 'on' | 'once' | 'off'> = {
    stats: () => proxy.stats(),
    refresh: () => proxy.refresh(),
    reconfigure: (changes) => proxy.reconfigure(changes),
    shutdown: (how) => proxy.shutdown(how),
    [Symbol.asyncDispose]: () => proxy.shutdown(),
  }
  Object.assign(server, methods)
  Object.defineProperty(server, 'topology', { get: () => proxy.topology, enumerable: true })
  return server as unknown as ClusterProxy
}
