import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { CommandSpec } from '../command/spec.ts'
import type { RequestView } from '../resp/request-reader.ts'
import type { Privates } from '../router/privates.ts'
import type { Request } from '../router/request.ts'
import type { Router } from '../router/router.ts'
import type { ScriptLoader } from '../router/scripts.ts'
import type { CrossSlot, HostPort, ReadFrom } from '../settings.ts'
import type { Turn } from '../turn.ts'
import type { Accounts } from './access/accounts.ts'
import type { LocalClient, LocalServices } from './commands/local.ts'
import type { Listening } from './endpoints.ts'
import type { Origin } from './proxy-header.ts'
import type { Totals, Traffic } from './traffic.ts'

/** What the proxy offers to the connections of its clients. */
export interface ClientServices extends LocalServices {
  readonly router: Router
  readonly clock: Clock
  readonly turn: Turn
  readonly totals: Totals
  /** What the data path needs of all this. */
  readonly traffic: Traffic
  readonly requestTimeout: number
  readonly idleTimeout: number
  /** What clients are told of the proxy's address, from the one they used: options `announce` and `announceMap`. */
  announced(host: string, port: number): HostPort
  /** The address of the listening server, for streams that have none of their own. */
  readonly listening: Listening
  /** Whose connection a stream is, as a trusted proxy told. */
  originOf(stream: Duplex): Origin | undefined
  readonly readFrom: ReadFrom
  /** Whether new clients share connections to the nodes. */
  readonly multiplexing: boolean
  readonly crossSlot: CrossSlot
  readonly adminCommands: boolean
  /** Changes with the options `users` and `password`. */
  accounts: Accounts | undefined
  /** Whether the proxy has users of its own. */
  readonly ownUsers: boolean
  /** A client reads from replicas: how far they are behind must be known. */
  watchReplicas(): void
  /** Ways to private connections. */
  readonly privates: Privates
  /** The scripts that clients have sent. */
  readonly scriptLoader: ScriptLoader
  /** Remembers the script that a command brings. */
  noteScript(spec: CommandSpec, view: RequestView): void
  readonly transactionIdleTimeout: number
  readonly subscriberOutputLimit: number
  readonly subscriberOutputSoftLimit: number
  readonly subscriberOutputSoftTime: number
  /** `CLIENT UNBLOCK` on a node; whether that client was blocked. */
  unblock(node: ClusterNode, clientId: string, error: boolean): Promise<boolean>
  /** Tells the listeners of `command`. */
  observe(client: LocalClient, request: Request, reply: Buffer, start: number, end: number): void
  /** A client's connection is closed. */
  onClosed(client: LocalClient, reason: string | undefined): void
}
