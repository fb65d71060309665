import { randomBytes } from 'node:crypto'
import type net from 'node:net'
import { accountsOf } from './client/access/accounts.ts'
import { Attempts } from './client/access/attempts.ts'
import { ClusterRights } from './client/access/cluster-rights.ts'
import { Denials } from './client/access/denials.ts'
import type { ClientServices } from './client/client-services.ts'
import type { AdminServices } from './client/commands/admin.ts'
import { clientLine } from './client/commands/client-list.ts'
import { stopTracking } from './client/commands/client-tracking.ts'
import { leave } from './client/commands/credential.ts'
import type { LocalClient, ShownNode } from './client/commands/local.ts'
import type { Listening } from './client/endpoints.ts'
import type { Invalidations } from './client/invalidations.ts'
import type { ProxyGate } from './client/proxy-gate.ts'
import type { Roster } from './client/roster.ts'
import { Totals, Traffic } from './client/traffic.ts'
import type { Clock } from './clock.ts'
import { addressMapper } from './cluster/address-map.ts'
import { Authenticator } from './cluster/authenticator.ts'
import type { CatalogueLearner } from './cluster/catalogue-learner.ts'
import type { ConnectionPool } from './cluster/connection-pool.ts'
import type { Identity } from './cluster/identities.ts'
import { LANES } from './cluster/lanes.ts'
import type { ClusterNode } from './cluster/node.ts'
import { ask } from './cluster/question.ts'
import type { Refresher } from './cluster/refresher.ts'
import type { ReplicaWatch } from './cluster/replica-watch.ts'
import type { SlotCache } from './cluster/slot-cache.ts'
import { SLOT_COUNT } from './command/slot.ts'
import { ProxyError } from './errors.ts'
import type { EventSink } from './events.ts'
import { Hub } from './pubsub/hub.ts'
import { Hubs } from './pubsub/hubs.ts'
import type { ClusterGuide } from './pubsub/placement.ts'
import { call, callMaster } from './router/call.ts'
import type { PartReply } from './router/composite.ts'
import type { Privates } from './router/privates.ts'
import type { Redirects } from './router/redirects.ts'
import type { Request } from './router/request.ts'
import type { Router } from './router/router.ts'
import { Survey } from './router/survey.ts'
import type { HostPort, Settings } from './settings.ts'
import type { Turn } from './turn.ts'

/** What the services are made of. */
export interface ServiceParts {
  readonly settings: Settings
  readonly server: net.Server
  readonly clock: Clock
  readonly turn: Turn
  readonly events: EventSink
  readonly cache: SlotCache
  readonly pool: ConnectionPool
  /** Looks for the cluster; resolves when it is known. */
  discover(): Promise<void>
  readonly router: Router
  readonly privates: Privates
  readonly watch: ReplicaWatch
  readonly learner: CatalogueLearner
  /** Undefined without the option `proxyProtocol`. */
  readonly gate: ProxyGate | undefined
  readonly roster: Roster
  readonly invalidations: Invalidations
  readonly hubs: Hubs
}

/** What a hub's view of the cluster is made of. */
interface GuideParts {
  readonly settings: Settings
  readonly clock: Clock
  readonly pool: ConnectionPool
  readonly cache: SlotCache
  readonly refresher: Refresher
}

/** Where clients find the server that has no address of their connection. */
const NOWHERE: HostPort = { host: '127.0.0.1', port: 7777 }
const MINUS = 45

/** What the proxy offers to the connections of its clients. */
export function clientServices(parts: ServiceParts, admin: AdminServices): ClientServices {
  const { settings, server, cache, router, learner, roster, watch } = parts
  const survey = new Survey(router, cache)
  const announceMap = addressMapper(settings.announceMap)
  const authenticator = new Authenticator(cache, settings, parts.discover)
  const totals = new Totals(router, cache)
  const { pause, monitors } = roster
  const traffic = new Traffic({ ...parts, pause, monitors, totals }, settings)
  noteListeners(server, traffic)
  return {
    ...settings,
    admin,
    accounts: accountsOf(settings),
    attempts: new Attempts(settings.program?.threads),
    denials: new Denials(clientLine),
    get ownUsers() {
      return this.accounts !== undefined
    },
    tls: settings.tls !== undefined,
    id: randomBytes(20).toString('hex'),
    startedAt: Date.now(),
    router,
    clock: parts.clock,
    turn: parts.turn,
    totals,
    traffic,
    get catalogue() {
      return learner.catalogue
    },
    get serverVersion() {
      return learner.catalogue.version
    },
    get software() {
      return learner.software
    },
    get healthy() {
      return isHealthy(cache)
    },
    get listening() {
      return listening(server, settings.program?.listening)
    },
    nodes: settings.autoRedirect ? undefined : () => shownNodes(cache, announceMap),
    announced: (host, port) => settings.announce ?? announceMap(host, port) ?? { host, port },
    originOf: (stream) => parts.gate?.originOf(stream),
    watchReplicas: () => watch.start(),
    clients: () => roster.clients(),
    get bufferedBytes() {
      return roster.bufferedBytes
    },
    pause,
    monitors,
    invalidations: parts.invalidations,
    callSlot: (slot, args, lane) => call(router, slot, args, lane),
    callAny: (args, lane) => call(router, -1, args, lane),
    askMasters: (section, shared, lane) => survey.ask(section, shared, lane),
    tryOnCluster: (user, password) => authenticator.try(user, password),
    identities: identitiesOf(parts),
    clusterRights: new ClusterRights(authenticator),
    askEach: (args, lane) => askEach(parts, args, lane),
    hubs: parts.hubs,
    privates: parts.privates,
    scriptLoader: router.scripts,
    noteScript: (spec, view) => router.scripts.note(spec.name, view),
    unblock: unblockOn,
    observe: (...what) => observe(parts.events, ...what),
    onClosed: (...what) => letGo(parts, ...what),
  }
}

/** Nothing of a client that is gone stays. */
function letGo(
  parts: ServiceParts,
  ...[client, reason]: Parameters<ClientServices['onClosed']>
): void {
  const { session } = client
  stopTracking({ session, services: parts })
  leave(session, identitiesOf(parts))
  if (!session.multiplexing) parts.pool.release(session.id)
  parts.roster.remove(client, reason)
}

/** The users of the cluster that clients are, as clients see them. */
function identitiesOf({ pool, clock }: ServiceParts): ClientServices['identities'] {
  const { identities } = pool
  return {
    acquire: (user, password) => identities.acquire(user, password),
    release: (identity) => identities.release(identity, clock.now),
  }
}

/** Publish and subscribe, for each user. An identity is kept as long as something is subscribed to on its connections. */
export function makeHubs(parts: GuideParts, redirects: Redirects, events: EventSink): Hubs {
  const { settings, clock, pool } = parts
  const own = new Hub(
    settings,
    clusterGuide(parts, redirects, () => undefined),
    events
  )
  return new Hubs(own, {
    make: (current, onUse) =>
      new Hub(settings, clusterGuide(parts, redirects, current), events, onUse),
    hold: (identity) => pool.identities.hold(identity),
    release: (identity) => pool.identities.release(identity, clock.now),
  })
}

/** What the hub of a user needs of the cluster; undefined stands for the proxy's own. */
function clusterGuide(
  { settings, clock, pool, cache, refresher }: GuideParts,
  redirects: Redirects,
  current: () => Identity | undefined
): ClusterGuide {
  return {
    clock,
    get topology() {
      return cache.topology
    },
    get generation() {
      return cache.generation
    },
    get reconnectMinDelay() {
      return settings.reconnectMinDelay
    },
    get reconnectMaxDelay() {
      return settings.reconnectMaxDelay
    },
    owner: (slot) => cache.owner(slot),
    masters: () => cache.masters(),
    setup: ({ address }) => pool.setup(address, (current()?.base ?? 0) + LANES.resp3),
    redirected: (from, attempt, redirect) => {
      redirects.apply(redirect, redirects.note(redirect, from, attempt, 'ssubscribe'))
    },
    refresh: (reason) => refresher.request(reason),
  }
}

async function askEach(
  { router, cache }: ServiceParts,
  args: readonly Uint8Array[],
  lane: number
): Promise<readonly PartReply[]> {
  const anchors = cache.anchors()
  if (anchors === undefined) throw new ProxyError('NO_TOPOLOGY', 'a slot has no owner')
  return Promise.all(anchors.map((anchor) => callMaster(router, anchor, args, lane)))
}

async function unblockOn(node: ClusterNode, clientId: string, error: boolean): Promise<boolean> {
  try {
    return (await ask(node, 'CLIENT', 'UNBLOCK', clientId, error ? 'ERROR' : 'TIMEOUT')) === 1
  } catch {
    return false
  }
}

function isHealthy(cache: SlotCache): boolean {
  const complete = cache.topology.coveredSlots === SLOT_COUNT
  return complete && cache.masters().every(({ status }) => status !== 'down')
}

/** The nodes as clients may reach them. */
function shownNodes(
  cache: SlotCache,
  announceMap: ReturnType<typeof addressMapper>
): readonly ShownNode[] {
  return cache.topology.nodes.map(({ id, announced, masterId, slots, epoch, healthy }) => {
    const colon = announced.lastIndexOf(':')
    const host = announced.slice(0, colon)
    const port = Number(announced.slice(colon + 1))
    const shown = announceMap(host, port) ?? { host, port }
    return { id, ...shown, masterId, slots, epoch, healthy, self: false }
  })
}

/** Where a server listens. */
export function listening(server: net.Server, otherwise: Listening = NOWHERE): Listening {
  const address = server.address()
  if (address === null) return otherwise
  if (typeof address === 'string') return { ...otherwise, path: address }
  const any = address.address === '::' || address.address === '0.0.0.0'
  return { host: any ? NOWHERE.host : address.address, port: address.port }
}

/** Whether anybody listens for `command` is asked for each command, so it is noted when listeners come and go. */
function noteListeners(server: net.Server, traffic: Traffic): void {
  const note = (): void => {
    traffic.observed = server.listenerCount('command') > 0
  }
  note()
  server.on('newListener', (event) => {
    if (event === 'command') traffic.observed = true
  })
  server.on('removeListener', note)
}

/** The event `command`. */
function observe(
  events: EventSink,
  client: LocalClient,
  request: Request,
  reply: Buffer,
  start: number,
  end: number
): void {
  const { spec, slot, node, readAt, detour } = request
  events.emit('command', {
    command: spec?.name ?? '',
    clientId: client.session.id,
    slot: slot < 0 ? undefined : slot,
    node: node?.name,
    latency: performance.now() - readAt,
    redirects: detour?.redirects ?? 0,
    retries: detour?.retries ?? 0,
    requestBytes: request.end - request.start,
    replyBytes: end - start,
    error: reply[start] === MINUS ? reply.toString('utf8', start + 1, end - 2) : undefined,
  })
}
