import { type ProxyError, replyText } from '../errors.ts'
import type { EventSink } from '../events.ts'
import type { Settings } from '../settings.ts'
import { Entry } from './entry.ts'
import type { Feed } from './feed.ts'
import { Gaps } from './gaps.ts'
import { type SubscriptionKind, topicKey } from './kind.ts'
import { type ClusterGuide, type Interruption, Placement } from './placement.ts'
import { Message } from './push.ts'
import { Topic } from './topic.ts'

/** The settings that the hub depends on; they may change while it runs. */
export type HubSettings = Pick<Settings, 'connectTimeout' | 'retryBudget' | 'onSubscriptionGap'>

/** What a node says that is about the user, and no passing trouble. */
const DENIAL = /^(?:NOPERM|NOAUTH|WRONGPASS) /

/**
 * Publish and subscribe for all clients of one user together: each channel is subscribed to once in the cluster, for whatever number of clients, and its
 * messages are handed to all of them.
 *
 * ```
 * nodes -> Feed -> Placement -> Hub -> Topic's subscribers: one buffer for all of them
 * clients -> enter / Topic.leave -> Topic -> Placement -> Feed -> SUBSCRIBE, UNSUBSCRIBE
 * ```
 */
export class Hub {
  readonly #settings: HubSettings
  readonly #guide: ClusterGuide
  readonly #placement: Placement
  readonly #gaps: Gaps
  readonly #topics: Map<string, Topic> = new Map()
  readonly #entries: Set<Entry> = new Set()
  /** Topics that were interrupted in this turn, and whose subscribers are to be disconnected. */
  #broken: Topic[] = []
  #stopChecking: (() => void) | undefined
  #state: 'open' | 'closed' = 'open'
  readonly #onUse: (used: boolean) => void

  /** `onUse` is called when there is a first topic, and when there is none any more. */
  constructor(
    settings: HubSettings,
    guide: ClusterGuide,
    events: EventSink,
    onUse: (used: boolean) => void = () => {}
  ) {
    this.#settings = settings
    this.#guide = guide
    this.#onUse = onUse
    this.#gaps = new Gaps(guide.clock, events)
    this.#placement = new Placement(guide, {
      onReady: (topic) => this.#onReady(topic),
      onInterrupted: (topic, why) => this.#onInterrupted(topic, why),
      onRefused: (topic, error) => refused(topic, error),
      onDenied: (topics, error) => {
        for (const topic of topics) refused(topic, error)
      },
      onMessage: (topic, bytes, start, end) => deliver(topic, bytes, start, end),
      topics: () => this.#topics.values(),
    })
  }

  /**
   * Has topics subscribed to. `onEntered` is called, perhaps at once, when whatever is published from now on arrives; within that call the caller
   * takes its place among the subscribers of each topic. Or it is called with an error text, code first.
   */
  enter(
    kind: SubscriptionKind,
    names: readonly Buffer[],
    onEntered: (topics: readonly Topic[], error: string | undefined) => void
  ): Entry {
    this.#stopChecking ??= this.#guide.clock.onTick(() => this.#check())
    const topics = names.map((name) => this.#topic(kind, name))
    const { connectTimeout, retryBudget } = this.#settings
    const deadline = this.#guide.clock.now + connectTimeout + retryBudget
    const entry = new Entry(topics, deadline, (ended, error) => {
      this.#entries.delete(ended)
      onEntered(topics, error)
      ended.release()
      this.#tidy(topics)
    })
    if (this.#state === 'closed') entry.end(replyText.closing)
    else {
      this.#entries.add(entry)
      entry.look()
    }
    return entry
  }

  /** Resolves when the nodes have carried out all that they were asked for so far. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#placement.feeds(), (feed) => feed.settled()))
  }

  /** The topics of a kind that clients are subscribed to. */
  *topics(kind: SubscriptionKind): Iterable<Topic> {
    for (const topic of this.#topics.values())
      if (topic.kind === kind && topic.subscribers.size > 0) yield topic
  }

  /** How many clients are subscribed to a channel. */
  subscribers(kind: SubscriptionKind, name: Buffer): number {
    return this.#topics.get(topicKey(kind, name))?.subscribers.size ?? 0
  }

  /** Whether it has neither topics nor connections. */
  get idle(): boolean {
    const [feed] = this.#placement.feeds()
    return this.#topics.size === 0 && feed === undefined
  }

  /** The hub's own connections, each of which its node counts as a client. */
  feeds(): Iterable<Feed> {
    return this.#placement.feeds()
  }

  /** Ends all connections; nobody enters any more. */
  close(): void {
    this.#state = 'closed'
    this.#stopChecking?.()
    for (const entry of [...this.#entries]) entry.end(replyText.closing)
    this.#placement.close()
  }

  #topic(kind: SubscriptionKind, name: Buffer): Topic {
    const known = this.#topics.get(topicKey(kind, name))
    if (known !== undefined) return known
    const topic = new Topic(kind, name, (left) => this.#tidy([left]))
    this.#topics.set(topic.key, topic)
    if (this.#topics.size === 1) this.#onUse(true)
    this.#placement.place(topic)
    return topic
  }

  #tidy(topics: readonly Topic[]): void {
    for (const topic of topics) {
      if (!topic.unused || this.#topics.get(topic.key) !== topic) continue
      this.#topics.delete(topic.key)
      this.#gaps.drop(topic)
      this.#placement.withdraw(topic)
      if (this.#topics.size === 0) this.#onUse(false)
    }
  }

  #onReady(topic: Topic): void {
    this.#gaps.end(topic)
    for (const waiter of [...topic.waiters]) waiter.onReady(topic)
  }

  #onInterrupted(topic: Topic, why: Interruption): void {
    for (const waiter of topic.waiters) waiter.onInterrupted(topic)
    if (topic.subscribers.size === 0) return
    this.#gaps.begin(topic, why)
    if (this.#settings.onSubscriptionGap === 'keep') return
    if (this.#broken.length === 0) setImmediate(() => this.#disconnect())
    this.#broken.push(topic)
  }

  /** Has clients come back by themselves, so that they make good for what they have missed. */
  #disconnect(): void {
    const topics = this.#broken
    this.#broken = []
    for (const topic of topics) this.#gaps.end(topic)
    for (const topic of topics)
      for (const subscriber of [...topic.subscribers]) subscriber.interrupted()
  }

  #check(): void {
    this.#placement.check()
    if (this.idle) this.#rest()
    const { now } = this.#guide.clock
    for (const entry of [...this.#entries]) if (now >= entry.deadline) this.#giveUp(entry)
  }

  /** There is nothing to look at before somebody enters. */
  #rest(): void {
    this.#stopChecking?.()
    this.#stopChecking = undefined
  }

  /** Nobody waits for ever. Where some masters have confirmed and others cannot be reached, what those tell would be a gap. */
  #giveUp(entry: Entry): void {
    const missing = [...entry.missing()]
    const bare = missing.find((topic) => !topic.confirmed)
    if (bare !== undefined) {
      entry.end(bare.trouble || unreachable(this.#placement.lastError))
      return
    }
    entry.end(undefined)
    const cause = this.#placement.lastError
    for (const topic of missing)
      if (!topic.unused) this.#gaps.begin(topic, { reason: 'connection lost', node: '?', cause })
  }
}

function unreachable(error: ProxyError | undefined): string {
  return error === undefined ? replyText.slotNotServed : replyText.unreachable(error.message)
}

/** A topic will not be heard: who waits for it is told why, and who had it is not left in the belief that it still has. */
function refused(topic: Topic, error: string): void {
  for (const waiter of [...topic.waiters]) waiter.onRefused(topic, error)
  if (!DENIAL.test(error)) return
  for (const subscriber of [...topic.subscribers]) subscriber.denied()
}

/** Hands a message to all subscribers; it is encoded once for each protocol version. */
function deliver({ subscribers }: Topic, bytes: Buffer, start: number, end: number): void {
  if (subscribers.size === 0) return
  const message = new Message(bytes, start, end)
  for (const subscriber of subscribers)
    subscriber.push(subscriber.protocol === 3 ? message.push : message.array)
}
