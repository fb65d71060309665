import type { NodeView } from './node-view.ts'
import type { SlotSet } from './slot-set.ts'

/** The scan of one node that is under way. */
export interface NodeScan {
  /** The node's name. */
  readonly node: string
  /** How it saw its slots when the scan of it began. */
  readonly begun: NodeView
  /** Where it goes on, in its own terms; never 0. */
  readonly cursor: bigint
}

/**
 * How far a scan of the whole keyspace has come. A value that never changes: each page makes a new one, so that a client may ask for the same page twice.
 *
 * A slot is done when a node was scanned from end to end that owned it before and after. While a slot moves, the keys that its old owner has not
 * shown are at the new one: then that is scanned too, afterwards.
 */
export interface ScanProgress {
  /** Slots of which keys may not have been seen. */
  readonly left: SlotSet
  /** Slots of which nothing is missing but what the node with this id has: it is where their keys go. */
  readonly moving: ReadonlyMap<number, string>
  /** Undefined between two nodes. */
  readonly current: NodeScan | undefined
}

const NOTHING: ReadonlyMap<number, string> = new Map()

/** A scan of these slots that is about to begin. */
export function startOf(left: SlotSet): ScanProgress {
  return { left, moving: NOTHING, current: undefined }
}

/** Whether every key has been seen that was there all the time. */
export function isDone({ left, moving }: ScanProgress): boolean {
  return moving.size === 0 && left.lowest() < 0
}

/** What a node was scanned for, from `begun` to `ended`, is done. */
export function afterNode(
  { left, moving }: ScanProgress,
  begun: NodeView,
  ended: NodeView
): ScanProgress {
  const rest = left.copy()
  const onTheWay = new Map(moving)
  for (const [slot, id] of moving) if (id === ended.id) arrive(slot, begun, ended, rest, onTheWay)
  for (const slot of left) {
    // Slots that were leaving and do so no more may have got back keys that were not seen.
    if (!begun.owned.has(slot) || !ended.owned.has(slot)) continue
    const to = ended.migrating.get(slot)
    if (to !== undefined) onTheWay.set(slot, to)
    else if (begun.migrating.has(slot)) continue
    rest.delete(slot)
  }
  return { left: rest, moving: onTheWay, current: undefined }
}

/** A slot whose old owner had been scanned before, and now the node where its keys went. */
function arrive(
  slot: number,
  begun: NodeView,
  ended: NodeView,
  rest: SlotSet,
  onTheWay: Map<number, string>
): void {
  onTheWay.delete(slot)
  const expected = begun.importing.has(slot) || begun.owned.has(slot)
  const next = ended.migrating.get(slot)
  if (!expected || !(ended.importing.has(slot) || ended.owned.has(slot))) rest.add(slot)
  else if (next !== undefined) onTheWay.set(slot, next)
}

/** A node that keys were to come to does not know of it: their slots are begun anew. */
export function withoutMoving({ left, moving }: ScanProgress, id: string): ScanProgress {
  const rest = left.copy()
  const others = new Map(moving)
  for (const [slot, to] of moving) {
    if (to !== id) continue
    others.delete(slot)
    rest.add(slot)
  }
  return { left: rest, moving: others, current: undefined }
}
