import type { ClusterNode } from '../cluster/node.ts'
import type { Topology } from '../events.ts'
import type { Feed } from './feed.ts'
import type { Feeds } from './feeds.ts'
import { isNodeEvent } from './node-events.ts'
import type { Topic } from './topic.ts'

/** Milliseconds of silence, with an answer owed, after which a node that the cluster calls failed is given up. */
const SILENT = 1000

/** What is known of the cluster. */
export interface ClusterView {
  readonly topology: Topology
  /** Grows whenever a slot gets another owner. */
  readonly generation: number
  owner(slot: number): ClusterNode | undefined
  masters(): readonly ClusterNode[]
}

/** At which nodes a topic belongs, and which of them speaks for it. */
export class Whereabouts {
  /** Where ordinary channels are subscribed to: what is published at any node reaches it. */
  #home: ClusterNode | undefined
  readonly #view: ClusterView
  readonly #feeds: Feeds
  #masters: readonly ClusterNode[] = []
  #mastersOf = -1
  #soughtAt = -1

  constructor(view: ClusterView, feeds: Feeds) {
    this.#view = view
    this.#feeds = feeds
  }

  /** The nodes at which a topic is to be subscribed to; none while that is not known. `now` is the clock reading. */
  targets({ reach, slot }: Topic, now: number): readonly ClusterNode[] {
    if (reach === 'slot') {
      const owner = this.#view.owner(slot)
      return owner === undefined ? [] : [owner]
    }
    if (reach === 'masters') return this.#allMasters()
    const home = this.#homeNode(now)
    if (reach === 'any') return home === undefined ? [] : [home]
    const masters = this.#allMasters()
    return home === undefined || masters.includes(home) ? masters : [...masters, home]
  }

  /** Whether what a node tells of a topic counts: of what all masters are asked for, each tells its own notifications, and one what was published. */
  speaksFor(node: ClusterNode, { reach }: Topic, channel: Buffer): boolean {
    if (reach !== 'masters and any') return true
    return isNodeEvent(channel) ? this.#allMasters().includes(node) : node === this.#home
  }

  /** A connection was lost. */
  onLost(node: ClusterNode): void {
    if (node === this.#home) this.#home = undefined
  }

  /** Why nothing more is to be expected of a node, by what the cluster says; undefined while there is. */
  whyLost({ node, silence }: Feed): string | undefined {
    if (node.status === 'retired') return 'left the cluster'
    // What reaches the others may not reach a node that they have lost, even if it still talks to us.
    const lost = this.#failed().has(node.name) && (node === this.#home || silence >= SILENT)
    return lost ? 'failed, as the cluster says' : undefined
  }

  #allMasters(): readonly ClusterNode[] {
    const { generation } = this.#view
    if (this.#mastersOf !== generation) {
      this.#mastersOf = generation
      this.#masters = this.#view.masters()
    }
    return this.#masters
  }

  /** It stays as long as it can be reached. */
  #homeNode(now: number): ClusterNode | undefined {
    const home = this.#home
    if (home !== undefined && this.#feeds.mayReach(home)) return home
    this.#home = undefined
    // Nothing is found that was not there a moment ago, however many topics ask.
    if (this.#soughtAt === now && home === undefined) return undefined
    const failed = this.#failed()
    const fit = this.#allMasters().filter(
      (node) => node.status !== 'down' && !failed.has(node.name) && this.#feeds.mayReach(node)
    )
    const greeted = fit.filter((node) => this.#feeds.isGreeted(node))
    const choice = greeted.length > 0 ? greeted : fit
    this.#home = choice[Math.floor(Math.random() * choice.length)]
    if (this.#home === undefined) this.#soughtAt = now
    return this.#home
  }

  #failed(): Set<string> {
    const { nodes } = this.#view.topology
    return new Set(nodes.filter(({ healthy }) => !healthy).map(({ address }) => address))
  }
}
