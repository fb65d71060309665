import type { ClusterNode } from '../cluster/node.ts'
import type { ReadSource, ReplicaWatch } from '../cluster/replica-watch.ts'
import type { CommandSpec } from '../command/spec.ts'
import type { ReadFrom, Settings } from '../settings.ts'

/**
 * Flagged `readonly`, and yet better left to the master: their answer tells of the one server that is asked (`OBJECT`), they touch what they read, or
 * they are one step of several that must meet the same server (the cursors of `HSCAN` and its kin).
 */
const MASTER_ONLY: ReadonlySet<string> = new Set([
  'touch',
  'object|encoding',
  'object|freq',
  'object|idletime',
  'object|refcount',
  'hscan',
  'sscan',
  'zscan',
])

/** Flagged as reads, but what they do can be told afterwards: PFCOUNT may change how its key is kept, TOUCH when it was used. */
const LEAVES_TRACES: ReadonlySet<string> = new Set(['pfcount', 'touch'])

/** Whether a command changes nothing, wherever and however often it is executed. */
export function isPlainRead(spec: CommandSpec | undefined): boolean {
  return (
    spec?.readonly === true && !spec.flags.has('may_replicate') && !LEAVES_TRACES.has(spec.name)
  )
}

/** Writes of a client to one slot. */
interface Writes {
  pending: number
  /** Clock reading when the last was answered. */
  answeredAt: number
}

/** Slots remembered before old ones are looked for. */
const REMEMBERED = 256

/** What matters of a request that was answered. */
interface Answered {
  readonly slot: number
  readonly replica: ClusterNode | undefined
  readonly spec: CommandSpec | undefined
}

/** What one client that reads from replicas has written, so that it never misses its own writes. */
export class Reader {
  /** Where it reads from; what it has written stays known when that changes. */
  policy: ReadFrom
  /** Its reads that are on their way to a replica. */
  pendingReads = 0
  /** Whether it reads from masters only, for now. */
  pinned = false
  readonly #writes: Map<number, Writes> = new Map()

  constructor(policy: ReadFrom) {
    this.policy = policy
  }

  /** A write is about to be sent. `forgotten`: a clock reading before which writes have reached all replicas that count. */
  writing(slot: number, forgotten: number): void {
    const writes = this.#writes.get(slot)
    if (writes !== undefined) {
      writes.pending++
      return
    }
    if (this.#writes.size >= REMEMBERED) this.#forget(forgotten)
    this.#writes.set(slot, { pending: 1, answeredAt: 0 })
  }

  /** One of the client's requests was answered. */
  onAnswered({ slot, replica, spec }: Answered, now: number): void {
    if (replica !== undefined) this.pendingReads--
    else if (slot >= 0 && spec?.readonly !== true) this.wrote(slot, now)
  }

  /** A write is answered. */
  wrote(slot: number, now: number): void {
    const writes = this.#writes.get(slot)
    if (writes === undefined) return
    writes.pending--
    writes.answeredAt = now
  }

  /** The clock reading to which a replica must have caught up to serve a slot; infinite while a write is on its way. */
  since(slot: number): number {
    const writes = this.#writes.get(slot)
    if (writes === undefined) return Number.NEGATIVE_INFINITY
    return writes.pending > 0 ? Number.POSITIVE_INFINITY : writes.answeredAt
  }

  #forget(before: number): void {
    for (const [slot, { pending, answeredAt }] of this.#writes) {
      if (pending === 0 && answeredAt < before) this.#writes.delete(slot)
    }
  }
}

/** What a client needs that reads by a policy; `former`: what it had. Undefined for one that reads from masters. */
export function readerFor(policy: ReadFrom, former: Reader | undefined): Reader | undefined {
  if (policy === 'master') return undefined
  if (former === undefined) return new Reader(policy)
  former.policy = policy
  return former
}

/** {@link ReadPolicy.choose}: policy `replica`, and none can serve the slot. */
export const NO_REPLICA: unique symbol = Symbol('no replica')

/** Chooses where a read goes. */
export class ReadPolicy {
  readonly #settings: Pick<Settings, 'maxReplicaLag' | 'readYourWrites' | 'availabilityZone'>
  readonly #watch: ReplicaWatch
  #turn = 0

  constructor(
    settings: Pick<Settings, 'maxReplicaLag' | 'readYourWrites' | 'availabilityZone'>,
    watch: ReplicaWatch
  ) {
    this.#settings = settings
    this.#watch = watch
  }

  /** Whether a command may be read from a replica at all. */
  allows(spec: CommandSpec | undefined): boolean {
    return spec !== undefined && isPlainRead(spec) && !MASTER_ONLY.has(spec.name)
  }

  /** The clock reading before which a replica that still counts has everything. */
  oldest(now: number): number {
    return now - this.#settings.maxReplicaLag
  }

  /** The replica to read a slot of `master` from; undefined for the master itself. */
  choose(
    reader: Reader,
    slot: number,
    master: ClusterNode,
    now: number
  ): ClusterNode | undefined | typeof NO_REPLICA {
    if (reader.pinned) return undefined
    const own = this.#settings.readYourWrites ? reader.since(slot) : Number.NEGATIVE_INFINITY
    const oldest = this.oldest(now)
    const replicas = this.#watch.replicas(master, Math.max(own, oldest))
    const { policy } = reader
    if (replicas.length === 0) {
      // The client's own write may be missing there for a moment, or nothing be known yet: no reason to refuse a read.
      const momentary = !this.#watch.ready || this.#watch.replicas(master, oldest).length > 0
      return policy !== 'replica' || momentary ? undefined : NO_REPLICA
    }
    const withMaster = policy === 'any' || policy === 'nearest'
    const sources = withMaster ? [this.#watch.source(master), ...replicas] : replicas
    const near = this.#sameZone(sources)
    const chosen = policy === 'nearest' ? nearest(near) : near[this.#turn++ % near.length]!
    return chosen.node === master ? undefined : chosen.node
  }

  #sameZone(sources: readonly ReadSource[]): readonly ReadSource[] {
    const { availabilityZone } = this.#settings
    if (availabilityZone === undefined) return sources
    const near = sources.filter(({ zone }) => zone === availabilityZone)
    return near.length === 0 ? sources : near
  }
}

function nearest(sources: readonly ReadSource[]): ReadSource {
  return sources.reduce((best, source) => (source.roundTrip < best.roundTrip ? source : best))
}
