import type net from 'node:net'
import type { Duplex } from 'node:stream'
import createDebug from 'debug'
import { renewCertificates } from './certificates.ts'
import { accountsOf } from './client/access/accounts.ts'
import type { ClientServices } from './client/client-services.ts'
import { answerThread } from './client/commands/thread-answers.ts'
import { Invalidations } from './client/invalidations.ts'
import { ProxyGate } from './client/proxy-gate.ts'
import { Roster } from './client/roster.ts'
import { Clock } from './clock.ts'
import { CatalogueLearner } from './cluster/catalogue-learner.ts'
import { ConnectionPool } from './cluster/connection-pool.ts'
import { Libraries } from './cluster/libraries.ts'
import { Refresher } from './cluster/refresher.ts'
import { ReplicaWatch } from './cluster/replica-watch.ts'
import { SlotCache } from './cluster/slot-cache.ts'
import type { ProxyError } from './errors.ts'
import type { EventSink, Topology, TopologyChangeEvent } from './events.ts'
import { readChanges } from './option-reader.ts'
import { adminServices, TopologyHistory } from './proxy-admin.ts'
import { clientServices, listening, makeHubs } from './proxy-services.ts'
import type { Hubs } from './pubsub/hubs.ts'
import { call } from './router/call.ts'
import { Privates } from './router/privates.ts'
import { ReadPolicy } from './router/reader.ts'
import { Router } from './router/router.ts'
import { ServerEvents } from './server-events.ts'
import type { ClusterProxyOptions, Settings } from './settings.ts'
import type { ProxyStats } from './stats.ts'
import { Turn } from './turn.ts'

const debug = createDebug('redis-cluster-proxy:proxy')

/** The longest delay that a timer takes, milliseconds; a longer one would be none. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/** How a proxy ends. */
export interface ShutdownOptions {
  /** Milliseconds for what is in flight, 5000 by default; then the rest is cut off. */
  readonly timeout?: number
  /**
   * Whether somebody else serves the same address from now on. Clients that asked for maintenance notifications (`CLIENT MAINT_NOTIFICATIONS ON`) are told to
   * connect there (`MOVING`), and have half of the time for it; without a successor only where the option `announce` names an address, or the client wants none.
   */
  readonly successor?: boolean
}

/** The parts of one proxy, wired together. */
export class ProxyCore {
  readonly #server: net.Server
  readonly #clock: Clock = new Clock()
  readonly #turn: Turn = new Turn()
  readonly #events: EventSink
  readonly #pool: ConnectionPool
  readonly #cache: SlotCache = new SlotCache()
  readonly #refresher: Refresher
  readonly #watch: ReplicaWatch
  readonly #router: Router
  readonly #roster: Roster
  readonly #hubs: Hubs
  readonly #invalidations: Invalidations
  /** The raw sockets below TLS, whether their handshake is done or not. */
  readonly #handshakes: Set<Duplex> = new Set()
  readonly #services: ClientServices
  readonly #learner: CatalogueLearner
  readonly #libraries: Libraries
  readonly #settings: Settings
  readonly #gate: ProxyGate | undefined
  readonly #history: TopologyHistory = new TopologyHistory()
  #stopSweeping: (() => void) | undefined
  #phase: 'idle' | 'starting' | 'ready' | 'closing' | 'closed' = 'idle'
  #ended: Promise<void> | undefined

  constructor(server: net.Server, settings: Settings) {
    this.#server = server
    this.#settings = settings
    this.#events = new ServerEvents(server)
    this.#invalidations = this.#makeInvalidations(settings)
    this.#pool = this.#makePool(settings)
    this.#refresher = new Refresher(settings, this.#pool, this.#cache, {
      onMoves: (moves) => this.#router.onMoves(moves),
      onChange: (change) => this.#onChange(change),
      onRefreshed: () => this.#onRefreshed(),
      onFailed: (error) => this.#onFailed(error),
    })
    this.#watch = new ReplicaWatch(this.#cache, this.#clock, settings.replicaCheckInterval)
    const routing = {
      settings,
      clock: this.#clock,
      pool: this.#pool,
      cache: this.#cache,
      refresher: this.#refresher,
      events: this.#events,
      onLeft: (slots: readonly { slot: number }[]) => this.#invalidations.onMoves(slots),
    }
    const reads = new ReadPolicy(settings, this.#watch)
    this.#router = new Router({ ...routing, watch: this.#watch, reads })
    this.#roster = new Roster(settings, this.#clock, this.#events)
    if (settings.proxyProtocol) this.#gate = new ProxyGate(settings.trustedProxies, this.#events)
    const privates = new Privates(routing, this.#router.redirects)
    this.#hubs = makeHubs(routing, this.#router.redirects, this.#events)
    this.#learner = new CatalogueLearner(() => this.#cache.masters())
    this.#libraries = new Libraries({
      masters: () => this.#cache.masters(),
      named: (name) => this.#pool.named(name),
    })
    const parts = {
      settings,
      server,
      clock: this.#clock,
      turn: this.#turn,
      events: this.#events,
      cache: this.#cache,
      pool: this.#pool,
      discover: () => this.#refresher.refresh('request'),
      router: this.#router,
      privates,
      hubs: this.#hubs,
      watch: this.#watch,
      learner: this.#learner,
      roster: this.#roster,
      gate: this.#gate,
      invalidations: this.#invalidations,
    }
    const admin = {
      ...parts,
      refresher: this.#refresher,
      history: this.#history,
      refreshFailed: () => this.#refreshFailed,
      reconfigure: (changes: Partial<ClusterProxyOptions>) => this.reconfigure(changes),
    }
    this.#services = clientServices(
      parts,
      adminServices(admin, () => listening(server, settings.program?.listening))
    )
    this.#attend(server)
  }

  #makePool(settings: Settings): ConnectionPool {
    return new ConnectionPool(settings, {
      clock: this.#clock,
      turn: this.#turn,
      events: this.#events,
      onTrouble: () => this.#refresher.request('node lost'),
      watching: this.#invalidations,
      onDenied: (identity) => this.#roster.dismiss(identity),
      onLost: (node) => this.#libraries.onLost(node),
      onStuck: (node, lane) => this.#router.onStuck(node, lane),
    })
  }

  #attend(server: net.Server): void {
    const { tls, program } = this.#settings
    program?.threads?.onQuestion?.((question) => answerThread(question, this.#services))
    server.on(tls === undefined ? 'connection' : 'secureConnection', (stream: Duplex) => {
      this.#accept(stream)
    })
    server.on('tlsClientError', (error: Error) => debug('TLS client refused: %s', error.message))
    if (tls !== undefined) server.on('connection', (socket) => this.#onHandshake(socket))
    if (this.#gate !== undefined) guard(server, this.#gate)
    server.on('listening', () => this.#onListening())
    // Streams that were handed over by 'connection' events are none of the server's own: they are let go of here.
    server.on('close', () => void this.shutdown())
  }

  #makeInvalidations(settings: Settings): Invalidations {
    return new Invalidations({
      settings,
      cache: this.#cache,
      client: (id) => this.#roster.client(id),
      elsewhere: (words) =>
        settings.program?.threads?.ask?.({ kind: 'client-invalidate', args: words })?.then(
          (answers) => answers.some(({ value }) => value === true),
          () => false
        ),
      exists: (slot, keys, lane) => call(this.#router, slot, ['EXISTS', ...keys], lane),
    })
  }

  get topology(): Topology {
    return this.#cache.topology
  }

  async refresh(): Promise<void> {
    this.#start()
    await this.#refresher.refresh('request')
  }

  /** Puts options in force while it runs: all of them, or none if one is wrong. */
  reconfigure(changes: Partial<ClusterProxyOptions>): void {
    const settings = readChanges(changes)
    renewCertificates(this.#server, this.#settings, settings)
    Object.assign(this.#settings, settings)
    Object.assign(this.#services, settings, { tls: this.#settings.tls !== undefined })
    this.#services.traffic.follow(this.#settings)
    if (!Object.hasOwn(settings, 'users') && !Object.hasOwn(settings, 'password')) return
    this.#services.accounts = accountsOf(this.#settings)
    this.#roster.renewAccounts(this.#services.accounts)
  }

  stats(): ProxyStats {
    const { totals } = this.#services
    const nodes = [...this.#pool.nodes()].map((node) => ({
      address: node.name,
      status: node.status,
      pending: node.lanes.reduce((sum, lane) => sum + lane.pending, 0),
    }))
    return {
      uptime: Date.now() - this.#services.startedAt,
      clients: this.#roster.size,
      connections: totals.connections,
      rejectedConnections: totals.rejectedConnections,
      commands: totals.commands,
      bytesRead: totals.bytesRead,
      bytesWritten: totals.bytesWritten,
      redirects: totals.redirects,
      coalesced: totals.coalesced,
      bufferedBytes: this.#roster.bufferedBytes,
      nodes,
    }
  }

  #start(): void {
    if (this.#phase !== 'idle') return
    this.#phase = 'starting'
    this.#stopSweeping = this.#clock.onTick(() => this.#roster.check())
    this.#refresher.request('start')
  }

  /** `listen` may have been under way when the proxy was shut down. */
  #onListening(): void {
    if (this.#ended === undefined) this.#start()
    else this.#server.close()
  }

  /** A TLS connection is no client before its handshake is done, yet the server would wait for it at the end. */
  #onHandshake(socket: Duplex): void {
    this.#handshakes.add(socket)
    socket.once('close', () => this.#handshakes.delete(socket))
  }

  #accept(stream: Duplex): void {
    this.#start()
    this.#roster.accept(stream, this.#services)
  }

  #onRefreshed(): void {
    this.#refreshFailed = false
    this.#libraries.onRefreshed()
    this.#services.privates.prefill()
    void this.#learn()
  }

  async #learn(): Promise<void> {
    await this.#learner.learn()
    if (this.#phase !== 'starting') return
    this.#phase = 'ready'
    this.#events.emit('ready')
  }

  #refreshFailed = false

  /** The first failure in a row is told; the proxy goes on trying. */
  #onFailed(error: ProxyError): void {
    debug('%s', error.message)
    if (this.#refreshFailed) return
    this.#refreshFailed = true
    if (this.#events.wants('error')) this.#events.emit('error', error)
  }

  #onChange(change: TopologyChangeEvent): void {
    this.#history.add(change)
    this.#libraries.onChange(change)
    debug('topology %d: %s, %d slots moved', change.after.version, change.reason, change.slotsMoved)
    if (this.#events.wants('topologyChange')) this.#events.emit('topologyChange', change)
  }

  shutdown({ timeout = 5000, successor = false }: ShutdownOptions = {}): Promise<void> {
    this.#ended ??= this.#shutDown(Math.min(timeout, LONGEST_TIMEOUT), successor)
    return this.#ended
  }

  async #shutDown(timeout: number, successor: boolean): Promise<void> {
    this.#phase = 'closing'
    this.#gate?.close()
    const closed = this.#server.listening
      ? new Promise<void>((resolve) => this.#server.close(() => resolve()))
      : Promise.resolve()
    const deadline = setTimeout(() => this.#cutOff(), timeout)
    await this.#roster.drain(timeout / 2, successor)
    await closed
    clearTimeout(deadline)
    this.#release()
  }

  #cutOff(): void {
    this.#roster.kill()
    for (const socket of this.#handshakes) socket.destroy()
  }

  #release(): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#stopSweeping?.()
    this.#hubs.close()
    this.#watch.stop()
    this.#refresher.close()
    this.#pool.close()
  }
}

/** Has all who wait for connections, TLS among them, get them from the gate. */
function guard(server: net.Server, gate: ProxyGate): void {
  const listeners = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (stream: Duplex) => {
    gate.admit(stream, () => {
      for (const listener of listeners) listener.call(server, stream)
    })
  })
}
