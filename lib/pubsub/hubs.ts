import type { Identity } from '../cluster/identities.ts'
import type { Feed } from './feed.ts'
import type { Hub } from './hub.ts'
import type { SubscriptionKind } from './kind.ts'
import type { Topic } from './topic.ts'

/**
 * The hubs: one for the clients that are the proxy's own user, and one for each user of the cluster whose clients subscribe. So each hears over connections of
 * its own, and the nodes decide what that may be.
 */
export class Hubs {
  readonly #own: Hub
  readonly #make: (identity: Identity) => Hub
  readonly #others: Map<Identity, Hub> = new Map()

  /** `make` gives the hub of a user of the cluster. */
  constructor(own: Hub, make: (identity: Identity) => Hub) {
    this.#own = own
    this.#make = make
  }

  /** The hub of a user; undefined stands for the proxy's own. */
  of(identity: Identity | undefined): Hub {
    if (identity === undefined) return this.#own
    let hub = this.#others.get(identity)
    if (hub === undefined) {
      this.#sweep()
      hub = this.#make(identity)
      this.#others.set(identity, hub)
    }
    return hub
  }

  /** Forgets those that nobody uses. */
  #sweep(): void {
    for (const [identity, hub] of this.#others) {
      if (!hub.idle) continue
      this.#others.delete(identity)
      hub.close()
    }
  }

  *#all(): Iterable<Hub> {
    yield this.#own
    yield* this.#others.values()
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
