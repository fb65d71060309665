/**
 * A Redis Cluster proxy to embed: {@link createClusterProxy} gives a `net.Server` that serves any Redis client from a cluster.
 *
 * @module
 */
export { ProxyError, type ProxyErrorCode } from './errors.ts'
export type {
  ClientEvent,
  CommandEvent,
  NodeEvent,
  ProxyEvents,
  RedirectEvent,
  Topology,
  TopologyChangeEvent,
  TopologyNode,
  TopologyReason,
} from './events.ts'
export {
  type ClusterProxyOptions,
  type Credentials,
  type NatMap,
  type NodeAddress,
  type OptionSpec,
  optionTable,
  type Settings,
} from './options.ts'
export { type ClusterProxy, createClusterProxy, type ProxyMethods, type ProxyStats } from './proxy.ts'
