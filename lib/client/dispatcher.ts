import { LANES } from '../cluster/lanes.ts'
import { arityFits, type CommandSpec, KEY_SEARCH } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { ErrorReply, encodeReply, type ReplyValue } from '../resp/encode.ts'
import { argumentsOf, type RequestView } from '../resp/request-reader.ts'
import {
  ALL_MASTERS,
  AWAITED,
  BLOCKING,
  decide,
  emptyPlan,
  IN_PARTS,
  LOCAL,
  type Plan,
  REFUSED,
  TRANSACTION,
} from '../router/plan.ts'
import { Reader } from '../router/reader.ts'
import { Request } from '../router/request.ts'
import type { Account } from './access/account.ts'
import type { ClientServices } from './client-services.ts'
import { NO_REPLY } from './commands/local.ts'
import { ownSpec } from './commands/proxy-spec.ts'
import { NOT_AUTHENTICATED } from './commands/refusal.ts'
import { localHandler } from './commands/registry.ts'
import { isHttp, unknownCommand } from './commands/unknown.ts'
import type { DispatcherOwner } from './dispatcher-owner.ts'
import { type Intake, STOP } from './intake.ts'
import type { ReplyQueue } from './reply-queue.ts'
import { Stateful } from './stateful.ts'

/** Slot of what runs on a private connection: no hold of shared requests may count it in. */
const PRIVATE = -2

const plan: Plan = emptyPlan()
/** What an answer without a request is made of. */
const NO_VIEW: RequestView = {
  buffer: Buffer.alloc(0),
  start: 0,
  end: 0,
  argc: 0,
  offsets: new Int32Array(0),
}

/** Sees to the requests of one client: sends each on its way through the router, or has it answered here. */
export class Dispatcher {
  readonly #client: DispatcherOwner
  readonly #services: ClientServices
  readonly #intake: Intake
  readonly #replies: ReplyQueue
  /** Made with the first command that needs it. */
  #stateful: Stateful | undefined
  #sequence = 0
  /** The command that waits for the end of a pause. */
  #paused: CommandSpec | undefined
  /** A request that begins when it is the oldest. */
  #waiting: { readonly request: Request; readonly begin: () => void } | undefined

  constructor(
    client: DispatcherOwner,
    services: ClientServices,
    intake: Intake,
    replies: ReplyQueue
  ) {
    this.#client = client
    this.#services = services
    this.#intake = intake
    this.#replies = replies
  }

  /** The bytes are no request: says so, in the server's words. The connection must end. */
  refuseStream(error: string): void {
    // The reader's text has one character for each byte that it quotes.
    const text = Buffer.from(`ERR Protocol error: ${error}`, 'latin1')
    this.#answer(undefined, NO_VIEW, new ErrorReply(text), false)
  }

  /** Sees to one request: sends it on its way, or answers it. */
  handle(view: RequestView): void {
    const services = this.#services
    const client = this.#client
    services.totals.commands++
    client.totalCommands++
    const spec = services.catalogue.find(view) ?? ownSpec(view)
    if (spec === undefined) {
      this.#unknown(view)
      return
    }
    client.lastCommand = spec.name
    if (!this.#client.session.authenticated && !spec.flags.has('no_auth')) {
      const fits = arityFits(spec, view.argc)
      this.#refuse(spec, view, fits ? NOT_AUTHENTICATED.text : replyText.wrongArity(spec.name))
      return
    }
    const { account } = client.session
    if (account !== undefined && this.#denied(view, spec, account)) return
    if (services.pause.on && this.#putOff(view, spec)) return
    this.#carryOut(view, spec)
  }

  #carryOut(view: RequestView, spec: CommandSpec): void {
    const services = this.#services
    const stateful = this.#stateful
    if (stateful?.queueing === true && stateful.queue(view, spec)) return
    const kind = decide(view, spec, this.#client.session.protocol, services, plan)
    if (kind === LOCAL) this.#local(view, spec)
    else if (kind === REFUSED) this.#refuse(spec, view, plan.error)
    else if (kind === IN_PARTS) this.#inParts(view, spec)
    else if (kind === ALL_MASTERS) this.#toAllMasters(view, spec)
    else if (kind === TRANSACTION) this.#makeStateful().take(view, spec, plan.slot)
    else if (kind === BLOCKING) this.#makeStateful().block(view, spec, plan.slot)
    else if (kind === AWAITED) this.#await(view, spec)
    else this.#forward(view, spec, plan.slot)
  }

  /** Whether a request waits for the end of a pause. Until then it stays where it was found, and nothing behind it is read. */
  #putOff(view: RequestView, spec: CommandSpec): boolean {
    const writes = spec.name === 'exec' && this.#stateful?.writes === true
    if (!arityFits(spec, view.argc) || !this.#services.pause.holds(spec, writes)) return false
    this.#paused = spec
    this.#intake.stop(STOP.pause)
    return true
  }

  /** The pause is over, for all that is known: goes on with the request that waited for that. */
  resume(): void {
    const spec = this.#paused
    if (spec === undefined) return
    this.#paused = undefined
    const { request } = this.#intake
    if (!this.#services.pause.on || !this.#putOff(request, spec)) this.#carryOut(request, spec)
  }

  /** Whether the next request waits for the end of a pause. */
  get paused(): boolean {
    return this.#paused !== undefined
  }

  #forward(view: RequestView, spec: CommandSpec, slot: number): void {
    if (spec.keyShape === KEY_SEARCH) this.#services.noteScript(spec, view)
    const request = this.#request(view, spec, slot)
    request.silent = this.#silenced()
    if (this.#stateful?.watching === true && spec.readonly) this.#readFromMaster(request)
    else this.#services.router.dispatch(request)
  }

  /** What is read while keys are watched must not be older than the watch. */
  #readFromMaster(request: Request): void {
    const client = this.#client
    const { reader } = client
    client.reader = undefined
    this.#services.router.dispatch(request)
    client.reader = reader
  }

  #makeStateful(): Stateful {
    this.#stateful ??= new Stateful({
      client: this.#client,
      services: this.#services,
      place: (view, spec) => {
        const request = this.#request(view, spec, PRIVATE)
        request.silent = this.#silenced()
        return request
      },
      answer: (spec, view, reply) => this.#answer(spec, view, reply, this.#silenced()),
      whenOldest: (request, begin) => this.#whenOldest(request, begin),
      stop: () => this.#intake.stop(STOP.private),
      go: () => this.#client.go(STOP.private),
    })
    return this.#stateful
  }

  /** What the client has beyond single commands; undefined for most. */
  get stateful(): Stateful | undefined {
    return this.#stateful
  }

  #whenOldest(request: Request, begin: () => void): void {
    if (this.#replies.oldest === request) begin()
    else this.#waiting = { request, begin }
  }

  #await(view: RequestView, spec: CommandSpec): void {
    const look = plan.awaited!
    plan.awaited = undefined
    this.#makeStateful().await(view, spec, look)
  }

  #inParts(view: RequestView, spec: CommandSpec): void {
    const step = plan.step!
    plan.step = undefined
    const request = this.#request(view, spec, -1)
    request.silent = this.#silenced()
    this.#services.router.carryOut(request, step)
  }

  #toAllMasters(view: RequestView, spec: CommandSpec): void {
    this.#services.noteScript(spec, view)
    const fanOut = plan.fanOut!
    plan.fanOut = undefined
    const request = this.#request(view, spec, -1)
    request.silent = this.#silenced()
    this.#afterOlder(request, () => this.#services.router.fanOut(request, fanOut))
  }

  /** Begins what concerns all slots. While some of the client's slots are moving it waits until all older requests are answered. */
  #afterOlder(request: Request, begin: () => void): void {
    if (this.#client.holds === undefined || this.#replies.oldest === request) {
      begin()
      return
    }
    this.#waiting = { request, begin }
    this.#intake.stop(STOP.order)
  }

  /** A request in its place in the order of replies. */
  #request(view: RequestView, spec: CommandSpec | undefined, slot: number): Request {
    const services = this.#services
    const request = new Request(view, spec, slot, this.#client, services.router)
    request.sequence = this.#sequence++
    if (services.observed) request.readAt = performance.now()
    this.#replies.push(request)
    return request
  }

  /** Whether the next reply is dropped (`CLIENT REPLY`); `SKIP` is used up by asking. */
  #silenced(): boolean {
    const { session } = this.#client
    if (session.replyMode === 'on') return false
    if (session.replyMode === 'skip') session.replyMode = 'on'
    return true
  }

  #unknown(view: RequestView): void {
    if (this.#stateful?.queueing === true) this.#stateful.flaw()
    if (isHttp(view)) this.#client.abort('an HTTP request')
    else this.#answer(undefined, view, unknownCommand(view), this.#silenced())
  }

  /** Refuses what the user may not do. */
  #denied(view: RequestView, spec: CommandSpec, account: Account): boolean {
    const refusal = account.refusal(spec, view)
    if (refusal === undefined) return false
    if (this.#stateful?.queueing === true) this.#stateful.flaw()
    this.#refuse(spec, view, refusal)
    return true
  }

  #refuse(spec: CommandSpec, view: RequestView, error: string | Buffer): void {
    this.#answer(spec, view, new ErrorReply(error), this.#silenced())
  }

  // Commands answered here

  #local(view: RequestView, spec: CommandSpec): void {
    const handler = localHandler(spec)
    if (handler === undefined) {
      this.#refuse(spec, view, replyText.unsupported(spec.name))
      return
    }
    const { session } = this.#client
    if (spec.name === 'reset' && this.#stateful !== undefined && view.argc === 1) {
      this.#resetStateful(view, spec)
      return
    }
    const before = session.replyMode
    const args = argumentsOf(view)
    const value = handler({ args, client: this.#client, session, services: this.#services })
    this.follow()
    if (value === NO_REPLY) return
    // CLIENT REPLY ON and RESET are answered although what came before them was not to be.
    const silent = session.replyMode === before && this.#silenced()
    if (value instanceof Promise) void this.#settle(spec, view, value, silent)
    else this.#answer(spec, view, value, silent)
  }

  /** RESET of a client that may be in a transaction: the replies that are owed come first. */
  #resetStateful(view: RequestView, spec: CommandSpec): void {
    this.#stateful!.reset(view, spec, () => {
      const { session } = this.#client
      const args = [Buffer.from('reset')]
      const run = localHandler(spec)!
      const value = run({ args, client: this.#client, session, services: this.#services })
      this.follow()
      return value as ReplyValue
    })
  }

  /** What a local command may have changed in the session and matters here. */
  follow(): void {
    this.#intake.authenticated = this.#client.session.authenticated
    this.#followReads()
    const lane = this.#client.session.protocol === 3 ? LANES.resp3 : LANES.resp2
    if (lane === this.#client.lane) return
    this.#client.lane = lane
    // Two lanes are two connections: what goes over the new one could overtake what is in flight on the old one.
    if (this.#replies.length > 0) this.#intake.stop(STOP.lane)
  }

  /** A client that said READONLY prefers replicas, whatever the others do. */
  #followReads(): void {
    const { readFrom } = this.#services
    const policy =
      this.#client.session.readonlyMode && readFrom === 'master' ? 'prefer-replica' : readFrom
    if (policy === (this.#client.reader?.policy ?? 'master')) return
    this.#client.reader = policy === 'master' ? undefined : new Reader(policy)
    if (this.#client.reader !== undefined) this.#services.watchReplicas()
  }

  /** A local command that takes time keeps its place in the order, and nothing further is read meanwhile. */
  async #settle(
    spec: CommandSpec,
    view: RequestView,
    value: Promise<ReplyValue>,
    silent: boolean
  ): Promise<void> {
    const request = this.#request(view, spec, -1)
    request.silent = silent
    this.#intake.stop(STOP.local)
    const settled = await value.catch((error: Error) => new ErrorReply(`ERR ${error.message}`))
    this.follow()
    const bytes = encodeReply(settled, this.#client.session.protocol)
    // Not delivered but finished: a hold of requests without keys may count it among those that are flying.
    request.finish(bytes, 0, bytes.length)
    this.#client.go(STOP.local)
  }

  /** Answers at once, in its turn. */
  #answer(
    spec: CommandSpec | undefined,
    view: RequestView,
    value: ReplyValue,
    silent: boolean
  ): void {
    const request = this.#request(view, spec, -1)
    request.silent = silent
    const bytes = encodeReply(value, this.#client.session.protocol)
    this.#client.deliver(request, bytes, 0, bytes.length)
  }

  /** A reply was handed out: what waited to be the oldest may be. */
  onDelivered(): void {
    const waiting = this.#waiting
    if (waiting === undefined || this.#replies.oldest !== waiting.request) return
    this.#waiting = undefined
    waiting.begin()
    this.#client.go(STOP.order)
  }
}
