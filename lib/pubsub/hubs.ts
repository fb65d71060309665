import type { Identity } from '../cluster/identities.ts'
import type { Feed } from './feed.ts'
import type { Hub } from './hub.ts'
import type { SubscriptionKind } from './kind.ts'
import type { Topic } from './topic.ts'

/** How the hub of a user of the cluster is made, and how its user is kept one while something is subscribed to. */
export interface HubsParts {
  /** `current` tells as whom it speaks from now on; `onUse` is called when it has a first topic, and when it has none any more. */
  make(current: () => Identity, onUse: (used: boolean) => void): Hub
  hold(identity: Identity): void
  release(identity: Identity): void
}

/** The hub of one user of the cluster, whatever the passwords that its clients gave: the latest one is what it is let in by. */
class UserHub {
  readonly hub: Hub
  readonly #parts: HubsParts
  #identity: Identity
  #used = false

  constructor(identity: Identity, parts: HubsParts) {
    this.#identity = identity
    this.#parts = parts
    this.hub = parts.make(
      () => this.#identity,
      (used) => {
        this.#used = used
        if (used) parts.hold(this.#identity)
        else parts.release(this.#identity)
      }
    )
  }

  renew(identity: Identity): void {
    if (identity === this.#identity) return
    if (this.#used) {
      this.#parts.hold(identity)
      this.#parts.release(this.#identity)
    }
    this.#identity = identity
  }
}

/**
 * The hubs: one for the clients that are the proxy's own user, and one for each user of the cluster whose clients subscribe. So each hears over connections of
 * its own, and the nodes decide what that may be.
 */
export class Hubs {
  readonly #own: Hub
  readonly #parts: HubsParts
  readonly #others: Map<string, UserHub> = new Map()

  constructor(own: Hub, parts: HubsParts) {
    this.#own = own
    this.#parts = parts
  }

  /** The hub of a user; undefined stands for the proxy's own. */
  of(identity: Identity | undefined): Hub {
    if (identity === undefined) return this.#own
    const found = this.#others.get(identity.user)
    if (found !== undefined) return found.hub
    this.#sweep()
    const made = new UserHub(identity, this.#parts)
    this.#others.set(identity.user, made)
    return made.hub
  }

  /** The cluster has let a client in, perhaps by a new password of its user: what it hears is to outlive the former one. */
  renew(identity: Identity): void {
    this.#others.get(identity.user)?.renew(identity)
  }

  /** Forgets those that nobody uses. */
  #sweep(): void {
    for (const [user, { hub }] of this.#others) {
      if (!hub.idle) continue
      this.#others.delete(user)
      hub.close()
    }
  }

  *#all(): Iterable<Hub> {
    yield this.#own
    for (const { hub } of this.#others.values()) yield hub
  }

  /** Resolves when the nodes have carried out all that they were asked for so far. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#all(), (hub) => hub.settled()))
  }

  /** The topics of a kind that clients are subscribed to; a channel that clients of several users hear is several. */
  *topics(kind: SubscriptionKind): Iterable<Topic> {
    for (const hub of this.#all()) yield* hub.topics(kind)
  }

  /** How many clients are subscribed to a channel. */
  subscribers(kind: SubscriptionKind, name: Buffer): number {
    let sum = 0
    for (const hub of this.#all()) sum += hub.subscribers(kind, name)
    return sum
  }

  /** The connections of all of them, each of which its node counts as a client. */
  *feeds(): Iterable<Feed> {
    for (const hub of this.#all()) yield* hub.feeds()
  }

  /** Ends all connections; nobody enters any more. */
  close(): void {
    for (const hub of this.#all()) hub.close()
  }
}
