import type { Clock } from '../clock.ts'
import type { ProxyError } from '../errors.ts'
import type { NodeAddress } from '../settings.ts'
import type { ConnectionSetup } from './connection.ts'
import type { Identity } from './identities.ts'
import { identityOf } from './lanes.ts'
import type { ClusterNode } from './node.ts'
import {
  type Borrower,
  leftCluster,
  type PrivateSettings,
  PrivateShelf,
  type ShelfServices,
} from './private-shelf.ts'

/**
 * Connections that clients have for themselves, for a while: lent out by node and protocol version, and taken back clean. Some are kept ready for
 * each node and version that {@link prepare} was called for, or that was asked for once.
 */
export class PrivatePool {
  readonly #services: ShelfServices
  readonly #shelves: Map<ClusterNode, PrivateShelf[]> = new Map()
  #closed = false

  /** `onTrouble` is called when a connection was lost, or could not be made. */
  constructor(
    settings: PrivateSettings,
    clock: Clock,
    setup: (address: NodeAddress, lane: number) => ConnectionSetup,
    onTrouble: () => void
  ) {
    this.#services = {
      settings,
      clock,
      setup,
      onTrouble,
      room: ({ node }) => settings.maxPrivateConnections - this.count(node),
      makeRoom: (shelf) => this.#makeRoom(shelf),
      onServed: (shelf) => this.#onServed(shelf),
    }
  }

  /** Private connections to a node, whatever their state. */
  count(node: ClusterNode): number {
    let count = 0
    for (const { size } of this.#of(node)) count += size
    return count
  }

  /** Has connections to a node ready before anybody asks for one. */
  prepare(node: ClusterNode, lane: number): void {
    if (!this.#closed && node.status !== 'retired') this.#shelf(node, lane)
  }

  /** Lends a connection to a node: at once if one is idle, else when one is made or given back; first come, first served. */
  lend(node: ClusterNode, lane: number, borrower: Borrower): void {
    if (this.#closed || node.status === 'retired') borrower.onRefused(leftCluster(node))
    else this.#shelf(node, lane).lend(borrower)
  }

  /** A borrower that was not served yet does not want a connection any more. */
  cancel(borrower: Borrower): void {
    for (const shelf of this.#all()) shelf.cancel(borrower)
  }

  *#all(): Iterable<PrivateShelf> {
    for (const shelves of this.#shelves.values()) yield* shelves
  }

  #of(node: ClusterNode): readonly PrivateShelf[] {
    return this.#shelves.get(node) ?? []
  }

  #shelf(node: ClusterNode, lane: number): PrivateShelf {
    const found = this.#of(node).find((one) => one.lane === lane)
    if (found !== undefined) return found
    const shelf = new PrivateShelf(this.#services, node, lane)
    this.#shelves.set(node, [...this.#of(node), shelf])
    return shelf
  }

  #makeRoom(shelf: PrivateShelf): boolean {
    const { room } = this.#services
    if (room(shelf) > 0) return true
    // Closing one may have others dial: there is not always room then.
    return this.#of(shelf.node).some((other) => other !== shelf && other.spare()) && room(shelf) > 0
  }

  #onServed(shelf: PrivateShelf): void {
    if (this.#closed) return
    for (const other of this.#of(shelf.node)) if (other !== shelf) other.dialForWaiters()
  }

  /** @internal Looks at the time limits, refills, and closes what is too much; called at each tick of the clock. */
  check(): void {
    for (const shelf of this.#all()) {
      shelf.check()
      if (shelf.node.status === 'retired' && shelf.size === 0) this.#remove(shelf)
    }
  }

  #remove(shelf: PrivateShelf): void {
    const kept = this.#of(shelf.node).filter((one) => one !== shelf)
    if (kept.length > 0) this.#shelves.set(shelf.node, kept)
    else this.#shelves.delete(shelf.node)
  }

  /** Closes the connections of an identity that nobody is any more. */
  forget({ number }: Identity): void {
    for (const shelf of [...this.#all()]) {
      if (identityOf(shelf.lane) !== number) continue
      this.#remove(shelf)
      shelf.close()
    }
  }

  /** Ends all connections to a node because of `error`; those who have one are told. */
  fail(node: ClusterNode, error: ProxyError): void {
    for (const shelf of this.#of(node)) shelf.fail(error)
  }

  /** Closes all connections at once. */
  close(): void {
    this.#closed = true
    for (const shelf of this.#all()) shelf.close()
    this.#shelves.clear()
  }
}
