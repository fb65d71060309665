import type { ClusterNode } from '../cluster/node.ts'
import { arityFits, type CommandSpec, KEY_SEARCH } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import type { ReplyValue } from '../resp/encode.ts'
import { argument, type RequestView } from '../resp/request-reader.ts'
import type { GatherPlan } from '../router/gather/gather.ts'
import {
  ANY_NODE,
  BLOCKING,
  decide,
  emptyPlan,
  LOCAL,
  ONE_SLOT,
  type Plan,
  REFUSED,
  TRANSACTION,
} from '../router/plan.ts'
import type { Request } from '../router/request.ts'
import type { Account } from './access/account.ts'
import { AcknowledgementCall } from './acknowledgement.ts'
import { BlockingCall } from './blocking.ts'
import { ClientDesk, type DeskHost } from './client-desk.ts'
import { unknownSubcommand } from './commands/refusal.ts'
import { StreamsCall } from './streams-call.ts'
import { NO_SUBSCRIPTIONS, type SubscriptionCounts, Subscriptions } from './subscriptions.ts'
import { Transaction } from './transaction.ts'

/** A command that keeps its client waiting. */
interface Waiting {
  /** Begins; everything older is answered. */
  start(): void
  /** The client is gone. */
  abandon(): void
  /** `CLIENT UNBLOCK`; false if it is over already. */
  unblock(error: boolean): Promise<boolean>
}

const plan: Plan = emptyPlan()
/** Commands between MULTI and EXEC that are not queued, beside those of transactions. */
const IMMEDIATE = new Set(['quit', 'reset'])
/** What changes the connection cannot wait for EXEC. */
const NOT_QUEUED = new Set(['hello', 'auth', 'client|reply', 'client|tracking', 'client|caching'])
/** The node answers these as the proxy would. */
const BY_NODE = new Set(['ping', 'echo'])

/** What a client has beyond single commands: a transaction, a command that blocks, subscriptions. Most clients never have any. */
export class Stateful {
  readonly #host: DeskHost
  readonly #desk: ClientDesk
  readonly #transaction: Transaction
  #subscriptions: Subscriptions | undefined
  #call: Waiting | undefined
  /** Clock reading of the last command. */
  #activeAt = 0

  constructor(host: DeskHost) {
    this.#host = host
    this.#desk = new ClientDesk(host, () => {
      this.#call = undefined
    })
    this.#transaction = new Transaction(this.#desk)
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
    const { monitoring } = this.#host.client.session
    return monitoring || this.subscribed || this.queueing || this.watching
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
    this.#subscriptions ??= new Subscriptions(this.#host.client, this.#host.services, this.#desk)
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

  /** Whether an account may hear all that it is subscribed to. A transaction with what it may not do will fail. */
  suits(account: Account): boolean {
    this.#transaction.judge(account)
    return this.#subscriptions?.suits(account) !== false
  }

  // Requests in

  /** Takes a request that the state of the client does not let go its usual way; false for any other. */
  intercept(view: RequestView, spec: CommandSpec): boolean {
    if (this.queueing) return this.#queue(view, spec)
    if (this.#subscriptions?.forbids(spec) !== true || !arityFits(spec, view.argc)) return false
    this.#host.refuse(spec, view, replyText.whileSubscribed(spec.name))
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
      this.#host.refuse(spec, view, replyText.wrongArity(spec.name))
      return true
    }
    const rules = {
      crossSlot: 'never',
      // Answered here, and not by all masters, it can be queued.
      adminCommands: services.adminCommands && spec.name !== 'config|get',
      serverVersion: services.serverVersion,
    } as const
    const kind = decide(view, spec, this.#desk.protocol, rules, plan)
    if (spec.keyShape === KEY_SEARCH) services.noteScript(spec, view)
    if (kind === TRANSACTION && spec.name !== 'unwatch') {
      // Since Valkey 8.0 a MULTI or WATCH in between has EXEC fail; elsewhere it is refused, and does no harm.
      if (spec.flags.has('no_multi')) this.#host.refuse(spec, view, replyText.notInMulti)
      else transaction.take(view, spec, plan.slot)
    } else if (kind === REFUSED) this.#host.refuse(spec, view, plan.error)
    else if (kind === LOCAL && !BY_NODE.has(spec.name)) this.#queueLocal(view, spec)
    else if (kind === ONE_SLOT || (kind === BLOCKING && plan.slot >= 0)) {
      transaction.add(view, spec, plan.slot)
    } else if (kind === ANY_NODE || kind === LOCAL || kind === BLOCKING || kind === TRANSACTION) {
      transaction.add(view, spec, -1)
    } else {
      plan.step = undefined
      plan.fanOut = undefined
      this.#host.refuse(spec, view, replyText.notInMulti)
    }
    return true
  }

  #queueLocal(view: RequestView, spec: CommandSpec): void {
    if (NOT_QUEUED.has(spec.name)) this.#host.refuse(spec, view, replyText.notInMulti)
    else if (spec.container && view.argc > 1)
      // Those that there are have a name of their own.
      this.#host.refuse(spec, view, unknownSubcommand(spec.name, argument(view, 1)).text)
    else this.#transaction.addLocal(view, spec)
  }

  /** EXEC is refused itself. */
  refuseExec(view: RequestView, spec: CommandSpec, error: string): void {
    this.#transaction.refuseExec(view, spec, error)
  }

  /** A request was refused: between MULTI and EXEC that has EXEC fail. */
  flaw(): void {
    if (this.queueing) this.#transaction.onFlaw()
  }

  /** A command that may keep its connection waiting. */
  block(view: RequestView, spec: CommandSpec, slot: number): void {
    const request = this.#desk.place(view, spec)
    const call =
      spec.name === 'wait' || spec.name === 'waitaof'
        ? new AcknowledgementCall(this.#desk, request, view, {
            ...this.#writtenTo(),
            version: this.#host.services.serverVersion,
          })
        : new BlockingCall(this.#desk, request, view, spec, slot)
    this.#begin(call, request)
  }

  /** A read that may keep connections to several slots waiting. */
  await(view: RequestView, spec: CommandSpec, look: GatherPlan): void {
    const request = this.#desk.place(view, spec)
    this.#begin(new StreamsCall(this.#desk, request, spec, look), request)
  }

  #begin(call: Waiting, request: Request): void {
    this.#call = call
    this.#desk.stop()
    this.#desk.whenOldest(request, () => this.#desk.prepare(request, () => call.start()))
  }

  /** A slot of each master that the client wrote to; of all masters when it wrote nothing. */
  #writtenTo(): { anchors: number[]; lost: boolean } {
    const { client, services } = this.#host
    const { privates } = services
    const found = new Map<ClusterNode | undefined, number>()
    const known = privates.anchors() ?? []
    let lost = false
    for (const [node, slot] of client.written.entries()) {
      const owner = privates.nodeFor(slot)
      if (owner === node) {
        found.set(node, slot)
        continue
      }
      const other = known.find((anchor) => privates.nodeFor(anchor) === node)
      if (other !== undefined) found.set(owner, slot).set(node, other)
      else {
        lost = true
        client.written.forget(node)
      }
    }
    if (found.size > 0 || lost) return { anchors: [...found.values()], lost }
    return { anchors: known.length > 0 ? known : [-1], lost }
  }

  /** `CLIENT UNBLOCK`: whether the client was blocked. */
  async unblock(error: boolean): Promise<boolean> {
    return this.#call === undefined ? false : this.#call.unblock(error)
  }

  #conclude(request: Request, reply: ReplyValue): void {
    this.#desk.finish(request, reply)
    this.#desk.go()
  }

  /** Whether a command may change how the client is to be spoken to: then it must not be carried out before what is older is answered. */
  awaitsOlder({ name }: CommandSpec): boolean {
    return name === 'reset' || name === 'monitor' || (name === 'hello' && this.subscribed)
  }

  /** Carries such a command out after all that is older; RESET leaves the transaction and all subscriptions before. */
  afterOlder(
    view: RequestView,
    spec: CommandSpec,
    run: () => ReplyValue | Promise<ReplyValue>
  ): void {
    const off = this.#host.client.session.replyMode === 'off'
    const request = this.#desk.place(view, spec)
    this.#desk.stop()
    this.#desk.whenOldest(request, () => {
      if (spec.name === 'reset') {
        this.#transaction.abandon()
        this.#subscriptions?.clear()
      }
      const reply = run()
      // RESET is answered although what came before it was not to be; SKIP silences it, too.
      if (spec.name === 'reset' && off) request.silent = false
      if (reply instanceof Promise) void reply.then((settled) => this.#conclude(request, settled))
      else this.#conclude(request, reply)
    })
  }

  /** The client is another user: keys that it watches count as changed. */
  leave(): void {
    this.#transaction.release()
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
}
