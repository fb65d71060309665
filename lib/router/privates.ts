import type { Clock } from '../clock.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { LANES } from '../cluster/lanes.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { PrivatePool } from '../cluster/private-pool.ts'
import type { Refresher } from '../cluster/refresher.ts'
import type { SlotCache } from '../cluster/slot-cache.ts'
import type { TopologyReason } from '../events.ts'
import type { Settings } from '../settings.ts'
import type { Redirects } from './redirects.ts'

/** What {@link Privates} works with. */
export interface PrivatesParts {
  readonly settings: Pick<
    Settings,
    'maxRedirects' | 'retryBudget' | 'autoRedirect' | 'privateWait' | 'privatePoolPrefill'
  >
  readonly clock: Clock
  readonly pool: ConnectionPool
  readonly cache: SlotCache
  readonly refresher: Refresher
}

/** What the router does for shared connections, for those who have one of their own: finds nodes. */
export class Privates {
  readonly settings: PrivatesParts['settings']
  readonly clock: Clock
  readonly redirects: Redirects
  readonly #parts: PrivatesParts
  /** The lanes that clients may ask private connections of. */
  readonly #expected: Set<number> = new Set([LANES.resp2])
  #turn = 0

  constructor(parts: PrivatesParts, redirects: Redirects) {
    this.#parts = parts
    this.settings = parts.settings
    this.clock = parts.clock
    this.redirects = redirects
  }

  /** The connections. */
  get pool(): PrivatePool {
    return this.#parts.pool.privates
  }

  /** Has connections of a lane ready from now on, on every master. */
  expect(lane: number): void {
    if (this.#expected.has(lane)) return
    this.#expected.add(lane)
    this.prefill()
  }

  /** Fills the pools of masters that have none yet, if that is asked for. */
  prefill(): void {
    if (!this.settings.privatePoolPrefill) return
    for (const master of this.#parts.cache.masters()) {
      for (const lane of this.#expected) this.pool.prepare(master, lane)
    }
  }

  /** The master that serves a slot, or for -1 any. */
  nodeFor(slot: number): ClusterNode | undefined {
    const { cache } = this.#parts
    if (slot >= 0) return cache.owner(slot)
    const masters = cache.masters()
    const up = masters.filter(({ status }) => status !== 'down')
    const chosen = up.length > 0 ? up : masters
    return chosen[this.#turn++ % Math.max(1, chosen.length)]
  }

  /** For each master a slot that it serves; undefined while a slot has no owner. */
  anchors(): number[] | undefined {
    return this.#parts.cache.anchors()
  }

  /** Has the cluster looked at. */
  refresh(reason: TopologyReason): void {
    this.#parts.refresher.request(reason)
  }
}
