import type { ClusterNode } from '../cluster/node.ts'
import type { Request } from '../router/request.ts'

/** The masters that a client wrote to, and of each a slot: WAIT asks them. They are few, and noted with each write: a look at each beats a map. */
export class WrittenMasters {
  readonly #nodes: ClusterNode[] = []
  readonly #slots: number[] = []
  #last: ClusterNode | undefined

  /** One of the client's requests was answered. */
  note({ spec, node, slot }: Request): void {
    if (node === undefined || slot < 0 || node === this.#last || spec?.readonly === true) return
    this.#last = node
    this.set(node, slot)
  }

  /** A slot of a node was written to. */
  set(node: ClusterNode, slot: number): void {
    const nodes = this.#nodes
    let at = 0
    while (at < nodes.length && nodes[at] !== node) at++
    nodes[at] = node
    this.#slots[at] = slot
  }

  /** Each with its slot. */
  entries(): [node: ClusterNode, slot: number][] {
    return this.#nodes.map((node, at) => [node, this.#slots[at]!])
  }

  /** What was written to a master is no longer asked for. */
  forget(node: ClusterNode): void {
    const at = this.#nodes.indexOf(node)
    if (at < 0) return
    this.#nodes.splice(at, 1)
    this.#slots.splice(at, 1)
    this.#last = undefined
  }
}
