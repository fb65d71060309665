import type { Topic, TopicWaiter } from './topic.ts'

/** Somebody who waits until some topics are all subscribed to. */
export class Entry implements TopicWaiter {
  readonly topics: readonly Topic[]
  /** Clock reading at which there is no more waiting. */
  readonly deadline: number
  readonly #missing: Set<Topic>
  readonly #onEnd: (entry: Entry, error: string | undefined) => void
  #state: 'waiting' | 'ended' = 'waiting'

  /** `onEnd` is called once, with an error text, code first, if they are not subscribed to; perhaps at once. */
  constructor(
    topics: readonly Topic[],
    deadline: number,
    onEnd: (entry: Entry, error: string | undefined) => void
  ) {
    this.topics = topics
    this.deadline = deadline
    this.#missing = new Set(topics.filter(({ ready }) => !ready))
    this.#onEnd = onEnd
    for (const topic of topics) topic.waiters.add(this)
  }

  /** Ends it, if nothing is missing. */
  look(): void {
    if (this.#missing.size === 0) this.end(undefined)
  }

  onReady(topic: Topic): void {
    if (this.#missing.delete(topic)) this.look()
  }

  onInterrupted(topic: Topic): void {
    this.#missing.add(topic)
  }

  onRefused(_topic: Topic, error: string): void {
    this.end(error)
  }

  /** The topics that are not subscribed to yet. */
  missing(): Iterable<Topic> {
    return this.#missing
  }

  /** Ends the waiting; whoever waits is told how it went, and has its place among the subscribers before the topics are let go of. */
  end(error: string | undefined): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#onEnd(this, error)
  }

  /** Lets go of the topics. */
  release(): void {
    for (const topic of this.topics) topic.waiters.delete(this)
  }
}
