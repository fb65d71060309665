import type { KeyWatch, TrackedKey } from '../cluster/key-watch.ts'
import type { TrackedLane } from '../cluster/lanes.ts'
import { TrackedKeys } from './tracked-keys.ts'

/** What one request reads and writes, as far as it matters for who is told of changes. */
export class TrackedRead<Listener> {
  readonly group: TrackingGroup<Listener>
  /** Keys that its client is to be told of. */
  readonly keys: readonly TrackedKey[]
  /** Keys that it writes, to be told to others of the lane; `unknown`: any. */
  readonly written: readonly TrackedKey[] | 'unknown' | undefined
  /** Whether it makes all keys vanish: its client is told to forget them after the reply, as by a server. */
  readonly flushing: boolean
  /** Whether all keys vanished while it was under way. */
  flushed = false
  readonly #stale: Set<string> = new Set()
  #allStale = false

  constructor(
    group: TrackingGroup<Listener>,
    parts: Pick<TrackedRead<Listener>, 'keys' | 'written' | 'flushing'>
  ) {
    this.group = group
    this.keys = parts.keys
    this.written = parts.written
    this.flushing = parts.flushing
  }

  /** A key was changed while the request was under way, so that its reply may be older; without a key, any may have been. */
  noteChange(key?: string): void {
    if (key === undefined) this.#allStale = true
    else this.#stale.add(key)
  }

  /** Whether the reply may be older than the last change of the key. */
  isStale(key: string): boolean {
    return this.#allStale || this.#stale.has(key)
  }
}

/** The clients of one lane that track keys, and what they are to be told of. */
export class TrackingGroup<Listener> {
  readonly lane: number
  readonly tracked: TrackedLane
  readonly clients: Set<Listener> = new Set()
  /** Not of those that are told of prefixes. */
  readonly keys: TrackedKeys<Listener> = new TrackedKeys()
  /** For broadcasts: the nodes that are listened to. */
  watches: readonly KeyWatch[] = []
  /** Reads under way whose replies have no fixed order with what the nodes say of keys. */
  readonly #underWay: Set<TrackedRead<Listener>> = new Set()
  readonly #readers: Map<string, Set<TrackedRead<Listener>>> = new Map()

  constructor(lane: number, tracked: TrackedLane) {
    this.lane = lane
    this.tracked = tracked
  }

  /** A read is under way: it is told of changes until {@link leave}. */
  enter(read: TrackedRead<Listener>): void {
    this.#underWay.add(read)
    for (const { name } of read.keys) {
      const readers = this.#readers.get(name)
      if (readers === undefined) this.#readers.set(name, new Set([read]))
      else readers.add(read)
    }
  }

  leave(read: TrackedRead<Listener>): void {
    if (!this.#underWay.delete(read)) return
    for (const { name } of read.keys) {
      const readers = this.#readers.get(name)
      readers?.delete(read)
      if (readers?.size === 0) this.#readers.delete(name)
    }
  }

  /** A key was changed. */
  noteChange(key: string): void {
    for (const read of this.#readers.get(key) ?? []) read.noteChange(key)
  }

  /** Keys may have been changed: those of some slots, or all. */
  noteLoss(slots?: ReadonlySet<number>): void {
    for (const read of this.#underWay) {
      if (slots === undefined) read.noteChange()
      else for (const { name, slot } of read.keys) if (slots.has(slot)) read.noteChange(name)
    }
  }
}
