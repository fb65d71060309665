/**
 * A Redis Cluster proxy to embed: {@link createClusterProxy} gives a `net.Server` that serves any Redis client from a cluster.
 *
 * @module
 */
export { ProxyError, type ProxyErrorCode } from './errors.ts'
export type {
  ClientEvent,
  CommandEvent,
  GapReason,
  NodeEvent,
  PartialFailureEvent,
  PartOutcome,
  ProxyEvents,
  RedirectEvent,
  SubscriptionGapEvent,
  Topology,
  TopologyChangeEvent,
  TopologyNode,
  TopologyReason,
} from './events.ts'
export type { OptionSchema, OptionSpec } from './option-checks.ts'
export { optionTable } from './options.ts'
export type {
  LogLevel,
  ProgramHooks,
  ProgramSetting,
  ProgramValue,
  ReloadReport,
  ThreadAnswer,
  ThreadHooks,
  ThreadQuestion,
} from './program-hooks.ts'
export { type ClusterProxy, createClusterProxy, type ProxyMethods } from './proxy.ts'
export type { ShutdownOptions } from './proxy-core.ts'
export type {
  AddressMap,
  ClusterProxyOptions,
  Credentials,
  CrossSlot,
  GapPolicy,
  HostPort,
  MappedAddress,
  NodeAddress,
  ProxyUser,
  ReadFrom,
  Rights,
  Settings,
  SocketPath,
} from './settings.ts'
export type { NodeStats, ProxyStats } from './stats.ts'
export { version } from './version.ts'
