import createDebug from 'debug'
import type { Clock } from '../clock.ts'
import { type AddressMapper, addressMapper } from '../cluster/address-map.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { PrivatePool } from '../cluster/private-pool.ts'
import type { Redirect } from '../cluster/redirect.ts'
import type { Refresher } from '../cluster/refresher.ts'
import type { OnLeft, SlotCache } from '../cluster/slot-cache.ts'
import type { EventSink, TopologyReason } from '../events.ts'
import type { Settings } from '../settings.ts'
import type { Router } from './router.ts'

const debug = createDebug('redis-cluster-proxy:router')

/** What {@link Privates} works with. */
export interface PrivatesParts {
  readonly settings: Pick<
    Settings,
    'maxRedirects' | 'retryBudget' | 'autoRedirect' | 'announceMap' | 'privateWait'
  >
  readonly clock: Clock
  readonly pool: ConnectionPool
  readonly cache: SlotCache
  readonly refresher: Refresher
  readonly events: EventSink
  readonly onLeft?: OnLeft
}

/** What the router does for shared connections, for those who have one of their own: finds nodes, and learns from redirects. */
export class Privates {
  readonly settings: PrivatesParts['settings']
  readonly clock: Clock
  readonly #parts: PrivatesParts
  readonly #router: Router
  readonly #announceMap: AddressMapper
  #turn = 0

  constructor(parts: PrivatesParts, router: Router) {
    this.#parts = parts
    this.#router = router
    this.settings = parts.settings
    this.clock = parts.clock
    this.#announceMap = addressMapper(parts.settings.announceMap)
  }

  /** The connections. */
  get pool(): PrivatePool {
    return this.#parts.pool.privates
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

  /** Takes note of a redirect, and gives the node that it leads to. */
  redirected(from: ClusterNode, attempt: number, redirect: Redirect, command: string): ClusterNode {
    const { cache, refresher, events } = this.#parts
    const to = refresher.target(redirect.host, redirect.port, from)
    const kind = redirect.verdict === 'ask' ? 'ask' : 'moved'
    const { slot } = redirect
    this.#router.recovery.redirects++
    debug('%s %d of %s: %s -> %s', kind, slot, command, from.name, to.name)
    if (events.wants('redirect')) {
      events.emit('redirect', { kind, slot, from: from.name, to: to.name, command, attempt })
    }
    if (kind === 'moved') {
      const move = cache.patch(slot, to)
      if (move !== undefined) this.#router.onMoves([move])
      refresher.request('redirect')
    } else this.#parts.onLeft?.([{ slot }])
    return to
  }

  /** A redirect as clients that follow them themselves are told it. */
  shown({ verdict, slot }: Redirect, to: ClusterNode): Buffer {
    const { host, port } =
      to.announced ?? ('path' in to.address ? { host: '', port: 0 } : to.address)
    const shown = this.#announceMap(host, port) ?? { host, port }
    return Buffer.from(`-${verdict.toUpperCase()} ${slot} ${shown.host}:${shown.port}\r\n`)
  }
}
