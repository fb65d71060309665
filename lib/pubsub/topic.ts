import type { ClusterNode } from '../cluster/node.ts'
import { keySlot } from '../command/slot.ts'
import type { ProtocolVersion } from '../resp/encode.ts'
import { type SubscriptionKind, topicKey } from './kind.ts'
import { isNodeEvent, mayMatchNodeEvents } from './node-events.ts'

/** Who gets messages: one client. */
export interface Subscriber {
  /** The protocol version in which it gets them. */
  readonly protocol: ProtocolVersion
  /** Takes a message, or what else comes unasked; the bytes may be shared by many. */
  push(bytes: Buffer): void
  /** Messages may have been lost, and subscribers are to be disconnected when that is so. */
  interrupted(): void
  /** The nodes do not let its user hear the topic any more. */
  denied(): void
}

/** A connection to one node on which topics are subscribed to. */
export interface TopicSource {
  readonly node: ClusterNode
  subscribe(topic: Topic): void
  unsubscribe(topic: Topic): void
}

/** Somebody waits until a topic is subscribed to. */
export interface TopicWaiter {
  /** It is. */
  onReady(topic: Topic): void
  /** It was, and is not any more. */
  onInterrupted(topic: Topic): void
  /** It will not be; an error text, code first. */
  onRefused(topic: Topic, error: string): void
}

/**
 * Where a topic is subscribed to: at `any` node that the bus of the cluster reaches; at the owner of its `slot`; at every master, for what
 * each tells of itself alone (`masters`), and for patterns that match both (`masters and any`).
 */
export type Reach = 'any' | 'slot' | 'masters' | 'masters and any'

function reachOf(kind: SubscriptionKind, name: Buffer): Reach {
  if (kind === 'shard') return 'slot'
  if (kind === 'channel') return isNodeEvent(name) ? 'masters' : 'any'
  return mayMatchNodeEvents(name) ? 'masters and any' : 'any'
}

/** A channel, a pattern or a shard channel that somebody is subscribed to: one subscription upstream, for whatever number of clients. */
export class Topic {
  readonly kind: SubscriptionKind
  readonly name: Buffer
  readonly key: string
  readonly reach: Reach
  /** Slot of a shard channel, else -1. */
  readonly slot: number
  readonly subscribers: Set<Subscriber> = new Set()
  readonly waiters: Set<TopicWaiter> = new Set()
  /** Where it is subscribed to, and whether that is confirmed. */
  readonly sources: Map<TopicSource, boolean> = new Map()
  /** Whether there is a connection to each node where it belongs. */
  complete = false
  /** Whether all that is published from now on arrives. */
  ready = false
  /** Redirects since it was confirmed last. */
  redirects = 0
  /** The last error that a node answered, code first; it will be tried again. */
  trouble = ''

  readonly #onLeft: (topic: Topic) => void

  /** `onLeft` is called when a client has left it. */
  constructor(kind: SubscriptionKind, name: Buffer, onLeft: (topic: Topic) => void = () => {}) {
    this.kind = kind
    this.#onLeft = onLeft
    // A view would keep the whole chunk that it came in.
    this.name = Buffer.from(name)
    this.key = topicKey(kind, name)
    this.reach = reachOf(kind, name)
    this.slot = kind === 'shard' ? keySlot(name, 0, name.length) : -1
  }

  /** A client leaves it. With the last one the subscription ends. */
  leave(subscriber: Subscriber): void {
    this.subscribers.delete(subscriber)
    this.#onLeft(this)
  }

  /** Whether nobody wants it any more. */
  get unused(): boolean {
    return this.subscribers.size === 0 && this.waiters.size === 0
  }

  /** Whether one node at least confirmed it. */
  get confirmed(): boolean {
    for (const confirmed of this.sources.values()) if (confirmed) return true
    return false
  }

  /** Whether it is subscribed to wherever it belongs, and all nodes confirmed it. */
  get whole(): boolean {
    if (!this.complete) return false
    for (const confirmed of this.sources.values()) if (!confirmed) return false
    return this.sources.size > 0
  }
}
