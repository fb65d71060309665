/**
 * Names and payloads of the events that a host application can listen to.
 *
 * @module
 */
import type { ProxyError } from './errors.ts'

/** `redirect`: a node sent a request on to another node. One event for each redirect received. */
export interface RedirectEvent {
  /** `moved`: the slot has another owner for good; `ask`: only this one request goes there. */
  readonly kind: 'moved' | 'ask'
  /** Slot, 0 to 16383. */
  readonly slot: number
  /** `host:port` of the node that answered with the redirect. */
  readonly from: string
  /** `host:port` of the node that gets the request next, as the proxy dials it. */
  readonly to: string
  /** Name of the command, lower case. */
  readonly command: string
  /** How many redirects this request has met, this one included; from 1. */
  readonly attempt: number
}

/** One node in a {@link Topology}. */
export interface TopologyNode {
  /** The node's id, 40 hex digits; empty if the servers tell none. */
  readonly id: string
  /** `host:port` as the proxy dials it (after `natMap`). */
  readonly address: string
  /** `host:port` as the cluster announces it, before `natMap`. */
  readonly announced: string
  /** Whether it serves slots itself or copies a master. */
  readonly role: 'master' | 'replica'
  /** Id of the master, for a replica. */
  readonly masterId: string | undefined
  /** Slot ranges that a master serves, first and last slot each, ascending; empty for a replica. */
  readonly slots: readonly (readonly [number, number])[]
  /** The node's config epoch; 0 if the servers tell none. */
  readonly epoch: number
  /** Whether the cluster reported the node as reachable. */
  readonly healthy: boolean
}

/** What the proxy knows about the cluster at one moment; never changed, always replaced. */
export interface Topology {
  /** Counts the changes the proxy has seen; 0 before the first. */
  readonly version: number
  /** Masters and replicas. */
  readonly nodes: readonly TopologyNode[]
  /** How many of the 16384 slots have an owner. */
  readonly coveredSlots: number
}

/** What made the proxy look at the cluster again. */
export type TopologyReason =
  | 'start'
  | 'interval'
  | 'redirect'
  | 'node lost'
  | 'uncovered slot'
  | 'request'

/** `topologyChange`: the slot table or the set of nodes is another than before. Not emitted for a refresh that changed nothing. */
export interface TopologyChangeEvent {
  /** Why the proxy looked at the cluster. */
  readonly reason: TopologyReason
  /** What was known before. */
  readonly before: Topology
  /** What is known from now on. */
  readonly after: Topology
  /** How many slots have another owner, gained one or lost theirs. */
  readonly slotsMoved: number
  /** `host:port` of nodes that were not known before. */
  readonly added: readonly string[]
  /** `host:port` of nodes that are gone. */
  readonly removed: readonly string[]
  /** `host:port` of replicas that became masters. */
  readonly promoted: readonly string[]
}

/** `command`: a client's command was answered. Once per command of a client, after its reply is on its way. */
export interface CommandEvent {
  /** Name of the command, lower case, `container|subcommand` for subcommands. */
  readonly command: string
  /** The client's id, as `CLIENT ID` tells it. */
  readonly clientId: number
  /** Slot of the command's keys; undefined when it has none or was answered by the proxy. */
  readonly slot: number | undefined
  /** `host:port` of the node that answered; undefined when the proxy itself did. */
  readonly node: string | undefined
  /** Milliseconds from reading the whole request to handing out its reply, with fractions. */
  readonly latency: number
  /** Redirects that were followed. */
  readonly redirects: number
  /** Times that the request was sent again for another reason than a redirect. */
  readonly retries: number
  /** Bytes of the request on the wire. */
  readonly requestBytes: number
  /** Bytes of the reply on the wire. */
  readonly replyBytes: number
  /** The error text that the client got, code first; undefined for any other reply. */
  readonly error: string | undefined
}

/** Why messages of subscriptions were lost: the connection that brought them, or their node, was; or they come from another node from now on. */
export type GapReason = 'connection lost' | 'slots moved'

/**
 * `subscriptionGap`: messages may have been lost to subscribed clients, and whoever keeps data by them should read it anew. Once for all subscriptions that
 * were interrupted together, when they are in force again; with `onSubscriptionGap: 'disconnect'` at once, when their clients are disconnected.
 */
export interface SubscriptionGapEvent {
  /** Channels (`SUBSCRIBE`). */
  readonly channels: readonly Buffer[]
  /** Patterns (`PSUBSCRIBE`). */
  readonly patterns: readonly Buffer[]
  /** Channels that belong to slots (`SSUBSCRIBE`). */
  readonly shardChannels: readonly Buffer[]
  /** What happened. */
  readonly reason: GapReason
  /** `host:port` of the node whose messages were lost; `?` for one that was never reached. */
  readonly node: string
  /** What became of the connection. */
  readonly cause: ProxyError | undefined
  /** Milliseconds for which messages were lost; 0 where clients were disconnected. */
  readonly duration: number
}

/** One part of a request that was split by slots. */
export interface PartOutcome {
  /** `host:port` of the node that the part was sent to. */
  readonly node: string
  /** The part's keys. */
  readonly keys: readonly Buffer[]
  /** The node's error, code first; undefined where there was none. */
  readonly error: string | undefined
}

/** `partialFailure`: a command over several slots was carried out by some nodes and not by others. */
export interface PartialFailureEvent {
  /** Name of the command, lower case. */
  readonly command: string
  /** The parts that were carried out. */
  readonly applied: readonly PartOutcome[]
  /** The parts that were not, or of which it is not known (`UNCERTAIN`). */
  readonly failed: readonly PartOutcome[]
}

/** `nodeUp` and `nodeDown`: the proxy reached a node, or lost it. */
export interface NodeEvent {
  /** `host:port` of the node, as the proxy dials it. */
  readonly address: string
  /** Why it counts as down; undefined for `nodeUp`. */
  readonly cause: ProxyError | undefined
}

/** `clientConnect` and `clientDisconnect`. */
export interface ClientEvent {
  /** The client's id, as `CLIENT ID` tells it. */
  readonly id: number
  /** `host:port` of the client. */
  readonly address: string
  /** Why the proxy ended the connection; undefined when the client left or on `clientConnect`. */
  readonly reason: string | undefined
}

/** Event names of a proxy, beside those of `net.Server`, and what their listeners get. */
export interface ProxyEvents {
  /** A node sent a request on to another node. */
  redirect: [RedirectEvent]
  /** The cluster's shape changed. */
  topologyChange: [TopologyChangeEvent]
  /** A client's command was answered. */
  command: [CommandEvent]
  /** The slot table is there for the first time: commands can be served. */
  ready: []
  /** A command over several slots was carried out in part. */
  partialFailure: [PartialFailureEvent]
  /** Messages may have been lost to subscribed clients. */
  subscriptionGap: [SubscriptionGapEvent]
  /** A node was reached for the first time, or again. */
  nodeUp: [NodeEvent]
  /** A node cannot be reached any more. */
  nodeDown: [NodeEvent]
  /** A client connected. */
  clientConnect: [ClientEvent]
  /** A client is gone. */
  clientDisconnect: [ClientEvent]
  /**
   * Something is probably not meant: an announced address cannot be reached and no `natMap` rule covers it, or a trusted proxy sends no PROXY protocol header. Once
   * per address.
   */
  warning: [ProxyError]
  /** Something went wrong that no client was told: the server could not listen, a listener threw, no entry point answers. */
  error: [Error]
}

/** The way events leave the rooms; a listener can never change the outcome, and one that throws never reaches the caller. */
export interface EventSink {
  /** Whether anyone listens; payloads are built only then. */
  wants(event: keyof ProxyEvents): boolean
  /** Tells the listeners. */
  emit<Name extends keyof ProxyEvents>(event: Name, ...payload: ProxyEvents[Name]): void
}
