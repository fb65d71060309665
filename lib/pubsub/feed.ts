import Denque from 'denque'
import type { Clock } from '../clock.ts'
import { Connection, type ConnectionSetup } from '../cluster/connection.ts'
import type { ClusterNode } from '../cluster/node.ts'
import { ProxyError } from '../errors.ts'
import { FeedCommand } from './feed-command.ts'
import { type SubscriptionKind, topicKey } from './kind.ts'
import { type NodePush, readPush } from './push.ts'
import type { Topic, TopicSource } from './topic.ts'

/** Milliseconds between two questions whether the node is still there. */
const HEARTBEAT = 1000
/** Milliseconds for which a feed without topics is kept. */
const IDLE = 5000

/** What a feed tells its owner. */
export interface FeedEvents {
  /** A topic is subscribed to: everything that the node tells of it from now on arrives. */
  onConfirmed(feed: Feed, topic: Topic): void
  /** A topic could not be subscribed to; the error reply, valid during the call only. */
  onRefused(feed: Feed, topic: Topic, buffer: Buffer, start: number, end: number): void
  /** The node has ended a subscription: the slot of a shard channel is no longer its own. */
  onRevoked(feed: Feed, topic: Topic): void
  /** A message; the bytes are valid during the call only. */
  onMessage(
    feed: Feed,
    topic: Topic,
    push: NodePush,
    bytes: Buffer,
    start: number,
    end: number
  ): void
  /** The connection is gone, and with it all that was subscribed to on it. */
  onLost(feed: Feed, error: ProxyError): void
}

/**
 * The hub's connection to one node, for as long as its socket lives. It speaks RESP3, so that what answers a command and what comes unasked
 * cannot be mistaken for each other.
 */
export class Feed implements TopicSource {
  readonly node: ClusterNode
  /** What is subscribed to on it, or is being. */
  readonly topics: Map<string, Topic> = new Map()
  /** Whether it was greeted: the node is there. */
  greeted = false
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #events: FeedEvents
  /** Oldest first: those that were sent and not answered. */
  readonly #commands: Denque<FeedCommand> = new Denque()
  /** By topic: the youngest command that subscribes to it, until it is confirmed. */
  readonly #awaited: Map<string, FeedCommand> = new Map()
  #sentAt: number
  #emptySince: number
  #settling: (() => void)[] = []

  constructor(node: ClusterNode, setup: ConnectionSetup, events: FeedEvents) {
    this.node = node
    this.#clock = setup.clock
    this.#events = events
    this.#sentAt = setup.clock.now
    this.#emptySince = setup.clock.now
    this.#connection = new Connection(setup, {
      onReady: () => this.#onReady(),
      onClosed: (error) => this.#onClosed(error),
      onDrain: () => {},
      onPush: (buffer, start, end) => this.#onPush(buffer, start, end),
    })
  }

  subscribe(topic: Topic): void {
    this.topics.set(topic.key, topic)
    if (this.greeted) this.#ask(topic)
  }

  unsubscribe(topic: Topic): void {
    this.#forget(topic)
    if (this.greeted) this.#send(FeedCommand.unsubscribe(topic, this))
  }

  /** Milliseconds since the node was heard last, although it owes an answer; else 0. */
  get silence(): number {
    return this.#connection.silence
  }

  /** Milliseconds since it was dialled. */
  get age(): number {
    return this.#connection.age
  }

  /** Whether it has had nothing to do for a while. */
  get idle(): boolean {
    const busy = this.topics.size > 0 || this.#commands.length > 0
    return !busy && this.#clock.now - this.#emptySince > IDLE
  }

  /** The topics of a kind that the node has confirmed: names of one character for each byte. */
  names(kind: SubscriptionKind): string[] {
    const found: string[] = []
    for (const topic of this.topics.values())
      if (topic.kind === kind && topic.sources.get(this) === true)
        found.push(topic.name.toString('latin1'))
    return found
  }

  /** Whether the node has confirmed a topic. */
  has(kind: SubscriptionKind, name: Buffer): boolean {
    return this.topics.get(topicKey(kind, name))?.sources.get(this) === true
  }

  /** Resolves when all that was sent so far is answered, or never will be. */
  settled(): Promise<void> {
    if (this.#commands.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#settling.push(resolve))
  }

  /** Looks at the time limits, and asks a node that has nothing to tell whether it is there. */
  check(): void {
    this.#connection.check()
    const { now } = this.#clock
    if (!this.greeted || this.#commands.length > 0 || now - this.#sentAt < HEARTBEAT) return
    this.#send(FeedCommand.ping(this))
  }

  /** Ends it because of `error`; the owner is told. */
  fail(error: ProxyError): void {
    this.#connection.fail(error)
  }

  /** Ends it because it is no longer wanted. */
  close(): void {
    this.greeted = false
    this.#connection.close()
    this.#settle()
  }

  #ask(topic: Topic): void {
    const command = FeedCommand.subscribe(topic, this)
    this.#awaited.set(topic.key, command)
    this.#send(command)
  }

  #forget({ key }: Topic): void {
    this.topics.delete(key)
    this.#awaited.delete(key)
    this.#emptySince = this.#clock.now
  }

  #send(command: FeedCommand): void {
    this.#sentAt = this.#clock.now
    this.#commands.push(command)
    this.#connection.send(command)
  }

  #onReady(): void {
    this.greeted = true
    for (const topic of this.topics.values()) this.#ask(topic)
  }

  #onClosed(error: ProxyError): void {
    this.greeted = false
    this.#commands.clear()
    this.#settle()
    this.#events.onLost(this, error)
  }

  #settle(): void {
    const settling = this.#settling
    if (settling.length === 0) return
    this.#settling = []
    for (const resolve of settling) resolve()
  }

  #onPush(buffer: Buffer, start: number, end: number): void {
    const push = readPush(buffer, start)
    if (push === undefined) return
    const topic = this.topics.get(topicKey(push.kind, push.name))
    if (push.event === 'message') {
      if (topic?.sources.get(this) === true)
        this.#events.onMessage(this, topic, push, buffer, start, end)
      return
    }
    // A node answers one command after the other, so what it confirms is what the oldest asked for.
    const oldest = this.#commands.peekFront()
    if (oldest?.isFor(push) === true) {
      oldest.confirmed = true
      // One that was left and taken up again meanwhile has a younger command on its way.
      if (topic === undefined || this.#awaited.get(topic.key) !== oldest) return
      this.#awaited.delete(topic.key)
      this.#events.onConfirmed(this, topic)
    } else if (push.event === 'unsubscribed' && topic !== undefined) {
      this.#forget(topic)
      this.#events.onRevoked(this, topic)
    }
  }

  /** @internal A command was answered with an error, and its end is still to come. */
  onRefused(command: FeedCommand, buffer: Buffer, start: number, end: number): void {
    this.#connection.expectMore(command)
    const { topic } = command
    if (topic === undefined || this.#awaited.get(topic.key) !== command) return
    this.#forget(topic)
    this.#events.onRefused(this, topic, buffer, start, end)
  }

  /** @internal All that a command brings about has arrived. */
  onDone({ subscribes, confirmed, refused }: FeedCommand): void {
    this.#commands.shift()
    if (subscribes && !confirmed && !refused) {
      const text = `${this.node.name} did not answer a subscription`
      this.fail(new ProxyError('NODE_PROTOCOL', text))
      return
    }
    if (this.#commands.length === 0) this.#settle()
  }
}
