import { SLOT_COUNT } from '../command/slot.ts'
import type { Topology, TopologyChangeEvent, TopologyNode, TopologyReason } from '../events.ts'
import type { ClusterNode } from './node.ts'
import { SlotOwners } from './slot-owners.ts'
import { difference, EMPTY_TOPOLOGY } from './topology.ts'

/** A slot that has another owner than before. */
export interface SlotMove {
  readonly slot: number
  readonly from: ClusterNode | undefined
  readonly to: ClusterNode | undefined
}

/** Told that slots have other owners, or that keys of a slot are at another node already (ASK). */
export type OnLeft = (slots: readonly Pick<SlotMove, 'slot'>[]) => void

/** What a refresh found out: the nodes, and for each master the one to send to. */
export interface Discovery {
  readonly nodes: readonly TopologyNode[]
  /** By address. */
  readonly targets: ReadonlyMap<string, ClusterNode>
}

const NONE: readonly ClusterNode[] = []

function replicasByMaster({ nodes, targets }: Discovery): Map<ClusterNode, ClusterNode[]> {
  const replicas = new Map<ClusterNode, ClusterNode[]>()
  for (const { id, role, address } of nodes) {
    if (role !== 'master') continue
    const own = nodes.filter((node) => node.masterId === id)
    replicas.set(
      targets.get(address)!,
      own.map((node) => targets.get(node.address)!)
    )
  }
  return replicas
}

/** Who serves each slot by an answer. Where two nodes claim a slot the higher epoch wins, as among the nodes themselves. */
function ownersIn(discovery: Discovery): (TopologyNode | undefined)[] {
  const found: (TopologyNode | undefined)[] = new Array(SLOT_COUNT).fill(undefined)
  const claims = [...discovery.nodes].sort((one, other) => one.epoch - other.epoch)
  for (const node of claims) {
    for (const [first, last] of node.slots) found.fill(node, first, last + 1)
  }
  return found
}

/**
 * Which node serves each slot.
 *
 * Two writers: a MOVED patches one slot at once; a refresh replaces everything, except slots patched after it was begun. An answer that knows only
 * an older config epoch of some slot than the one seen before is not taken, unless nobody knows better.
 */
export class SlotCache {
  /** The last whole view of the cluster. */
  topology: Topology = EMPTY_TOPOLOGY
  readonly #owners: SlotOwners = new SlotOwners()
  /** Config epoch under which a refresh saw the slot's owner; half a step more once a MOVED told another owner. */
  readonly #epochs: Float64Array = new Float64Array(SLOT_COUNT)
  /** When each slot was patched last, counted in patches. */
  readonly #patchedAt: Float64Array = new Float64Array(SLOT_COUNT)
  #patches = 0
  /** Grows whenever a slot gets another owner. */
  generation = 0
  #replicas: ReadonlyMap<ClusterNode, readonly ClusterNode[]> = new Map()
  /** Owner of each slot by address as of `topology`, to tell what the next one changes. */
  #snapshot: (string | undefined)[] = new Array(SLOT_COUNT).fill(undefined)

  /** The node that serves a slot; undefined while none is known. */
  owner(slot: number): ClusterNode | undefined {
    return this.#owners.get(slot)
  }

  /** The nodes that serve at least one slot. */
  masters(): ClusterNode[] {
    return [...this.#owners.serving().keys()]
  }

  /**
   * For each master a slot that it serves, the lowest: what the master is known by while nodes change. Undefined while a slot has no
   * owner, since nothing can concern the whole keyspace then.
   */
  anchors(): number[] | undefined {
    return this.#owners.complete ? [...this.#owners.serving().values()] : undefined
  }

  /** The replicas of a master, in whatever state. */
  replicas(master: ClusterNode): readonly ClusterNode[] {
    return this.#replicas.get(master) ?? NONE
  }

  /** The moment before an inquiry; to be handed to {@link apply} with its result. */
  get moment(): number {
    return this.#patches
  }

  /** Notes the owner that a MOVED told. Undefined if it was known. */
  patch(slot: number, to: ClusterNode): SlotMove | undefined {
    this.#patches++
    this.#patchedAt[slot] = this.#patches
    const from = this.#owners.get(slot)
    if (from === to) return undefined
    this.#owners.set(slot, to)
    this.generation++
    // Its epoch is not told, but it is above the one that held so far.
    this.#epochs[slot] = Math.floor(this.#epochs[slot]!) + 0.5
    return { slot, from, to }
  }

  /**
   * Takes over what a refresh that began at `moment` found out. Undefined, and nothing is taken over, if the answer lags: it has an older config
   * epoch for some slot than the one seen before, and still knows that slot's owner as a member. `force` takes it in spite of that.
   */
  apply(
    discovery: Discovery,
    moment: number,
    reason: TopologyReason,
    force = false
  ): { moves: SlotMove[]; change: TopologyChangeEvent | undefined } | undefined {
    const found = ownersIn(discovery)
    const members = new Set(discovery.targets.values())
    const moves: SlotMove[] = []
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const node = found[slot]
      const from = this.#owners.get(slot)
      const to = node === undefined ? undefined : discovery.targets.get(node.address)
      if (to === from || this.#patchedAt[slot]! > moment) continue
      // A former owner that is no member any more says nothing: the cluster may have been made anew.
      const contested = from !== undefined && node !== undefined && members.has(from)
      if (contested && node.epoch < this.#epochs[slot]! && !force) return undefined
      moves.push({ slot, from, to })
    }
    for (const { slot, to } of moves) this.#owners.set(slot, to)
    if (moves.length > 0) this.generation++
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.#patchedAt[slot]! <= moment) this.#epochs[slot] = found[slot]?.epoch ?? 0
    }
    this.#replicas = replicasByMaster(discovery)
    return { moves, change: this.#replace(discovery.nodes, found, reason) }
  }

  #replace(
    nodes: readonly TopologyNode[],
    found: readonly (TopologyNode | undefined)[],
    reason: TopologyReason
  ): TopologyChangeEvent | undefined {
    const before = this.topology
    const owners = found.map((node) => node?.address)
    let slotsMoved = 0
    for (let slot = 0; slot < SLOT_COUNT; slot++)
      if (owners[slot] !== this.#snapshot[slot]) slotsMoved++
    const coveredSlots = owners.filter((owner) => owner !== undefined).length
    const after: Topology = { version: before.version + 1, nodes, coveredSlots }
    const change = difference(before, after, slotsMoved, reason)
    // Epochs and health may change without a change of shape: the snapshot is replaced, its version stays.
    this.topology = change === undefined ? { ...after, version: before.version } : after
    this.#snapshot = owners
    return change
  }
}
