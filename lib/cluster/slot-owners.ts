import { SLOT_COUNT } from '../command/slot.ts'
import type { ClusterNode } from './node.ts'

/**
 * Who serves each slot. Every command looks here, at a place that nobody can foresee, so the table holds two bytes for each slot, which
 * stay in the processor's nearest caches, and not a reference of eight.
 */
export class SlotOwners {
  /** Numbers of nodes; 0: nobody. */
  readonly #numbers: Uint16Array = new Uint16Array(SLOT_COUNT)
  #nodes: (ClusterNode | undefined)[] = [undefined]
  #numberOf: Map<ClusterNode, number> = new Map()
  /** With more numbers than this, those are given up that stand for nobody any more. */
  #most = 16

  /** The node that serves a slot; undefined while none is known. */
  get(slot: number): ClusterNode | undefined {
    return this.#nodes[this.#numbers[slot]!]
  }

  set(slot: number, node: ClusterNode | undefined): void {
    this.#numbers[slot] = node === undefined ? 0 : this.#number(node)
  }

  #number(node: ClusterNode): number {
    const known = this.#numberOf.get(node)
    if (known !== undefined) return known
    if (this.#nodes.length > this.#most) this.#renumber()
    const number = this.#nodes.push(node) - 1
    this.#numberOf.set(node, number)
    return number
  }

  /** Whether every slot is served. */
  get complete(): boolean {
    return !this.#numbers.includes(0)
  }

  /** The nodes that serve at least one slot, each with the lowest. */
  serving(): Map<ClusterNode, number> {
    const lowest = new Map<ClusterNode, number>()
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const node = this.get(slot)
      if (node !== undefined && !lowest.has(node)) lowest.set(node, slot)
    }
    return lowest
  }

  /** Forgets the nodes that serve nothing any more. */
  #renumber(): void {
    const owners = Array.from({ length: SLOT_COUNT }, (_, slot) => this.get(slot))
    this.#nodes = [undefined]
    this.#numberOf = new Map()
    this.#most = Number.POSITIVE_INFINITY
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.set(slot, owners[slot])
    this.#most = 2 * this.#nodes.length + 16
  }
}
