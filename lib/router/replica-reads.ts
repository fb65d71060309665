import type { Clock } from '../clock.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { ReplicaWatch } from '../cluster/replica-watch.ts'
import type { SlotCache } from '../cluster/slot-cache.ts'
import { replyText } from '../errors.ts'
import type { Holds } from './holds.ts'
import { NO_REPLICA, type Reader, type ReadPolicy } from './reader.ts'
import type { Request } from './request.ts'
import { answerError } from './routing.ts'

/** What choosing replicas needs. */
export interface ReplicaReadsParts {
  readonly reads: ReadPolicy
  readonly watch: ReplicaWatch
  readonly cache: SlotCache
  readonly clock: Clock
}

/** Sends reads of owners that have a {@link Reader} to replicas, and keeps their order against the owner's writes. */
export class ReplicaReads {
  readonly #parts: ReplicaReadsParts
  readonly #holds: Holds

  constructor(parts: ReplicaReadsParts, holds: Holds) {
    this.#parts = parts
    this.#holds = holds
  }

  /**
   * Chooses a replica for a read; remembers a write. True when nothing is to be sent now: no replica serves the slot, or the request must not
   * overtake reads of its slot that are on their way to a replica.
   */
  route(request: Request, reader: Reader): boolean {
    const { reads, clock } = this.#parts
    const { slot, owner } = request
    if (!reads.allows(request.spec)) {
      if (request.spec?.readonly !== true) reader.writing(slot, reads.oldest(clock.now))
      if (reader.pendingReads === 0 || !hasPendingRead(request)) return false
      this.#holds.of(owner, slot).add(request)
      return true
    }
    const master = this.#parts.cache.owner(slot)
    const replica = master && reads.choose(reader, slot, master, clock.now)
    if (replica === NO_REPLICA) {
      answerError(request, replyText.noReplica)
      return true
    }
    if (replica !== undefined) {
      request.makeDetour().replica = replica
      reader.pendingReads++
    }
    return false
  }

  /** A replica did not serve a read: another one is tried, and then the master. */
  leave(request: Request, replica: ClusterNode): void {
    const { reads, watch, cache, clock } = this.#parts
    const { owner, slot } = request
    watch.avoid(replica)
    request.makeDetour().replica = undefined
    const { reader } = owner
    // It was sent before READWRITE, or whatever else ended reading from replicas.
    if (reader === undefined) return
    reader.pendingReads--
    const master = cache.owner(slot)
    const other = master && reads.choose(reader, slot, master, clock.now)
    if (other === undefined || other === NO_REPLICA) return
    request.makeDetour().replica = other
    reader.pendingReads++
  }
}

function hasPendingRead({ owner, slot }: Request): boolean {
  for (const each of owner.outstanding()) {
    if (each.slot === slot && each.replica !== undefined && each.reply === undefined) return true
  }
  return false
}
