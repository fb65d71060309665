import Denque from 'denque'
import type { Clock } from '../clock.ts'
import { ProxyError } from '../errors.ts'
import type { NodeAddress, Settings } from '../settings.ts'
import type { ConnectionSetup } from './connection.ts'
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

/** What shelves need of the pool they belong to. */
export interface ShelfServices {
  readonly settings: PrivateSettings
  readonly clock: Clock
  setup(address: NodeAddress, lane: number): ConnectionSetup
  /** How many more connections the node of a shelf may have, of whichever lane. */
  room(shelf: PrivateShelf): number
  /** Makes room for one connection more by closing an idle one of another lane; whether there is room now. */
  makeRoom(shelf: PrivateShelf): boolean
  /** Nobody waits at a shelf: what became free there may serve those who wait at others. */
  onServed(shelf: PrivateShelf): void
  /** A connection was lost, or could not be made. */
  onTrouble(): void
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

/** The private connections to one node of one lane: those that are idle, those that are lent, and who waits for one. */
export class PrivateShelf implements PrivateConnectionOwner {
  readonly node: ClusterNode
  readonly lane: number
  readonly #services: ShelfServices
  readonly #idle: PrivateConnection[] = []
  readonly #all: Set<PrivateConnection> = new Set()
  readonly #waiters: Denque<Waiter> = new Denque()
  #dialling = 0
  #closed = false
  /** Whether it is being filled up to the pool's size. */
  #filling = true
  /** Whether it was filled for the first time: that is done at once, and refilling in steps. */
  #begun = false
  #nextSpawn = 0
  /** Connections in a row that could not be made. */
  #failures = 0
  /** The fewest idle ones since `countedSince`. */
  #fewest = 0
  #countedSince = 0

  constructor(services: ShelfServices, node: ClusterNode, lane: number) {
    this.#services = services
    this.node = node
    this.lane = lane
  }

  /** Its connections, whatever their state. */
  get size(): number {
    return this.#all.size
  }

  /** Lends a connection: at once if one is idle, else when one is made or given back; first come, first served. */
  lend(borrower: Borrower): void {
    const { clock, settings } = this.#services
    this.#waiters.push({ borrower, deadline: clock.now + settings.privateWait })
    this.#serve()
  }

  /** A borrower that was not served yet does not want a connection any more. */
  cancel(borrower: Borrower): void {
    const at = this.#waiters.toArray().findIndex((waiter) => waiter.borrower === borrower)
    if (at >= 0) this.#waiters.removeOne(at)
  }

  /** Closes an idle connection, if there is one. */
  spare(): boolean {
    const spare = this.#idle.pop()
    if (spare === undefined) return false
    this.#all.delete(spare)
    spare.discard()
    return true
  }

  onReady(connection: PrivateConnection): void {
    this.#dialling--
    this.#failures = 0
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
    this.#idle.push(connection)
    this.#serve()
  }

  onClosed(connection: PrivateConnection, error: ProxyError | undefined): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    const dialled = connection.state === 'dialling'
    if (dialled) this.#dialling--
    if (error !== undefined) {
      if (dialled) this.#putOff()
      if (error.code === 'NODE_AUTH') this.#refuseAll(error)
      else {
        if (dialled) this.#waiters.shift()?.borrower.onRefused(error)
        this.#services.onTrouble()
      }
    }
    this.#serve()
  }

  /** Who waits now will get no connection: the user is not let in, or the node is gone. */
  #refuseAll(error: ProxyError): void {
    const waiting = this.#waiters.toArray()
    this.#waiters.clear()
    for (const { borrower } of waiting) borrower.onRefused(error)
  }

  /** Serves those who wait, as far as there are connections, and dials for the others. */
  #serve(): void {
    while (this.#idle.length > 0 && this.#waiters.length > 0) {
      const connection = this.#idle.pop()!
      this.#fewest = Math.min(this.#fewest, this.#idle.length)
      const { borrower } = this.#waiters.shift()!
      connection.lend((error) => borrower.onLost(error))
      borrower.onLent(connection)
    }
    this.dialForWaiters()
    if (this.#waiters.length === 0) this.#services.onServed(this)
  }

  /** Dials as many as are waited for, if there is room for them. */
  dialForWaiters(): void {
    if (this.#closed || this.node.status === 'retired') return
    const wanted = Math.min(this.#waiters.length, DIALLED_AT_ONCE)
    while (this.#dialling < wanted && this.#services.makeRoom(this)) this.#dial()
  }

  #dial(): void {
    this.#dialling++
    const setup = this.#services.setup(this.node.address, this.lane)
    this.#all.add(new PrivateConnection(this.node, this.lane, setup, this))
  }

  /** Looks at the time limits, refills, and closes what is too much; called at each tick of the clock. */
  check(): void {
    for (const connection of [...this.#all]) connection.check()
    this.#expire()
    if (this.node.status === 'retired') this.#retire()
    else this.#fill()
    this.#trim()
  }

  #expire(): void {
    const { now } = this.#services.clock
    for (;;) {
      const oldest = this.#waiters.peekFront()
      if (oldest === undefined || oldest.deadline > now) return
      this.#waiters.shift()
      oldest.borrower.onRefused(undefined)
    }
  }

  #retire(): void {
    const error = leftCluster(this.node)
    this.#refuseAll(error)
    for (const connection of [...this.#idle]) connection.discard()
    // A command that blocks would wait for what is written elsewhere now.
    for (const connection of [...this.#all]) if (connection.patient) connection.fail(error)
  }

  /** A connection could not be made: the next ones that nobody waits for are put off, longer each time. */
  #putOff(): void {
    const { settings, clock } = this.#services
    const { privatePoolSpawnEvery, reconnectMaxDelay } = settings
    this.#failures++
    const pause = privatePoolSpawnEvery * 2 ** Math.min(this.#failures, 20)
    const longest = Math.max(privatePoolSpawnEvery, reconnectMaxDelay)
    this.#nextSpawn = clock.now + Math.min(pause, longest)
  }

  /** Those that the pool has: idle, on their way, or lent for a short while. */
  get #stock(): number {
    let stock = 0
    for (const { patient } of this.#all) if (!patient) stock++
    return stock
  }

  #fill(): void {
    const { settings, clock } = this.#services
    const { privatePoolSize, privatePoolSpawnEvery, privatePoolSpawnRate } = settings
    if (clock.now < this.#nextSpawn || this.node.status === 'down') return
    // There may be many identities: theirs are made when they are asked for.
    if (identityOf(this.lane) !== 0) return
    const stock = this.#stock
    if (stock < Math.min(settings.privatePoolMinSize, privatePoolSize)) this.#filling = true
    if (stock >= privatePoolSize) this.#filling = false
    if (!this.#filling) return
    this.#nextSpawn = clock.now + privatePoolSpawnEvery
    const step = this.#begun ? privatePoolSpawnRate : privatePoolSize
    this.#begun = true
    const wanted = Math.min(step, privatePoolSize - stock, this.#services.room(this))
    for (let i = 0; i < wanted; i++) this.#dial()
  }

  /** Closes what was idle all the time although the pool is full. */
  #trim(): void {
    const { settings, clock } = this.#services
    if (clock.now - this.#countedSince < SURPLUS_TIME) return
    const surplus = Math.min(this.#fewest, this.#idle.length - settings.privatePoolSize)
    for (let i = 0; i < surplus; i++) this.#idle.pop()!.discard()
    this.#countedSince = clock.now
    this.#fewest = this.#idle.length
  }

  /** Ends all connections because of `error`; those who have one are told. */
  fail(error: ProxyError): void {
    for (const connection of [...this.#all]) connection.fail(error)
  }

  /** Closes all connections at once. No new ones are made, and nobody who waits is told. */
  close(): void {
    this.#closed = true
    this.#waiters.clear()
    for (const connection of [...this.#all]) connection.discard()
  }
}

/** Why there are no connections to a node any more. */
export function leftCluster({ name }: ClusterNode): ProxyError {
  return new ProxyError('NODE_LOST', `${name} left the cluster`)
}
