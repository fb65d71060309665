import { Attempts } from '../../../lib/client/access/attempts.ts'
import { Denials } from '../../../lib/client/access/denials.ts'
import type { AdminServices } from '../../../lib/client/commands/admin.ts'
import type {
  LocalClient,
  LocalCommands,
  LocalServices,
} from '../../../lib/client/commands/local.ts'
import { NO_REPLY } from '../../../lib/client/commands/local.ts'
import { localCommands } from '../../../lib/client/commands/registry.ts'
import { Invalidations } from '../../../lib/client/invalidations.ts'
import { Monitors } from '../../../lib/client/monitors.ts'
import { Pause } from '../../../lib/client/pause.ts'
import { Session } from '../../../lib/client/session.ts'
import { Clock } from '../../../lib/clock.ts'
import { Catalogue } from '../../../lib/command/catalogue.ts'
import { readOptions } from '../../../lib/option-reader.ts'
import { Hub } from '../../../lib/pubsub/hub.ts'
import { Hubs } from '../../../lib/pubsub/hubs.ts'
import { encodeReply } from '../../../lib/resp/encode.ts'
import type { Argument } from '../../support/resp-frame.ts'

/** An interface whose members a test may set. */
export type Settable<T> = { -readonly [Name in keyof T]: T[Name] }

/** What happened to the connection of a client. */
export interface FakeClient extends Settable<LocalClient> {
  ended: 'no' | 'after replies' | 'killed'
}

/** A client that never was connected. */
export function fakeClient(id: number, authenticated = true): FakeClient {
  return {
    session: new Session(id, authenticated),
    lane: 0,
    gone: false,
    remoteAddress: `127.0.0.1:${50_000 + id}`,
    localAddress: '127.0.0.1:7777',
    advertised: { host: '127.0.0.1', port: 7777 },
    lastCommand: '',
    lastActiveAt: Date.now(),
    pendingRequests: 0,
    inputBytes: 0,
    outputBytes: 0,
    totalBytesRead: 0,
    totalBytesWritten: 0,
    totalCommands: 0,
    blocked: false,
    paused: false,
    push: () => {},
    abort: () => {},
    pushBehind: () => {},
    queuedCommands: -1,
    subscriptions: { channel: 0, pattern: 0, shard: 0 },
    unblock: async () => false,
    ended: 'no',
    closeAfterReplies() {
      this.ended = 'after replies'
    },
    kill() {
      this.ended = 'killed'
    },
  }
}

/** What the PROXY command finds where there is no cluster and no program. */
export function fakeAdmin(): Settable<AdminServices> {
  return {
    settings: readOptions({ nodes: '127.0.0.1:7000' }),
    program: {},
    rules: { crossSlot: false, adminCommands: false, serverVersion: '7.0.15' },
    topology: { version: 0, nodes: [], coveredSlots: 0 },
    history: [],
    status: 'broken',
    entry: undefined,
    listening: { host: '127.0.0.1', port: 7777 },
    connected: () => false,
    owner: () => ({ master: undefined, replicas: [] }),
    refresh: () => Promise.reject(new Error('there is no cluster')),
    reconfigure: () => {},
  }
}

/** A hub that nobody has subscribed to. */
function fakeHub(): Hub {
  const settings = { connectTimeout: 0, retryBudget: 0, onSubscriptionGap: 'keep' } as const
  const guide = {
    clock: new Clock(),
    topology: { version: 0, nodes: [], coveredSlots: 0 },
    generation: 0,
    reconnectMinDelay: 1,
    reconnectMaxDelay: 1,
    owner: () => undefined,
    masters: () => [],
    setup: () => {
      throw new Error('there is no cluster')
    },
    redirected: () => {},
    refresh: () => {},
  }
  return new Hub(settings, guide, { wants: () => false, emit: () => {} })
}

/** Services of a proxy that has the given clients and no cluster behind it. */
export function fakeServices(clients: readonly LocalClient[] = []): Settable<LocalServices> {
  return {
    id: '0123456789abcdef0123456789abcdef01234567',
    startedAt: Date.now(),
    serverVersion: '7.0.15',
    software: { name: 'redis', version: '7.0.15' },
    catalogue: Catalogue.builtIn(),
    clients: () => clients,
    bufferedBytes: 0,
    pause: new Pause(() => {}),
    monitors: new Monitors(() => 0),
    invalidations: new Invalidations({
      settings: readOptions({ nodes: '127.0.0.1:7000' }),
      cache: { owner: () => undefined, masters: () => [] },
      client: (id) => [...clients].find(({ session }) => session.id === id),
      elsewhere: () => undefined,
      exists: () => Promise.reject(new Error('there is no cluster')),
    }),
    maxClients: 10_000,
    password: undefined,
    accounts: undefined,
    attempts: new Attempts(),
    denials: new Denials(() => ''),
    authFailureDelay: 0,
    forwardAuth: false,
    tryOnCluster: () => Promise.reject(new Error('there is no cluster')),
    identities: {
      acquire: (user) => ({ number: 1, user, base: 8 }),
      release: () => {},
    },
    privates: { expect: () => {} },
    clusterRights: { mayRun: async () => false },
    resp3: true,
    clusterEmulation: true,
    tls: false,
    maxBulkLength: 512 * 1024 * 1024,
    healthy: true,
    totals: {
      commands: 1,
      connections: 2,
      rejectedConnections: 3,
      bytesRead: 4,
      bytesWritten: 5,
      redirects: 6,
      coalesced: 7,
      masters: 3,
      replicas: 3,
    },
    nodes: undefined,
    callSlot: () => Promise.reject(new Error('there is no cluster')),
    askMasters: () => Promise.reject(new Error('there is no cluster')),
    callAny: () => Promise.reject(new Error('there is no cluster')),
    askEach: () => Promise.reject(new Error('there is no cluster')),
    hubs: new Hubs(fakeHub(), { make: fakeHub, hold: () => {}, release: () => {} }),
    admin: fakeAdmin(),
  }
}

/** One client at the proxy, as far as local commands know it. */
export class LocalSide {
  readonly client: FakeClient
  readonly services: Settable<LocalServices>
  readonly #commands: LocalCommands = localCommands

  constructor(client: FakeClient = fakeClient(1), services?: Settable<LocalServices>) {
    this.client = client
    this.services = services ?? fakeServices([client])
  }

  get session(): Session {
    return this.client.session
  }

  /** Runs a command and gives the frame of its reply; undefined where it has none. */
  async call(...request: Argument[]): Promise<Buffer | undefined> {
    const args = request.map((arg) => Buffer.from(typeof arg === 'number' ? String(arg) : arg))
    const handler = this.#commands[args[0]!.toString().toLowerCase()]!
    const { client, services, session } = this
    const reply = await handler({ args, client, session, services })
    return reply === NO_REPLY ? undefined : encodeReply(reply, session.protocol)
  }

  /** The reply as latin1 text. */
  async text(...request: Argument[]): Promise<string | undefined> {
    return (await this.call(...request))?.toString('latin1')
  }
}
