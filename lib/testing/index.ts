/**
 * A Redis Cluster in your own process, for unit tests: import it from `redis-cluster-proxy/testing`.
 *
 * @module
 */

export type { FakeClusterOptions } from './cluster-options.ts'
export {
  createFakeCluster,
  type FakeCluster,
  type NodeReference,
  type TellOptions,
} from './fake-cluster.ts'
export type { FakeNode, FakeNodeEvents, NodeConnections, ReceivedCommand } from './fake-node.ts'
export type {
  Answer,
  AnswerOptions,
  CommandMatcher,
  DropAfter,
  DropBefore,
  DropOptions,
  Fault,
  FaultOptions,
  Words,
} from './faults.ts'
export type { PlainReply } from './interpreter.ts'
export type { AnnouncedEndpoint, Endpoint } from './node-state.ts'
