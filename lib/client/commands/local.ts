import type { Trial } from '../../cluster/authenticator.ts'
import type { ServerSoftware } from '../../cluster/catalogue-learner.ts'
import type { Identity } from '../../cluster/identities.ts'
import type { Catalogue } from '../../command/catalogue.ts'
import type { Hubs } from '../../pubsub/hubs.ts'
import type { SubscriptionKind } from '../../pubsub/kind.ts'
import type { ReplyValue } from '../../resp/encode.ts'
import type { PartReply } from '../../router/composite.ts'
import type { Privates } from '../../router/privates.ts'
import type { MasterAnswer } from '../../router/survey.ts'
import type { Accounts } from '../access/accounts.ts'
import type { Attempts } from '../access/attempts.ts'
import type { ClusterRights } from '../access/cluster-rights.ts'
import type { Denials } from '../access/denials.ts'
import type { Invalidations } from '../invalidations.ts'
import type { MonitoringClient, Monitors } from '../monitors.ts'
import type { Pause } from '../pause.ts'
import type { Session } from '../session.ts'
import type { TrackingClient } from '../tracking.ts'
import type { AdminServices } from './admin.ts'

/** Returned by a handler whose command gets no reply at all (`CLIENT REPLY OFF`). */
export const NO_REPLY: unique symbol = Symbol('no reply')

/** What a local command sees of a connected client, its own or another. */
export interface LocalClient extends TrackingClient, MonitoringClient {
  readonly session: Session
  /** The lane that its commands take. */
  readonly lane: number
  /** Whether its connection is closed. */
  readonly gone: boolean
  /** `ip:port` of the client, `path:0` for a UNIX socket, or `?:0` where the stream has none. */
  readonly remoteAddress: string
  /** `ip:port` at which the client reached the proxy, in the same forms. */
  readonly localAddress: string
  /** The host and the port to present as "this server" to this client: where it connected, or what is announced. */
  readonly advertised: { readonly host: string; readonly port: number }
  /** Name of the last command, lower case, `container|subcommand` for subcommands. */
  readonly lastCommand: string
  /** When the last command came, in milliseconds since the epoch. */
  readonly lastActiveAt: number
  /** Requests that wait for their reply. */
  readonly pendingRequests: number
  /** Bytes read of a request that is not whole yet. */
  readonly inputBytes: number
  /** Bytes of replies that wait to be written. */
  readonly outputBytes: number
  readonly totalBytesRead: number
  readonly totalBytesWritten: number
  readonly totalCommands: number
  /** Whether it waits in a blocking command. */
  readonly blocked: boolean
  /** Whether its next command waits for the end of a pause. */
  readonly paused: boolean
  /** Commands since MULTI; -1 without. */
  readonly queuedCommands: number
  /** How much it is subscribed to. */
  readonly subscriptions: Readonly<Record<SubscriptionKind, number>>
  /** Ends its blocking command, as if the time were over or with an error; whether there was one. */
  unblock(error: boolean): Promise<boolean>
  /** Ends the connection after the replies to all earlier commands, and this one's, are written. */
  closeAfterReplies(): void
  /** Ends the connection at once. */
  kill(): void
}

/** A node as CLUSTER replies show it. */
export interface ShownNode {
  readonly id: string
  readonly host: string
  readonly port: number
  /** Id of the master of a replica; undefined for a master. */
  readonly masterId: string | undefined
  /** First and last slot of each range. */
  readonly slots: readonly (readonly [number, number])[]
  readonly epoch: number
  readonly healthy: boolean
  /** Whether it is what the client is connected to. */
  readonly self: boolean
}

/** What the proxy offers to local commands. */
export interface LocalServices {
  /** 40 hex digits that name this proxy for as long as it runs (`CLUSTER MYID`, `run_id`). */
  readonly id: string
  /** When the proxy was created, in milliseconds since the epoch. */
  readonly startedAt: number
  /** Version of the servers behind, such as `7.0.15`, or that of the Redis that they are like; of the built-in command table until one has answered. */
  readonly serverVersion: string
  /** What they call themselves. */
  readonly software: ServerSoftware
  readonly catalogue: Catalogue
  /** All connected clients. */
  clients(): Iterable<LocalClient>
  /** Bytes that all clients together have buffered, as of the last look. */
  readonly bufferedBytes: number
  /** `CLIENT TRACKING`. */
  readonly invalidations: Invalidations
  /** `MONITOR`. */
  readonly monitors: Monitors
  /** `CLIENT PAUSE`. */
  readonly pause: Pause
  readonly maxClients: number
  /** Password that clients must give, or undefined when every client is let in. */
  readonly password: string | undefined
  /** Users of the proxy's own; undefined when there are none. */
  readonly accounts: Accounts | undefined
  /** Failed attempts to authenticate. */
  readonly attempts: Attempts
  readonly authFailureDelay: number
  /** What the proxy's users were not let do. */
  readonly denials: Denials<LocalClient>
  /** Whether users that the proxy does not know are tried on the cluster; undefined: as long as it keeps nobody out itself. */
  readonly forwardAuth: boolean | undefined
  /** Has the cluster look at a user and a password, or a password alone. */
  tryOnCluster(user: Buffer | undefined, password: Buffer): Promise<Trial>
  /** The users of the cluster that clients are. */
  readonly identities: {
    /** One more client is the user. */
    acquire(user: string, password: Buffer): Identity
    /** A client is the user no more. */
    release(identity: Identity): void
  }
  /** What users of the cluster may have the proxy do. */
  readonly clusterRights: Pick<ClusterRights, 'mayRun'>
  /** Whether HELLO 3 is accepted. */
  readonly resp3: boolean
  /** Whether the CLUSTER command presents the proxy as the owner of all slots. */
  readonly clusterEmulation: boolean
  /** Whether clients connect by TLS, so that `CLUSTER SHARDS` names the port as `tls-port`. */
  readonly tls: boolean
  /** The nodes that CLUSTER replies show, when clients follow redirects themselves; undefined when the proxy poses as all of it. */
  readonly nodes: (() => readonly ShownNode[]) | undefined
  /** Longest argument accepted, bytes. */
  readonly maxBulkLength: number
  /** Whether the slot table is complete and no node is known to be lost (`cluster_state:ok`). */
  readonly healthy: boolean
  readonly totals: {
    readonly commands: number
    readonly connections: number
    readonly rejectedConnections: number
    readonly bytesRead: number
    readonly bytesWritten: number
    readonly redirects: number
    readonly coalesced: number
    readonly masters: number
    readonly replicas: number
  }
  /** Sends a command to the master that owns `slot`, follows redirects, and gives its reply as raw bytes. */
  callSlot(slot: number, args: readonly (string | Uint8Array)[], lane: number): Promise<Buffer>
  /**
   * What all masters answer to `INFO section`, each with its name; rejects if one does not. `shared`: the answers to an inquiry that is on its way will do.
   */
  askMasters(section: string, shared: boolean, lane: number): Promise<readonly MasterAnswer[]>
  /** What all masters answer to the same command; rejects while a slot has no owner. */
  askEach(args: readonly Uint8Array[], lane: number): Promise<readonly PartReply[]>
  /** Publish and subscribe. */
  readonly hubs: Hubs
  /** What is told of the protocol versions that clients speak. */
  readonly privates: Pick<Privates, 'expect'>
  /** For the PROXY command. */
  readonly admin: AdminServices
  /** Sends a command without keys to any master, and gives its reply as raw bytes. */
  callAny(args: readonly (string | Uint8Array)[], lane: number): Promise<Buffer>
}

/** One command as a handler gets it. */
export interface LocalCall {
  /** The whole request, the name first; views that are valid until the handler returns or, if it is async, settles. */
  readonly args: readonly Buffer[]
  readonly client: LocalClient
  readonly session: Session
  readonly services: LocalServices
}

/**
 * Answers one command. What it returns is encoded for the version that `session.protocol` says *after* it ran, and takes
 * its place in the order of replies. While a promise is pending nothing further of this client is read.
 */
export type LocalHandler = (call: LocalCall) => ReplyValue | typeof NO_REPLY | Promise<ReplyValue>

/** Handlers by command name, lower case, without subcommands. */
export type LocalCommands = Readonly<Record<string, LocalHandler>>
