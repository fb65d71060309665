import type { Duplex } from 'node:stream'
import createDebug from 'debug'
import { type Clock, TICK } from '../clock.ts'
import type { Identity } from '../cluster/identities.ts'
import type { EventSink } from '../events.ts'
import type { Settings } from '../settings.ts'
import type { Accounts } from './access/accounts.ts'
import { BytesElsewhere } from './bytes-elsewhere.ts'
import { ClientConnection } from './client-connection.ts'
import type { ClientServices } from './client-services.ts'
import { isOpen } from './commands/credential.ts'
import type { LocalClient } from './commands/local.ts'
import { isRemote, rawStream } from './endpoints.ts'
import { STOP } from './intake.ts'
import { Monitors } from './monitors.ts'
import { Pause } from './pause.ts'
import { RIGHTS_LOST } from './subscriptions.ts'

const debug = createDebug('redis-cluster-proxy:client')

/** Ticks between two looks at what clients have buffered, and at their time limits. */
const MEMORY_TICKS = Math.round(200 / TICK)
const LIMIT_TICKS = Math.round(1000 / TICK)
/** Milliseconds over `memoryLimit` after which the client that holds most is disconnected. */
const PATIENCE = 5000

/** What holds for all clients together. */
type RosterSettings = Pick<
  Settings,
  'maxClients' | 'memoryLimit' | 'subscriberOutputLimit' | 'protectedMode' | 'program' | 'announce'
>

/** As Redis says it, with what can be done about it here. */
const PROTECTED =
  '-DENIED the proxy is running in protected mode, because no password is set for its clients. In this mode connections are only accepted from the ' +
  'loopback interface. To connect from other computers: 1) set a password for clients: option `password` (`--password <text>`, `requirepass` in the ' +
  'configuration file) or `users`; or 2) switch protected mode off, if the network is trusted: option `protectedMode: false` (`--protected-mode no`), ' +
  'and start the proxy again; or 3) connect from the machine that the proxy runs on.\r\n'

/** The clients of a proxy, and what holds for all of them together. */
export class Roster {
  /** Bytes that all clients together have buffered, as of the last look. */
  bufferedBytes = 0
  /** Those who are shown what the others ask. */
  readonly monitors: Monitors
  /** `CLIENT PAUSE`, for all of them. */
  readonly pause: Pause = new Pause(() => {
    for (const client of this.#clients) client.go(STOP.pause)
  })
  readonly #settings: RosterSettings
  readonly #clock: Clock
  readonly #events: EventSink
  readonly #clients: Set<ClientConnection> = new Set()
  readonly #elsewhere: BytesElsewhere
  #lastId = 0
  #ticks = 0
  /** Clock reading since when they have too much; 0 while they have not. */
  #overSince = 0
  #closing = false
  #onEmpty: (() => void) | undefined

  constructor(settings: RosterSettings, clock: Clock, events: EventSink) {
    this.#settings = settings
    this.#clock = clock
    this.#events = events
    const { threads } = settings.program ?? {}
    this.monitors = new Monitors(() => this.#settings.subscriberOutputLimit, threads)
    this.#elsewhere = new BytesElsewhere(threads)
  }

  /** Clients connected now. */
  get size(): number {
    return this.#clients.size
  }

  /** The clients, in the order in which they came. */
  clients(): Iterable<ClientConnection> {
    return this.#clients
  }

  /** A client by its number. */
  client(id: number): ClientConnection | undefined {
    for (const client of this.#clients) if (client.session.id === id) return client
    return undefined
  }

  /** Serves a stream from now on, or tells it that there is no room. */
  accept(stream: Duplex, services: ClientServices): void {
    const { totals } = services
    const told = services.originOf(stream)
    if (this.#settings.protectedMode && isOpen(services) && isRemote(stream, told)) {
      this.#turnAway(stream, PROTECTED, services)
      return
    }
    const { maxClients, program } = this.#settings
    const clients = this.#clients.size + (program?.threads?.clientsElsewhere ?? 0)
    if (this.#closing || this.#overSince > 0 || clients >= maxClients) {
      this.#turnAway(stream, '-ERR max number of clients reached\r\n', services)
      return
    }
    totals.connections++
    const id = program?.threads?.idOf(rawStream(stream)) ?? ++this.#lastId
    const client = new ClientConnection(stream, services, id)
    this.#clients.add(client)
    this.#tell('clientConnect', client, undefined)
  }

  #turnAway(stream: Duplex, reason: string, { totals }: ClientServices): void {
    totals.rejectedConnections++
    stream.on('error', () => {})
    stream.end(reason, () => stream.destroy())
  }

  /** A client's connection is closed. */
  remove(client: LocalClient, reason: string | undefined): void {
    this.#clients.delete(client as ClientConnection)
    this.monitors.remove(client)
    if (reason !== undefined) debug('client %d is disconnected: %s', client.session.id, reason)
    this.#tell('clientDisconnect', client, reason)
    if (this.#clients.size === 0) this.#onEmpty?.()
  }

  /**
   * Users have changed: clients keep who they are under the new rules. Those whose user is gone are disconnected, and those that are subscribed to what
   * they may not hear any more, as in the server.
   */
  renewAccounts(accounts: Accounts | undefined): void {
    for (const client of this.#clients) {
      const { session } = client
      if (!session.authenticated || session.identity !== undefined) continue
      const account = accounts?.find(session.user)
      if (accounts !== undefined && account?.enabled !== true) client.abort('its user is gone')
      else if (account !== undefined && !client.suits(account)) client.abort(RIGHTS_LOST)
      else session.account = account
    }
  }

  /** A user of the cluster is let in no more: clients that are it have to come again, with what is right now. */
  dismiss(identity: Identity): void {
    for (const client of this.#clients) {
      if (client.session.identity === identity) client.closeAfterReplies()
    }
  }

  #tell(
    event: 'clientConnect' | 'clientDisconnect',
    client: LocalClient,
    reason: string | undefined
  ): void {
    if (!this.#events.wants(event)) return
    this.#events.emit(event, { id: client.session.id, address: client.remoteAddress, reason })
  }

  /** Looks at the limits; called at each tick of the clock. */
  check(): void {
    this.#ticks++
    if (this.#ticks % MEMORY_TICKS === 0) this.#checkMemory()
    if (!this.#closing && this.#ticks % LIMIT_TICKS !== 0) return
    for (const client of this.#clients) client.check()
  }

  /**
   * Adds up what all clients have buffered. Over the limit no more is read, but for requests that are half read, and nobody is let in; when
   * that does not help the client that holds most has to go.
   */
  #checkMemory(): void {
    let bytes = 0
    for (const client of this.#clients) bytes += client.bufferedBytes
    this.bufferedBytes = bytes
    const { memoryLimit } = this.#settings
    const was = this.#overSince > 0
    const all = memoryLimit > 0 ? bytes + this.#elsewhere.beside(bytes, memoryLimit) : 0
    const over = all > (was ? memoryLimit * 0.9 : memoryLimit)
    if (!over && !was) return
    const { now } = this.#clock
    if (over !== was) this.#overSince = over ? now : 0
    for (const client of this.#clients) client.limitMemory(over)
    if (!over || now - this.#overSince < PATIENCE) return
    this.#overSince = now
    // Who asked not to be evicted goes last.
    const weight = ({ bufferedBytes, session }: ClientConnection): number =>
      session.noEvict ? bufferedBytes - Number.MAX_SAFE_INTEGER : bufferedBytes
    const largest = [...this.#clients].reduce((most, client) =>
      weight(client) > weight(most) ? client : most
    )
    largest.abort('memoryLimit is exceeded, and it holds most')
  }

  /**
   * Ends all connections after the replies to what was asked; resolves when the last is gone. Clients that asked for maintenance notifications may go by
   * themselves, for `grace` milliseconds. `successor`: somebody serves the same address from now on.
   */
  async drain(grace: number, successor: boolean): Promise<void> {
    this.#closing = true
    this.pause.end()
    if (this.#clients.size === 0) return
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
    const known = successor || this.#settings.announce !== undefined
    const moving = { seconds: Math.floor(grace / 1000), successor: known }
    for (const client of this.#clients) if (!client.move(moving)) client.closeAfterReplies()
    const late = setTimeout(() => {
      for (const client of this.#clients) client.closeAfterReplies()
    }, grace)
    await empty
    clearTimeout(late)
  }

  /** Ends all connections at once. */
  kill(): void {
    for (const client of this.#clients) client.kill()
  }
}
