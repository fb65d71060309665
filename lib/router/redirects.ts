import createDebug from 'debug'
import { type AddressMapper, addressMapper } from '../cluster/address-map.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { Redirect } from '../cluster/redirect.ts'
import type { SlotMove } from '../cluster/slot-cache.ts'
import { backOff, type RouterParts } from './routing.ts'

const debug = createDebug('redis-cluster-proxy:router')

/** Redirects after which one more is no longer followed at once: two nodes may be pointing at each other. */
const UNDELAYED = 3

/** Milliseconds before the last of so many redirects is followed. `same`: it leads to the node that it comes from. */
export function redirectDelay(redirects: number, same: boolean): number {
  const late = redirects - (same ? 0 : UNDELAYED)
  return late > 0 ? backOff(late) : 0
}

/** What {@link Redirects} works with. */
export type RedirectsParts = Pick<
  RouterParts,
  'settings' | 'cache' | 'refresher' | 'events' | 'onLeft'
>

/** What redirects lead to: who is told of them, and what the proxy learns. One for shared and private connections, and for the hub's. */
export class Redirects {
  readonly #parts: RedirectsParts
  readonly #onMoves: (moves: readonly SlotMove[]) => void
  readonly #announceMap: AddressMapper
  /** How many there were since the start, but for those that met the limit. */
  count = 0

  constructor(parts: RedirectsParts, onMoves: (moves: readonly SlotMove[]) => void) {
    this.#parts = parts
    this.#onMoves = onMoves
    this.#announceMap = addressMapper(parts.settings.announceMap)
  }

  /** Tells of a redirect, the `attempt`th of its command, and gives the node that it leads to. */
  note(redirect: Redirect, from: ClusterNode, attempt: number, command: string): ClusterNode {
    const { refresher, events } = this.#parts
    const { slot } = redirect
    const to = refresher.target(redirect.host, redirect.port, from)
    const kind = redirect.verdict === 'ask' ? 'ask' : 'moved'
    this.count++
    debug('%s %d of %s: %s -> %s', kind, slot, command, from.name, to.name)
    if (events.wants('redirect')) {
      events.emit('redirect', { kind, slot, from: from.name, to: to.name, command, attempt })
    }
    return to
  }

  /** Believes a redirect: after MOVED the slot is the node's; after ASK some of its keys are. */
  apply(redirect: Redirect, to: ClusterNode): void {
    const { cache, refresher, onLeft } = this.#parts
    if (redirect.verdict === 'ask') {
      onLeft?.([redirect])
      return
    }
    const move = cache.patch(redirect.slot, to)
    if (move !== undefined) this.#onMoves([move])
    refresher.request('redirect')
  }

  /** A redirect in the words that clients are told who follow them themselves, in their own view of addresses. */
  shown({ verdict, slot }: Redirect, to: ClusterNode): string {
    const { host, port } =
      to.announced ?? ('path' in to.address ? { host: '', port: 0 } : to.address)
    const shown = this.#announceMap(host, port) ?? { host, port }
    return `${verdict.toUpperCase()} ${slot} ${shown.host}:${shown.port}`
  }
}
