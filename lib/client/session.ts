import type { Identity } from '../cluster/identities.ts'
import { laneOf } from '../cluster/lanes.ts'
import type { ProtocolVersion } from '../resp/encode.ts'
import type { ReadFrom } from '../settings.ts'
import type { Account } from './access/account.ts'
import type { MovingEndpoint } from './moving.ts'
import { laneKind, type Tracking } from './tracking.ts'

/** Whether a client is told the replies to its commands (`CLIENT REPLY`). */
export type ReplyMode = 'on' | 'off' | 'skip'

/** What one client has chosen about its connection. `RESET` takes it back to the start, but for `id` and `createdAt`. */
export class Session {
  /** Unique among the clients of this proxy, and growing. */
  readonly id: number
  /** When the client came, in milliseconds since the epoch. */
  readonly createdAt: number = Date.now()
  /** The version in which the client is answered (`HELLO`). */
  protocol: ProtocolVersion = 2
  /** `CLIENT SETNAME`; empty while unset. */
  name = ''
  /** `CLIENT SETINFO LIB-NAME`. */
  libName = ''
  /** `CLIENT SETINFO LIB-VER`. */
  libVersion = ''
  /** The user as whom the client is authenticated. */
  user = 'default'
  /** Whether commands beyond AUTH, HELLO, QUIT and RESET are allowed. */
  authenticated: boolean
  /** What the user may do; undefined where the proxy has no users of its own: everything. */
  account: Account | undefined = undefined
  /** The user of the cluster as whom its commands are sent; undefined for the proxy's own. */
  identity: Identity | undefined = undefined
  /** The number of the selected database. */
  db = 0
  /** `CLIENT REPLY`; `skip` holds for the next command only. */
  replyMode: ReplyMode = 'on'
  /** `CLIENT NO-EVICT`. */
  noEvict = false
  /** `CLIENT NO-TOUCH`. */
  noTouch = false
  /** `READONLY`: the client accepts reads from replicas. */
  readonlyMode = false
  /** Whether it shares its connections to the nodes with other clients (`PROXY MULTIPLEXING`). Once it does not, it never does again. */
  multiplexing = true
  /** `CLIENT MAINT_NOTIFICATIONS`: how it wants to be told where to go when its connection is about to end; undefined: not at all. */
  moving: MovingEndpoint | undefined = undefined
  /** `MONITOR`. */
  monitoring = false
  /** `CLIENT TRACKING`; undefined while off. */
  tracking: Tracking | undefined = undefined

  constructor(id: number, authenticated = false) {
    this.id = id
    this.authenticated = authenticated
  }

  /** The lane that its commands take: its user's, in its protocol version; its own one if it shares none. */
  get lane(): number {
    const kind = laneKind(this.protocol, this.tracking)
    return laneOf(kind, this.identity?.number ?? 0, this.multiplexing ? 0 : this.id)
  }

  /** Where its reads go: a client that said READONLY prefers replicas, whatever the others do. */
  readPolicy(readFrom: ReadFrom): ReadFrom {
    // Replicas may be behind what a client was told.
    if (this.tracking !== undefined) return 'master'
    return this.readonlyMode && readFrom === 'master' ? 'prefer-replica' : readFrom
  }

  /** Whether the next reply is dropped (`CLIENT REPLY`); `SKIP` is used up by asking. */
  silenced(): boolean {
    if (this.replyMode === 'on') return false
    if (this.replyMode === 'skip') this.replyMode = 'on'
    return true
  }

  /** The client is another user from now on. */
  become(
    user: string,
    authenticated: boolean,
    account?: Account | undefined,
    identity?: Identity | undefined
  ): void {
    this.user = user
    this.authenticated = authenticated
    this.account = account
    this.identity = identity
  }

  /** Back to the state of a new connection, as `RESET` does, but for who the client is. */
  reset(): void {
    this.protocol = 2
    this.name = ''
    this.db = 0
    this.replyMode = 'on'
    this.noEvict = false
    this.noTouch = false
    this.readonlyMode = false
    this.moving = undefined
    this.monitoring = false
    this.tracking = undefined
  }
}
