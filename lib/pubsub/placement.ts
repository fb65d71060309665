import type { ClusterNode } from '../cluster/node.ts'
import { type Redirect, readRedirect } from '../cluster/redirect.ts'
import { ProxyError, replyText } from '../errors.ts'
import type { GapReason, Topology } from '../events.ts'
import type { Feed } from './feed.ts'
import { Feeds, type FeedsSettings } from './feeds.ts'
import type { Topic } from './topic.ts'
import { type ClusterView, Whereabouts } from './whereabouts.ts'

/** Milliseconds before a topic is tried again that could not be placed just now. */
const AGAIN = 100
/** Redirects in a row that are followed at once. */
const UNDELAYED_REDIRECTS = 4

/** What the hub needs of the cluster. */
export interface ClusterGuide extends ClusterView, FeedsSettings {
  /** Takes note of a redirect. */
  redirected(from: ClusterNode, attempt: number, redirect: Redirect): void
  /** Has the cluster looked at. */
  refresh(reason: 'node lost' | 'redirect'): void
}

/** Why a topic is not subscribed to any more. */
export interface Interruption {
  readonly reason: GapReason
  /** Name of the node that told its messages. */
  readonly node: string
  readonly cause: ProxyError | undefined
}

/** An interruption, as far as the one knows who noticed it. */
type Cause = Omit<Interruption, 'node'> & { readonly node?: string }

/** What a placement tells the hub. */
export interface PlacementEvents {
  /** A topic is subscribed to wherever it belongs. */
  onReady(topic: Topic): void
  /** One that was is not any more. */
  onInterrupted(topic: Topic, why: Interruption): void
  /** A node does not let the proxy subscribe to it; an error text, code first. */
  onRefused(topic: Topic, error: string): void
  /** The nodes do not let the user in any more, as which topics were subscribed to. */
  onDenied(topics: readonly Topic[], error: string): void
  /** A message of a topic, once, whatever number of nodes tell it; the bytes are valid during the call only. */
  onMessage(topic: Topic, bytes: Buffer, start: number, end: number): void
  /** All topics in use. */
  topics(): Iterable<Topic>
}

/** Sees to it that each topic is subscribed to where it belongs, whatever becomes of nodes, connections and slots. */
export class Placement {
  readonly #guide: ClusterGuide
  readonly #events: PlacementEvents
  readonly #feeds: Feeds
  readonly #whereabouts: Whereabouts
  /** Topics for which a connection, or the consent of a node, is missing. */
  readonly #unplaced: Set<Topic> = new Set()
  #retryAt = Number.POSITIVE_INFINITY
  #topology: Topology | undefined
  #generation = -1

  constructor(guide: ClusterGuide, events: PlacementEvents) {
    this.#guide = guide
    this.#events = events
    this.#feeds = new Feeds(guide, {
      onConfirmed: (feed, topic) => this.#onConfirmed(feed, topic),
      onRefused: (feed, topic, bytes, start, end) =>
        this.#onRefused(feed, topic, bytes, start, end),
      onRevoked: (feed, topic) => this.#onRevoked(feed, topic),
      onMessage: ({ node }, topic, { channel }, bytes, start, end) => {
        if (this.#whereabouts.speaksFor(node, topic, channel))
          events.onMessage(topic, bytes, start, end)
      },
      onLost: (feed, error) => this.#onLost(feed, error),
    })
    this.#whereabouts = new Whereabouts(guide, this.#feeds)
  }

  /** The connections in use. */
  feeds(): Iterable<Feed> {
    return this.#feeds.all()
  }

  /** Why a connection was lost, last. */
  get lastError(): ProxyError | undefined {
    return this.#feeds.lastError
  }

  /** Has a topic subscribed to where it belongs, and nowhere else; `why` says what made that change. */
  place(topic: Topic, why?: Cause): void {
    const targets = this.#whereabouts.targets(topic, this.#guide.clock.now)
    let changed: ClusterNode | undefined
    for (const source of topic.sources.keys()) {
      if (targets.includes(source.node)) continue
      changed ??= source.node
      topic.sources.delete(source)
      source.unsubscribe(topic)
    }
    let missing = targets.length === 0
    for (const node of targets) {
      const feed = this.#feeds.to(node)
      if (feed === undefined) missing = true
      else if (topic.sources.has(feed)) continue
      else {
        topic.sources.set(feed, false)
        feed.subscribe(topic)
      }
      changed ??= node
    }
    topic.complete = !missing
    if (missing) this.#again(topic)
    else this.#unplaced.delete(topic)
    this.#settle(topic, why && { ...why, node: why.node ?? changed?.name ?? '?' })
  }

  /** A topic is no longer wanted. */
  withdraw(topic: Topic): void {
    this.#unplaced.delete(topic)
    for (const source of topic.sources.keys()) source.unsubscribe(topic)
    topic.sources.clear()
    topic.ready = false
  }

  /** Looks at time limits, and at what is known of the cluster; called at each tick of the clock. */
  check(): void {
    this.#feeds.check()
    const { topology, generation, clock } = this.#guide
    if (topology !== this.#topology || generation !== this.#generation) this.#review()
    else if (clock.now >= Math.min(this.#retryAt, this.#feeds.retryAt)) {
      this.#retryAt = Number.POSITIVE_INFINITY
      this.#feeds.retryAt = Number.POSITIVE_INFINITY
      for (const topic of [...this.#unplaced]) this.place(topic)
    }
  }

  /** Ends all connections. */
  close(): void {
    this.#feeds.close()
    this.#unplaced.clear()
  }

  /** The cluster is not as it was: everything is looked at again. */
  #review(): void {
    const { topology, generation } = this.#guide
    this.#topology = topology
    this.#generation = generation
    for (const feed of [...this.#feeds.all()]) {
      const why = this.#whereabouts.whyLost(feed)
      if (why !== undefined) feed.fail(new ProxyError('NODE_LOST', `${feed.node.name} ${why}`))
    }
    const why = { reason: 'slots moved', cause: undefined } as const
    for (const topic of [...this.#events.topics()]) this.place(topic, why)
  }

  #onConfirmed(feed: Feed, topic: Topic): void {
    this.#feeds.reached(feed.node)
    topic.redirects = 0
    topic.trouble = ''
    topic.sources.set(feed, true)
    this.#settle(topic)
  }

  #onLost(feed: Feed, error: ProxyError): void {
    const { node } = feed
    this.#whereabouts.onLost(node)
    this.#guide.refresh('node lost')
    const lost = [...feed.topics.values()]
    const why = { reason: 'connection lost', node: node.name, cause: error } as const
    for (const topic of lost) topic.sources.delete(feed)
    if (error.code === 'NODE_AUTH') {
      this.#events.onDenied(lost, error.message)
      return
    }
    for (const topic of lost) this.place(topic, why)
  }

  #onRevoked(feed: Feed, topic: Topic): void {
    topic.sources.delete(feed)
    this.#guide.refresh('redirect')
    // If the new owner is not known yet, the old one tells it.
    this.place(topic, { reason: 'slots moved', node: feed.node.name, cause: undefined })
  }

  #onRefused(feed: Feed, topic: Topic, bytes: Buffer, start: number, end: number): void {
    topic.sources.delete(feed)
    topic.complete = false
    const redirect = readRedirect(bytes, start, end)
    if (redirect.verdict === 'moved' && redirect.slot === topic.slot) {
      topic.redirects++
      this.#guide.redirected(feed.node, topic.redirects, redirect)
      if (topic.redirects <= UNDELAYED_REDIRECTS) {
        this.place(topic)
        return
      }
      topic.trouble = replyText.tooManyRedirects(bytes.toString('latin1', start + 1, end - 2))
      this.#again(topic)
      return
    }
    topic.trouble = bytes.toString('utf8', start + 1, end - 2)
    this.#again(topic)
    if (redirect.verdict === 'none') this.#events.onRefused(topic, topic.trouble)
    else if (redirect.verdict === 'noauth') {
      feed.fail(new ProxyError('NODE_LOST', `${feed.node.name} wants to be greeted again`))
    } else this.#guide.refresh('redirect')
  }

  #again(topic: Topic): void {
    this.#unplaced.add(topic)
    this.#retryAt = Math.min(this.#retryAt, this.#guide.clock.now + AGAIN)
  }

  #settle(topic: Topic, why?: Interruption): void {
    const { whole } = topic
    if (whole === topic.ready) return
    topic.ready = whole
    if (whole) this.#events.onReady(topic)
    else if (why !== undefined) this.#events.onInterrupted(topic, why)
  }
}
