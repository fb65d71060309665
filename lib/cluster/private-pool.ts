import Denque from 'denque'
import type { Clock } from '../clock.ts'
import { ProxyError } from '../errors.ts'
import type { NodeAddress, Settings } from '../settings.ts'
import type { ConnectionSetup } from './connection.ts'
import type { Identity } from './identities.ts'
import { identityOf } from './lanes.ts'
import type { ClusterNode } from './node.ts'
import { PrivateConnection, type PrivateConnectionOwner } from './private-connection.ts'

/** The settings of the pool. */
export type PrivateSettings = Pick<
  Settings,
  | 'privatePoolSize'
  | 'privatePoolMinSize'
  | 'privatePoolSpawnEvery'
  | 'privatePoolSpawnRate'
  | 'reconnectMaxDelay'
  | 'maxPrivateConnections'
  | 'privateWait'
>

/** Who wants a private connection. */
export interface Borrower {
  onLent(connection: PrivateConnection): void
  /** There is none: the node cannot be reached, or (undefined) none became free in time. */
  onRefused(error: ProxyError | undefined): void
  /** The connection is gone; not called when the borrower gave it back, or closed it. */
  onLost(error: ProxyError): void
}

interface Waiter {
  readonly borrower: Borrower
  /** Clock reading until when it waits. */
  readonly deadline: number
}

/** How long a connection beyond the pool's size must have been idle before it is closed, milliseconds. */
const SURPLUS_TIME = 1000
/** Connections of one lane to one node that are dialled at a time: more at once would take longer than connectTimeout. */
const DIALLED_AT_ONCE = 64

/** The private connections to one node of one lane. */
class Shelf implements PrivateConnectionOwner {
  readonly node: ClusterNode
  readonly lane: number
  readonly idle: PrivateConnection[] = []
  readonly all: Set<PrivateConnection> = new Set()
  readonly waiters: Denque<Waiter> = new Denque()
  dialling = 0
  /** Whether it is being filled up to the pool's size. */
  filling = true
  nextSpawn = 0
  /** Whether it was filled for the first time: that is done at once, and refilling in steps. */
  begun = false
  /** Connections in a row that could not be made. */
  failures = 0
  /** The fewest idle ones since `countedSince`. */
  fewest = 0
  countedSince = 0
  readonly #pool: PrivatePool

  constructor(pool: PrivatePool, node: ClusterNode, lane: number) {
    this.#pool = pool
    this.node = node
    this.lane = lane
  }

  /** Those that the pool has: idle, on their way, or lent for a short while. */
  get stock(): number {
    let stock = 0
    for (const { patient } of this.all) if (!patient) stock++
    return stock
  }

  onReady(connection: PrivateConnection): void {
    this.dialling--
    this.failures = 0
    this.#keep(connection)
  }

  onClean(connection: PrivateConnection): void {
    this.#keep(connection)
  }

  #keep(connection: PrivateConnection): void {
    if (this.node.status === 'retired') {
      connection.discard()
      return
    }
    this.idle.push(connection)
    this.#pool.serve(this)
  }

  onClosed(connection: PrivateConnection, error: ProxyError | undefined): void {
    this.all.delete(connection)
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
    const { state } = connection
    if (state === 'dialling') this.dialling--
    if (error !== undefined) {
      if (state === 'dialling') this.#pool.onRefused(this)
      if (error.code === 'NODE_AUTH') this.#refuseAll(error)
      else {
        if (state === 'dialling') this.waiters.shift()?.borrower.onRefused(error)
        this.#pool.onTrouble()
      }
    }
    this.#pool.serve(this)
  }

  /** The user is not let in: nobody who waits for its connections will get one. */
  #refuseAll(error: ProxyError): void {
    const waiting = this.waiters.toArray()
    this.waiters.clear()
    for (const { borrower } of waiting) borrower.onRefused(error)
  }
}

/**
 * Connections that clients have for themselves, for a while: lent out by node and protocol version, and taken back clean. Some are kept ready for
 * each node and version that {@link prepare} was called for, or that was asked for once.
 */
export class PrivatePool {
  readonly #settings: PrivateSettings
  readonly #clock: Clock
  readonly #setup: (address: NodeAddress, lane: number) => ConnectionSetup
  readonly #shelves: Map<ClusterNode, Shelf[]> = new Map()
  #closed = false
  /** @internal Called when a connection was lost, or could not be made. */
  readonly onTrouble: () => void

  constructor(
    settings: PrivateSettings,
    clock: Clock,
    setup: (address: NodeAddress, lane: number) => ConnectionSetup,
    onTrouble: () => void
  ) {
    this.#settings = settings
    this.#clock = clock
    this.#setup = setup
    this.onTrouble = onTrouble
  }

  /** Private connections to a node, whatever their state. */
  count(node: ClusterNode): number {
    return (this.#shelves.get(node) ?? []).reduce((sum, { all }) => sum + all.size, 0)
  }

  /** Has connections to a node ready before anybody asks for one. */
  prepare(node: ClusterNode, lane: number): void {
    if (!this.#closed && node.status !== 'retired') this.#shelf(node, lane)
  }

  /** Lends a connection to a node: at once if one is idle, else when one is made or given back; first come, first served. */
  lend(node: ClusterNode, lane: number, borrower: Borrower): void {
    if (this.#closed || node.status === 'retired') {
      borrower.onRefused(new ProxyError('NODE_LOST', `${node.name} left the cluster`))
      return
    }
    const shelf = this.#shelf(node, lane)
    shelf.waiters.push({ borrower, deadline: this.#clock.now + this.#settings.privateWait })
    this.serve(shelf)
  }

  /** A borrower that was not served yet does not want a connection any more. */
  cancel(borrower: Borrower): void {
    for (const shelf of this.#all()) {
      const at = shelf.waiters.toArray().findIndex((waiter) => waiter.borrower === borrower)
      if (at >= 0) shelf.waiters.removeOne(at)
    }
  }

  *#all(): Iterable<Shelf> {
    for (const shelves of this.#shelves.values()) yield* shelves
  }

  #shelf(node: ClusterNode, lane: number): Shelf {
    let shelves = this.#shelves.get(node)
    if (shelves === undefined) {
      shelves = []
      this.#shelves.set(node, shelves)
    }
    let shelf = shelves.find((one) => one.lane === lane)
    if (shelf === undefined) {
      shelf = new Shelf(this, node, lane)
      shelves.push(shelf)
    }
    return shelf
  }

  /** @internal Serves those who wait, as far as there are connections, and dials for the others. */
  serve(shelf: Shelf): void {
    const { idle, waiters } = shelf
    while (idle.length > 0 && waiters.length > 0) {
      const connection = idle.pop()!
      shelf.fewest = Math.min(shelf.fewest, idle.length)
      const { borrower } = waiters.shift()!
      connection.lend((error) => borrower.onLost(error))
      borrower.onLent(connection)
    }
    if (this.#closed || shelf.node.status === 'retired') return
    this.#dialFor(shelf)
    // What became free here may serve those who wait for the other version.
    if (waiters.length > 0) return
    for (const other of this.#shelves.get(shelf.node) ?? []) {
      if (other !== shelf) this.#dialFor(other)
    }
  }

  #dialFor(shelf: Shelf): void {
    const wanted = Math.min(shelf.waiters.length, DIALLED_AT_ONCE)
    while (shelf.dialling < wanted && this.#hasRoom(shelf)) this.#dial(shelf)
  }

  /** Whether the node may have one more; an idle one of the other version makes room. */
  #hasRoom(shelf: Shelf): boolean {
    const { maxPrivateConnections } = this.#settings
    if (this.count(shelf.node) < maxPrivateConnections) return true
    for (const other of this.#shelves.get(shelf.node) ?? []) {
      const spare = other === shelf ? undefined : other.idle.pop()
      if (spare === undefined) continue
      other.all.delete(spare)
      spare.discard()
      // Closing it may have had others dial.
      return this.count(shelf.node) < maxPrivateConnections
    }
    return false
  }

  #dial(shelf: Shelf): void {
    shelf.dialling++
    const setup = this.#setup(shelf.node.address, shelf.lane)
    shelf.all.add(new PrivateConnection(shelf.node, shelf.lane, setup, shelf))
  }

  /** @internal Looks at the time limits, refills, and closes what is too much; called at each tick of the clock. */
  check(): void {
    for (const shelf of this.#all()) {
      for (const connection of [...shelf.all]) connection.check()
      this.#expire(shelf)
      if (shelf.node.status === 'retired') this.#retire(shelf)
      else this.#fill(shelf)
      this.#trim(shelf)
    }
  }

  #expire({ waiters }: Shelf): void {
    const { now } = this.#clock
    for (;;) {
      const oldest = waiters.peekFront()
      if (oldest === undefined || oldest.deadline > now) return
      waiters.shift()
      oldest.borrower.onRefused(undefined)
    }
  }

  #retire(shelf: Shelf): void {
    const error = new ProxyError('NODE_LOST', `${shelf.node.name} left the cluster`)
    for (const { borrower } of shelf.waiters.toArray()) borrower.onRefused(error)
    shelf.waiters.clear()
    for (const connection of [...shelf.idle]) connection.discard()
    if (shelf.all.size > 0) return
    const shelves = this.#shelves.get(shelf.node)!.filter((one) => one !== shelf)
    if (shelves.length === 0) this.#shelves.delete(shelf.node)
    else this.#shelves.set(shelf.node, shelves)
  }

  /** @internal A connection could not be made: the next ones that nobody waits for are put off, longer each time. */
  onRefused(shelf: Shelf): void {
    const { privatePoolSpawnEvery, reconnectMaxDelay } = this.#settings
    shelf.failures++
    const pause = privatePoolSpawnEvery * 2 ** Math.min(shelf.failures, 20)
    const longest = Math.max(privatePoolSpawnEvery, reconnectMaxDelay)
    shelf.nextSpawn = this.#clock.now + Math.min(pause, longest)
  }

  #fill(shelf: Shelf): void {
    const { privatePoolSize, privatePoolSpawnEvery, privatePoolSpawnRate } = this.#settings
    const { now } = this.#clock
    if (now < shelf.nextSpawn || shelf.node.status === 'down') return
    // There may be many identities: theirs are made when they are asked for.
    if (identityOf(shelf.lane) !== 0) return
    const { stock } = shelf
    if (stock < Math.min(this.#settings.privatePoolMinSize, privatePoolSize)) shelf.filling = true
    if (stock >= privatePoolSize) shelf.filling = false
    if (!shelf.filling) return
    shelf.nextSpawn = now + privatePoolSpawnEvery
    const room = this.#settings.maxPrivateConnections - this.count(shelf.node)
    const step = shelf.begun ? privatePoolSpawnRate : privatePoolSize
    shelf.begun = true
    const wanted = Math.min(step, privatePoolSize - stock, room)
    for (let i = 0; i < wanted; i++) this.#dial(shelf)
  }

  /** Closes what was idle all the time although the pool is full. */
  #trim(shelf: Shelf): void {
    const { now } = this.#clock
    if (now - shelf.countedSince < SURPLUS_TIME) return
    const surplus = Math.min(shelf.fewest, shelf.idle.length - this.#settings.privatePoolSize)
    for (let i = 0; i < surplus; i++) shelf.idle.pop()!.discard()
    shelf.countedSince = now
    shelf.fewest = shelf.idle.length
  }

  /** Closes the connections of an identity that nobody is any more. */
  forget({ number }: Identity): void {
    for (const [node, shelves] of this.#shelves) {
      const kept = shelves.filter(({ lane }) => identityOf(lane) !== number)
      if (kept.length === shelves.length) continue
      this.#shelves.set(node, kept)
      for (const shelf of shelves) {
        if (kept.includes(shelf)) continue
        for (const connection of [...shelf.all]) connection.discard()
      }
    }
  }

  /** Ends all connections to a node because of `error`; those who have one are told. */
  fail(node: ClusterNode, error: ProxyError): void {
    for (const shelf of this.#shelves.get(node) ?? [])
      for (const connection of [...shelf.all]) connection.fail(error)
  }

  /** Closes all connections at once. */
  close(): void {
    this.#closed = true
    for (const shelf of this.#all()) {
      for (const connection of [...shelf.all]) connection.discard()
      shelf.waiters.clear()
    }
    this.#shelves.clear()
  }
}
