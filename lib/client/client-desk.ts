import { plainLane } from '../cluster/lanes.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import type { CommandSpec } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { ErrorReply, encodeReply, type ProtocolVersion, type ReplyValue } from '../resp/encode.ts'
import type { RequestView } from '../resp/request-reader.ts'
import { callInParts } from '../router/call.ts'
import type { Step } from '../router/composite.ts'
import { PrivateCourse, type Traveller } from '../router/private-course.ts'
import type { Request } from '../router/request.ts'
import type { ScriptLoader } from '../router/scripts.ts'
import type { ClientServices } from './client-services.ts'
import { handlerFor } from './commands/guard.ts'
import { NO_REPLY } from './commands/local.ts'
import type { Desk } from './desk.ts'
import type { DispatcherOwner } from './dispatcher-owner.ts'

/** What a {@link ClientDesk} needs of the dispatcher that it belongs to. */
export interface DeskHost {
  readonly client: DispatcherOwner
  readonly services: ClientServices
  /** A request in its place in the order of replies. */
  place(view: RequestView, spec: CommandSpec): Request
  answer(spec: CommandSpec, view: RequestView, reply: ReplyValue): void
  refuse(spec: CommandSpec, view: RequestView, error: string | Buffer): void
  whenOldest(request: Request, begin: () => void): void
  stop(): void
  go(): void
  /** A local command may have changed the session. */
  follow(): void
}

/** The desk of one client, for its transaction and for what blocks. */
export class ClientDesk implements Desk {
  readonly #host: DeskHost
  readonly #onGo: () => void

  /** `onGo` is called before further requests are read. */
  constructor(host: DeskHost, onGo: () => void) {
    this.#host = host
    this.#onGo = onGo
  }

  get lane(): number {
    return plainLane(this.#host.client.lane)
  }

  get protocol(): ProtocolVersion {
    return this.#host.client.session.protocol
  }

  get scripts(): ScriptLoader {
    return this.#host.services.scriptLoader
  }

  place(view: RequestView, spec: CommandSpec): Request {
    return this.#host.place(view, spec)
  }

  finish(request: Request, reply: ReplyValue): void {
    const bytes = encodeReply(reply, this.protocol)
    request.finish(bytes, 0, bytes.length)
  }

  answer(spec: CommandSpec, view: RequestView, reply: ReplyValue): void {
    this.#host.answer(spec, view, reply)
  }

  prepare(request: Request, begin: () => void): void {
    const { client } = this.#host
    const prepared = client.session.tracking?.prepare(request)
    if (prepared === undefined) begin()
    else
      void prepared.then(() => {
        if (!client.gone) begin()
      })
  }

  whenOldest(request: Request, begin: () => void): void {
    this.#host.whenOldest(request, begin)
  }

  stop(): void {
    this.#host.stop()
  }

  go(): void {
    this.#onGo()
    this.#host.go()
  }

  course(traveller: Traveller, slot: number, command: string): PrivateCourse {
    return new PrivateCourse(this.#host.services.privates, traveller, slot, command)
  }

  carryOut(step: Step): Promise<Buffer> {
    return callInParts(this.#host.services.router, step, this.lane)
  }

  writing(slot: number): void {
    this.#host.client.reader?.writing(slot, 0)
  }

  wrote(slot: number, node: ClusterNode | undefined): void {
    const { client, services } = this.#host
    client.reader?.wrote(slot, services.clock.now)
    if (node !== undefined) client.written.set(node, slot)
  }

  endWait({ node, clientId }: PrivateConnection, error: boolean): Promise<boolean> {
    return this.#host.services.unblock(node, clientId!, error)
  }

  runLocal(spec: CommandSpec, args: readonly Buffer[]): ReplyValue | Promise<ReplyValue> {
    const { client, services } = this.#host
    const handler = handlerFor(spec, client.session)
    if (handler === undefined) return new ErrorReply(replyText.unsupported(spec.name))
    const value = handler({ args, client, session: client.session, services })
    if (value instanceof Promise) return value.finally(() => this.#host.follow())
    this.#host.follow()
    return value === NO_REPLY ? null : value
  }
}
