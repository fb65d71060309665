import { plainLane } from '../cluster/lanes.ts'
import type { ClusterNode } from '../cluster/node.ts'
import { arityFits, type CommandSpec } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { ErrorReply, encodeReply, type ProtocolVersion, type ReplyValue } from '../resp/encode.ts'
import type { RequestView } from '../resp/request-reader.ts'
import {
  ANY_NODE,
  BLOCKING,
  decide,
  LOCAL,
  ONE_SLOT,
  type Plan,
  REFUSED,
  TRANSACTION,
} from '../router/plan.ts'
import { PrivateCourse, type Traveller } from '../router/private-course.ts'
import type { Request } from '../router/request.ts'
import type { ScriptLoader } from '../router/scripts.ts'
import { AcknowledgementCall } from './acknowledgement.ts'
import { BlockingCall } from './blocking.ts'
import type { ClientServices } from './client-services.ts'
import { NO_REPLY } from './commands/local.ts'
import { localHandler } from './commands/registry.ts'
import type { Desk } from './desk.ts'
import type { DispatcherOwner } from './dispatcher-owner.ts'
import { NO_SUBSCRIPTIONS, type SubscriptionCounts, Subscriptions } from './subscriptions.ts'
import { Transaction } from './transaction.ts'

/** What {@link Stateful} needs of the dispatcher that it belongs to. */
export interface StatefulHost {
  readonly client: DispatcherOwner
  readonly services: ClientServices
  /** A request in its place in the order of replies. */
  place(view: RequestView, spec: CommandSpec): Request
  answer(spec: CommandSpec, view: RequestView, reply: ReplyValue): void
  whenOldest(request: Request, begin: () => void): void
  stop(): void
  go(): void
}

const plan: Plan = { slot: -1, error: '', step: undefined, fanOut: undefined }
/** Commands between MULTI and EXEC that are not queued, beside those of transactions. */
const IMMEDIATE = new Set(['quit', 'reset'])
/** What changes the connection cannot wait for EXEC. */
const NOT_QUEUED = new Set(['hello', 'auth', 'client|reply', 'client|tracking', 'client|caching'])
/** The node answers these as the proxy would. */
const BY_NODE = new Set(['ping', 'echo'])

/** What a client has beyond single commands: a transaction, a command that blocks, subscriptions. Most clients never have any. */
export class Stateful implements Desk {
  readonly #host: StatefulHost
  readonly #transaction: Transaction
  #subscriptions: Subscriptions | undefined
  #call: BlockingCall | AcknowledgementCall | undefined
  /** Clock reading of the last command. */
  #activeAt = 0

  constructor(host: StatefulHost) {
    this.#host = host
    this.#transaction = new Transaction(this)
  }

  /** Whether the client is between MULTI and EXEC. */
  get queueing(): boolean {
    return this.#transaction.state === 'queueing'
  }

  /** Whether it watches keys, so that its reads must come from the master. */
  get watching(): boolean {
    return this.#transaction.state === 'watching'
  }

  /** Whether its silence means nothing: it listens, or is in a transaction, which has a limit of its own. */
  get engaged(): boolean {
    return this.subscribed || this.queueing || this.watching
  }

  /** Whether it waits in a blocking command. */
  get blocked(): boolean {
    return this.#call !== undefined
  }

  /** Commands that wait for EXEC; -1 without MULTI. */
  get queued(): number {
    return this.#transaction.length
  }

  /** Whether one of them may change something. */
  get writes(): boolean {
    return this.#transaction.writes
  }

  /** Bytes of commands that are kept for EXEC. */
  get bytes(): number {
    return this.#transaction.bytes
  }

  /** What it is subscribed to. */
  get subscriptions(): Subscriptions {
    this.#subscriptions ??= new Subscriptions(this.#host.client, this.#host.services, this)
    return this.#subscriptions
  }

  /** How much it is subscribed to. */
  get subscriptionCounts(): SubscriptionCounts {
    return this.#subscriptions?.counts ?? NO_SUBSCRIPTIONS
  }

  /** Whether it is subscribed to anything. */
  get subscribed(): boolean {
    return this.#subscriptions?.active === true
  }

  // Requests in

  /** Takes a request that the state of the client does not let go its usual way; false for any other. */
  intercept(view: RequestView, spec: CommandSpec): boolean {
    if (this.queueing) return this.#queue(view, spec)
    if (this.#subscriptions?.forbids(spec) !== true || !arityFits(spec, view.argc)) return false
    this.#host.answer(spec, view, new ErrorReply(replyText.whileSubscribed(spec.name)))
    return true
  }

  /** MULTI and its kin, outside of a transaction. */
  take(view: RequestView, spec: CommandSpec, slot: number): void {
    this.#activeAt = this.#host.services.clock.now
    this.#transaction.take(view, spec, slot)
  }

  /** Any request between MULTI and EXEC; false if it is to be carried out as if there were none. */
  #queue(view: RequestView, spec: CommandSpec): boolean {
    const transaction = this.#transaction
    const { services } = this.#host
    this.#activeAt = services.clock.now
    if (IMMEDIATE.has(spec.name)) return false
    if (!arityFits(spec, view.argc)) {
      if (spec.name === 'exec') transaction.abort(view, spec)
      else this.#refuse(view, spec, replyText.wrongArity(spec.name))
      return true
    }
    const rules = {
      crossSlot: 'never',
      adminCommands: false,
      serverVersion: services.serverVersion,
    } as const
    const kind = decide(view, spec, this.protocol, rules, plan)
    if (kind === TRANSACTION && spec.name !== 'unwatch') transaction.take(view, spec, plan.slot)
    else if (kind === REFUSED) this.#refuse(view, spec, plan.error)
    else if (kind === LOCAL && !BY_NODE.has(spec.name)) this.#queueLocal(view, spec)
    else if (kind === ONE_SLOT || (kind === BLOCKING && plan.slot >= 0)) {
      transaction.add(view, spec, plan.slot)
    } else if (kind === ANY_NODE || kind === LOCAL || kind === BLOCKING || kind === TRANSACTION) {
      transaction.add(view, spec, -1)
    } else {
      plan.step = undefined
      plan.fanOut = undefined
      this.#refuse(view, spec, replyText.notInMulti)
    }
    return true
  }

  #queueLocal(view: RequestView, spec: CommandSpec): void {
    if (NOT_QUEUED.has(spec.name)) this.#refuse(view, spec, replyText.notInMulti)
    else this.#transaction.addLocal(view, spec)
  }

  #refuse(view: RequestView, spec: CommandSpec, error: string | Buffer): void {
    this.#transaction.onFlaw()
    this.#host.answer(spec, view, new ErrorReply(error))
  }

  /** A request that is no known command. */
  flaw(): void {
    this.#transaction.onFlaw()
  }

  /** A command that may keep its connection waiting. */
  block(view: RequestView, spec: CommandSpec, slot: number): void {
    const request = this.place(view, spec)
    const call =
      spec.name === 'wait' || spec.name === 'waitaof'
        ? new AcknowledgementCall(this, request, view, this.#writtenTo())
        : new BlockingCall(this, request, view, spec, slot)
    this.#call = call
    this.stop()
    this.whenOldest(request, () => this.prepare(request, () => call.start()))
  }

  /** A slot of each master that the client wrote to; of all masters when it wrote nothing. */
  #writtenTo(): number[] {
    const { client, services } = this.#host
    const { privates } = services
    const found = new Map<ClusterNode | undefined, number>()
    for (const slot of client.written.values()) found.set(privates.nodeFor(slot), slot)
    return found.size > 0 ? [...found.values()] : (privates.anchors() ?? [-1])
  }

  /** `CLIENT UNBLOCK`: whether the client was blocked. */
  async unblock(error: boolean): Promise<boolean> {
    const call = this.#call
    if (call === undefined) return false
    if (call instanceof AcknowledgementCall) return call.unblock(error)
    const { unblock } = this.#host.services
    return call.unblock(error, ({ node, clientId }, asError) => unblock(node, clientId!, asError))
  }

  /** Whether a command may change how the client is to be spoken to: then it must not be carried out before what is older is answered. */
  awaitsOlder(spec: CommandSpec): boolean {
    return spec.name === 'reset' || (spec.name === 'hello' && this.subscribed)
  }

  /** Carries such a command out after all that is older; RESET leaves the transaction and all subscriptions before. */
  afterOlder(view: RequestView, spec: CommandSpec, run: () => ReplyValue): void {
    const request = this.place(view, spec)
    this.stop()
    this.whenOldest(request, () => {
      if (spec.name === 'reset') {
        this.#transaction.abandon()
        this.#subscriptions?.clear()
      }
      const reply = run()
      // RESET is answered although what came before it was not to be.
      if (spec.name === 'reset') request.silent = false
      this.finish(request, reply)
      this.go()
    })
  }

  /** The client is gone. */
  abandon(): void {
    this.#transaction.abandon()
    this.#subscriptions?.clear()
    this.#call?.abandon()
    this.#call = undefined
  }

  /** Looks at the time limits. */
  check(): void {
    this.#subscriptions?.check()
    const { clock, transactionIdleTimeout } = this.#host.services
    if (transactionIdleTimeout === 0 || this.#transaction.state === 'none') return
    if (clock.now - this.#activeAt > transactionIdleTimeout) this.#transaction.release()
  }

  // The desk of the transaction, and of what blocks

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
    this.#call = undefined
    this.#host.go()
  }

  course(traveller: Traveller, slot: number, command: string): PrivateCourse {
    return new PrivateCourse(this.#host.services.privates, traveller, slot, command)
  }

  writing(slot: number): void {
    this.#host.client.reader?.writing(slot, 0)
  }

  wrote(slot: number, node: ClusterNode | undefined): void {
    const { client, services } = this.#host
    client.reader?.wrote(slot, services.clock.now)
    if (node !== undefined) client.written.set(node, slot)
  }

  runLocal(spec: CommandSpec, args: readonly Buffer[]): ReplyValue | Promise<ReplyValue> {
    const { client, services } = this.#host
    const handler = localHandler(spec)
    if (handler === undefined) return new ErrorReply(replyText.unsupported(spec.name))
    const value = handler({ args, client, session: client.session, services })
    return value === NO_REPLY ? null : value
  }
}
