import type { CommandSpec } from '../command/spec.ts'
import type { Entry } from '../pubsub/entry.ts'
import { type SubscriptionKind, subscriptionCommand, topicKey, WORDS } from '../pubsub/kind.ts'
import type { Subscriber, Topic } from '../pubsub/topic.ts'
import { ErrorReply, encodeReply, type ProtocolVersion, Push, RawReply } from '../resp/encode.ts'
import { argumentsOf, type RequestView } from '../resp/request-reader.ts'
import type { Request } from '../router/request.ts'
import type { Account } from './access/account.ts'
import type { ClientServices } from './client-services.ts'
import type { Desk } from './desk.ts'
import type { DispatcherOwner } from './dispatcher-owner.ts'

/** How much a client is subscribed to, of each kind. */
export type SubscriptionCounts = Readonly<Record<SubscriptionKind, number>>

/** What a client has that never subscribed. */
export const NO_SUBSCRIPTIONS: SubscriptionCounts = { channel: 0, pattern: 0, shard: 0 }

/** Commands that a client of RESP2 may send while it is subscribed, beside those that subscribe and unsubscribe. */
const ALLOWED = new Set(['ping', 'quit', 'reset'])
const TOO_SLOW = 'the messages that wait for it exceed subscriberOutputLimit'
const SLOW_FOR_LONG = 'the messages that wait for it exceed subscriberOutputSoftLimit for too long'
/** Why a client is disconnected that is subscribed to what it may not hear any more. */
export const RIGHTS_LOST = 'its user may not hear any more what it is subscribed to'
const GAP = 'messages may have been lost to it'

/** What one client is subscribed to. */
export class Subscriptions implements Subscriber {
  readonly #client: DispatcherOwner
  readonly #services: ClientServices
  readonly #desk: Desk
  readonly #topics: Readonly<Record<SubscriptionKind, Map<string, Topic>>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  }
  #entry: Entry | undefined
  /** Clock reading since when too much waits for the client; 0 while it does not. */
  #slowSince = 0

  constructor(client: DispatcherOwner, services: ClientServices, desk: Desk) {
    this.#client = client
    this.#services = services
    this.#desk = desk
  }

  /** How many there are. */
  get counts(): SubscriptionCounts {
    const { channel, pattern, shard } = this.#topics
    return { channel: channel.size, pattern: pattern.size, shard: shard.size }
  }

  /** Whether there are any. */
  get active(): boolean {
    const { channel, pattern, shard } = this.#topics
    return channel.size + pattern.size + shard.size > 0
  }

  /** Whether the client may not send a command now. */
  forbids({ name, treatment }: CommandSpec): boolean {
    return this.active && this.protocol === 2 && treatment !== 'pubsub' && !ALLOWED.has(name)
  }

  /** Whether it may hear all that it is subscribed to. */
  suits(account: Account): boolean {
    const topics = Object.values(this.#topics).flatMap((own) => [...own.values()])
    return topics.every(({ kind, name }) => account.mayUseChannel(name, kind === 'pattern'))
  }

  // Messages

  get protocol(): ProtocolVersion {
    return this.#client.session.protocol
  }

  push(bytes: Buffer): void {
    const client = this.#client
    const { subscriberOutputLimit: limit } = this.#services
    client.push(bytes)
    if (limit > 0 && client.outputBytes > limit) client.abort(TOO_SLOW)
  }

  interrupted(): void {
    this.#client.abort(GAP)
  }

  denied(): void {
    this.#client.abort(RIGHTS_LOST)
  }

  /** Looks at the time limit of a client that reads too slowly. */
  check(): void {
    const { clock, subscriberOutputSoftLimit: limit, subscriberOutputSoftTime } = this.#services
    const slow = limit > 0 && this.active && this.#client.outputBytes > limit
    if (!slow) this.#slowSince = 0
    else if (this.#slowSince === 0) this.#slowSince = clock.now
    else if (clock.now - this.#slowSince >= subscriberOutputSoftTime)
      this.#client.abort(SLOW_FOR_LONG)
  }

  // Commands

  /** One of the six commands. The next one waits until it is carried out, which may take until the cluster has. */
  take(view: RequestView, spec: CommandSpec): void {
    const { kind, subscribes } = subscriptionCommand(spec.name)!
    const request = this.#desk.place(view, spec)
    const names = argumentsOf(view).slice(1)
    this.#desk.stop()
    this.#desk.whenOldest(request, () => {
      if (subscribes) this.#subscribe(request, kind, names)
      else this.#unsubscribe(request, kind, names)
    })
  }

  #subscribe(request: Request, kind: SubscriptionKind, names: readonly Buffer[]): void {
    let ended = false
    const { identity } = this.#client.session
    const entry = this.#services.hubs.of(identity).enter(kind, names, (topics, error) => {
      ended = true
      this.#entry = undefined
      if (this.#client.gone) return
      const { account } = this.#client.session
      const denied = topics.some(
        ({ name }) => account?.mayUseChannel(name, kind === 'pattern') === false
      )
      if (denied) this.#client.abort(RIGHTS_LOST)
      else if (error === undefined) this.#entered(request, kind, topics)
      else this.#desk.finish(request, new ErrorReply(error))
      this.#desk.go()
    })
    if (!ended) this.#entry = entry
  }

  /** Confirms, and takes its place at once: no message comes before, and none is missed from here on. */
  #entered(request: Request, kind: SubscriptionKind, topics: readonly Topic[]): void {
    const own = this.#topics[kind]
    const pushes = topics.map((topic) => {
      // What it has since it was another user it has already.
      if (!own.has(topic.key)) {
        own.set(topic.key, topic)
        topic.subscribers.add(this)
      }
      return this.#confirmation(WORDS[kind].subscribe, kind, topic.name)
    })
    this.#confirm(request, pushes)
  }

  #unsubscribe(request: Request, kind: SubscriptionKind, given: readonly Buffer[]): void {
    const own = this.#topics[kind]
    const names = given.length > 0 ? given : Array.from(own.values(), ({ name }) => name)
    const word = WORDS[kind].unsubscribe
    const pushes = names.map((name) => {
      const topic = own.get(topicKey(kind, name))
      if (topic !== undefined) this.#leave(topic)
      return this.#confirmation(word, kind, name)
    })
    this.#confirm(request, pushes.length > 0 ? pushes : [this.#confirmation(word, kind, null)])
    this.#desk.go()
  }

  #confirmation(word: string, kind: SubscriptionKind, name: Buffer | null): Push {
    const { channel, pattern, shard } = this.#topics
    const count = kind === 'shard' ? shard.size : channel.size + pattern.size
    return new Push([word, name, count])
  }

  /** `CLIENT REPLY` does not silence confirmations. */
  #confirm(request: Request, pushes: readonly Push[]): void {
    request.silent = false
    const bytes = pushes.map((push) => encodeReply(push, this.protocol))
    this.#desk.finish(request, new RawReply(Buffer.concat(bytes)))
  }

  #leave(topic: Topic): void {
    this.#topics[topic.kind].delete(topic.key)
    topic.leave(this)
  }

  /** Ends them all without a word (`RESET`, or the client is gone). */
  clear(): void {
    this.#entry?.end('')
    for (const own of Object.values(this.#topics))
      for (const topic of [...own.values()]) this.#leave(topic)
  }
}
