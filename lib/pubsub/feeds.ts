import type { Clock } from '../clock.ts'
import type { ConnectionSetup } from '../cluster/connection.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { ProxyError } from '../errors.ts'
import { Feed, type FeedEvents } from './feed.ts'

/** What {@link Feeds} works with. */
export interface FeedsSettings {
  readonly clock: Clock
  readonly reconnectMinDelay: number
  readonly reconnectMaxDelay: number
  /** How a connection of the hub's to a node is set up. */
  setup(node: ClusterNode): ConnectionSetup
}

/** A node that was lost: how often in a row, and when it may be tried again. */
interface Trouble {
  failures: number
  at: number
}

/** The hub's connections, one for each node at most; a node that was lost is tried again with growing delays. */
export class Feeds {
  /** Why a connection was lost, last. */
  lastError: ProxyError | undefined
  /** Clock reading at which a node that was lost may be tried again, the next of them. */
  retryAt: number = Number.POSITIVE_INFINITY
  readonly #settings: FeedsSettings
  readonly #events: FeedEvents
  readonly #feeds: Map<ClusterNode, Feed> = new Map()
  readonly #troubles: Map<ClusterNode, Trouble> = new Map()

  constructor(settings: FeedsSettings, events: FeedEvents) {
    this.#settings = settings
    this.#events = { ...events, onLost: (feed, error) => this.#onLost(feed, error, events) }
  }

  /** The connections there are. */
  all(): Iterable<Feed> {
    return this.#feeds.values()
  }

  /** Whether a node has greeted the proxy. */
  isGreeted(node: ClusterNode): boolean {
    return this.#feeds.get(node)?.greeted === true
  }

  /** Whether there is, or may be made, a connection to a node. */
  mayReach(node: ClusterNode): boolean {
    if (node.status === 'retired') return false
    if (this.#feeds.has(node)) return true
    const trouble = this.#troubles.get(node)
    return trouble === undefined || this.#settings.clock.now >= trouble.at
  }

  /** The connection to a node, made when first asked for; undefined while that has to wait. */
  to(node: ClusterNode): Feed | undefined {
    if (!this.mayReach(node)) return undefined
    let feed = this.#feeds.get(node)
    if (feed === undefined) {
      feed = new Feed(node, this.#settings.setup(node), this.#events)
      this.#feeds.set(node, feed)
    }
    return feed
  }

  /** A node has done as it was asked: the next time that it is lost it is tried again soon. */
  reached(node: ClusterNode): void {
    this.#troubles.delete(node)
  }

  /** Looks at the time limits, and lets go of connections that nobody needs. */
  check(): void {
    for (const feed of [...this.#feeds.values()]) {
      feed.check()
      if (!feed.idle || this.#feeds.get(feed.node) !== feed) continue
      this.#feeds.delete(feed.node)
      feed.close()
    }
    for (const node of this.#troubles.keys())
      if (node.status === 'retired') this.#troubles.delete(node)
  }

  /** Ends all connections. */
  close(): void {
    for (const feed of this.#feeds.values()) feed.close()
    this.#feeds.clear()
  }

  #onLost(feed: Feed, error: ProxyError, events: FeedEvents): void {
    const { node } = feed
    this.#feeds.delete(node)
    this.lastError = error
    const { clock, reconnectMinDelay, reconnectMaxDelay } = this.#settings
    const trouble = this.#troubles.get(node) ?? { failures: 0, at: 0 }
    const doubled = reconnectMinDelay * 2 ** Math.min(trouble.failures, 20)
    trouble.failures++
    trouble.at = clock.now + Math.min(reconnectMaxDelay, doubled) * (0.5 + Math.random() / 2)
    this.#troubles.set(node, trouble)
    this.retryAt = Math.min(this.retryAt, trouble.at)
    events.onLost(feed, error)
  }
}
