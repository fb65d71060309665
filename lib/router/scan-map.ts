import { createHash } from 'node:crypto'
import type { SlotCache } from '../cluster/slot-cache.ts'
import { SLOT_COUNT } from '../command/slot.ts'
import type { NodeView } from './node-view.ts'
import { SlotSet } from './slot-set.ts'

/** The slots of one master in a {@link ScanMap}. */
export interface Shard {
  /** The lowest of them. */
  readonly anchor: number
  /** The master's name. */
  readonly node: string
  readonly own: SlotSet
  /** The slots of this shard and of all with a higher anchor. */
  readonly left: SlotSet
}

/** Which master serves which slots at one moment: what the short form of a cursor is read by. */
export class ScanMap {
  /** By anchor, ascending. */
  readonly shards: readonly Shard[]
  /** 16 bits of a hash: the same in every proxy that sees the same map. */
  readonly fingerprint: number
  /** The whole hash. */
  readonly hash: string

  constructor(cache: SlotCache) {
    const own = new Map<string, SlotSet>()
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const name = cache.owner(slot)?.name
      if (name === undefined) continue
      const slots = own.get(name)
      if (slots === undefined) own.set(name, SlotSet.of(slot))
      else slots.add(slot)
    }
    // Names came in the order of their lowest slots.
    let left = new SlotSet()
    const shards: Shard[] = []
    for (const [node, slots] of [...own].reverse()) {
      left = left.copy()
      left.addAll(slots)
      shards.unshift({ anchor: slots.lowest(), node, own: slots, left })
    }
    this.shards = shards
    const hash = createHash('sha256')
    for (const [node, slots] of own) hash.update(`${node}\0`).update(slots.bytes)
    const digest = hash.digest()
    this.hash = digest.toString('latin1')
    this.fingerprint = digest.readUInt16BE(0)
  }
}

/** How a shard's master sees itself when nothing moves. */
export function viewOfShard({ own }: Shard): NodeView {
  return { id: '', owned: own, migrating: new Map(), importing: new Set() }
}
