import type { ClusterNode } from '../cluster/node.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import type { CommandSpec } from '../command/spec.ts'
import type { ProtocolVersion, ReplyValue } from '../resp/encode.ts'
import type { RequestView } from '../resp/request-reader.ts'
import type { Step } from '../router/composite.ts'
import type { PrivateCourse, Traveller } from '../router/private-course.ts'
import type { Request } from '../router/request.ts'
import type { ScriptLoader } from '../router/scripts.ts'

/** What commands that need a private connection use of their client. */
export interface Desk {
  readonly lane: number
  readonly protocol: ProtocolVersion
  /** Loads scripts before a transaction needs them. */
  readonly scripts: ScriptLoader
  /** A request in its place in the order of replies. */
  place(view: RequestView, spec: CommandSpec): Request
  /** Answers one. */
  finish(request: Request, reply: ReplyValue): void
  /** Places a request and answers it at once. */
  answer(spec: CommandSpec, view: RequestView, reply: ReplyValue): void
  /** Calls `begin` when all older requests are answered. */
  whenOldest(request: Request, begin: () => void): void
  /** Calls `begin` when what the request reads on a private connection is watched, if its client is to be told of changes. */
  prepare(request: Request, begin: () => void): void
  /** Leaves further requests unread until {@link go}; whether the client goes away is noticed all the same. */
  stop(): void
  go(): void
  /** A way to a private connection. */
  course(traveller: Traveller, slot: number, command: string): PrivateCourse
  /** Has shared connections carry something out in parts; the raw reply. */
  carryOut(step: Step): Promise<Buffer>
  /** A command that may write is about to be sent, and was answered, on a private connection. */
  writing(slot: number): void
  wrote(slot: number, node: ClusterNode | undefined): void
  /** Has a node end the wait on a connection, with an error or as if the time were over; false if it was not waiting. */
  endWait(connection: PrivateConnection, error: boolean): Promise<boolean>
  /** Runs a command that the proxy answers itself. */
  runLocal(spec: CommandSpec, args: readonly Buffer[]): ReplyValue | Promise<ReplyValue>
}
