import type { ClusterNode } from '../cluster/node.ts'
import type { Request } from '../router/request.ts'

/** The masters that a client wrote to, and of each a slot: WAIT asks them. */
export class WrittenMasters extends Map<ClusterNode, number> {
  #last: ClusterNode | undefined

  /** One of the client's requests was answered. */
  note({ spec, node, slot }: Request): void {
    if (node === undefined || slot < 0 || node === this.#last || spec?.readonly === true) return
    this.#last = node
    this.set(node, slot)
  }
}
