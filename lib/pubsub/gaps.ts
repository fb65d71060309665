import type { Clock } from '../clock.ts'
import type { EventSink } from '../events.ts'
import type { Interruption } from './placement.ts'
import type { Topic } from './topic.ts'

/** Topics that were interrupted together, until the last of them is subscribed to again. */
interface Gap {
  readonly why: Interruption
  readonly since: number
  readonly open: Set<Topic>
  readonly closed: Topic[]
}

/** The times in which messages were lost, told as `subscriptionGap` when they are over. */
export class Gaps {
  readonly #clock: Clock
  readonly #events: EventSink
  readonly #gaps: Map<string, Gap> = new Map()
  readonly #of: Map<Topic, Gap> = new Map()

  constructor(clock: Clock, events: EventSink) {
    this.#clock = clock
    this.#events = events
  }

  /** Messages of a topic are lost from now on. */
  begin(topic: Topic, why: Interruption): void {
    if (this.#of.has(topic)) return
    const name = `${why.reason} ${why.node}`
    let gap = this.#gaps.get(name)
    if (gap === undefined) {
      gap = { why, since: this.#clock.now, open: new Set(), closed: [] }
      this.#gaps.set(name, gap)
    }
    gap.open.add(topic)
    this.#of.set(topic, gap)
  }

  /** They arrive again. */
  end(topic: Topic): void {
    this.#leave(topic, (gap) => gap.closed.push(topic))
  }

  /** Nobody is subscribed to it any more. */
  drop(topic: Topic): void {
    this.#leave(topic, () => {})
  }

  #leave(topic: Topic, note: (gap: Gap) => void): void {
    const gap = this.#of.get(topic)
    if (gap === undefined) return
    this.#of.delete(topic)
    gap.open.delete(topic)
    note(gap)
    if (gap.open.size > 0) return
    this.#gaps.delete(`${gap.why.reason} ${gap.why.node}`)
    if (gap.closed.length > 0) this.#tell(gap.closed, gap.why, this.#clock.now - gap.since)
  }

  #tell(topics: readonly Topic[], { reason, node, cause }: Interruption, duration: number): void {
    if (!this.#events.wants('subscriptionGap')) return
    const names = (kind: Topic['kind']): Buffer[] =>
      topics.filter((topic) => topic.kind === kind).map(({ name }) => name)
    this.#events.emit('subscriptionGap', {
      channels: names('channel'),
      patterns: names('pattern'),
      shardChannels: names('shard'),
      reason,
      node,
      cause,
      duration,
    })
  }
}
