import { plainLane } from '../cluster/lanes.ts'
import { keySlot } from '../command/slot.ts'
import { arityFits, type CommandSpec, KEY_SEARCH } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { ErrorReply, encodeReply, type ReplyValue } from '../resp/encode.ts'
import { argumentsOf, frameRequest, type RequestView } from '../resp/request-reader.ts'
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
  SUBSCRIPTION,
  TRANSACTION,
} from '../router/plan.ts'
import { readerFor } from '../router/reader.ts'
import { Request } from '../router/request.ts'
import type { Account } from './access/account.ts'
import type { ClientServices } from './client-services.ts'
import { handlerFor } from './commands/guard.ts'
import { type LocalHandler, NO_REPLY } from './commands/local.ts'
import { ownSpec } from './commands/proxy-spec.ts'
import { NOT_AUTHENTICATED } from './commands/refusal.ts'
import { isHttp, unknownCommand } from './commands/unknown.ts'
import type { DispatcherOwner } from './dispatcher-owner.ts'
import { type Intake, STOP } from './intake.ts'
import { OldestFirst } from './oldest-first.ts'
import type { ReplyQueue } from './reply-queue.ts'
import { Stateful } from './stateful.ts'
import type { Traffic } from './traffic.ts'

/** Slot of what runs on a private connection: no hold of shared requests may count it in. */
const PRIVATE = -2

const plan: Plan = emptyPlan()

/** Sees to the requests of one client: sends each on its way through the router, or has it answered here. */
export class Dispatcher {
  readonly #client: DispatcherOwner
  readonly #services: ClientServices
  readonly #traffic: Traffic
  readonly #intake: Intake
  readonly #replies: ReplyQueue
  /** Made with the first command that needs it. */
  #stateful: Stateful | undefined
  #sequence = 0
  /** The command that waits for the end of a pause. */
  #paused: CommandSpec | undefined
  /** Requests that begin when they are the oldest; made with the first. */
  #waiting: OldestFirst | undefined

  constructor(
    client: DispatcherOwner,
    services: ClientServices,
    intake: Intake,
    replies: ReplyQueue
  ) {
    this.#client = client
    this.#services = services
    this.#traffic = services.traffic
    client.session.multiplexing = services.multiplexing
    this.#intake = intake
    this.#replies = replies
  }

  /** The bytes are no request: says so, in the server's words. The connection must end. */
  refuseStream(error: string): void {
    // The reader's text has one character for each byte that it quotes.
    const text = Buffer.from(`ERR Protocol error: ${error}`, 'latin1')
    this.#answer(undefined, { ...frameRequest([]), end: 0 }, new ErrorReply(text), false)
  }

  /** Sees to one request: sends it on its way, or answers it. */
  handle(view: RequestView): void {
    const traffic = this.#traffic
    const client = this.#client
    traffic.totals.commands++
    client.totalCommands++
    const spec = traffic.catalogue.find(view) ?? ownSpec(view)
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
    if (traffic.pause.on && this.#putOff(view, spec)) return
    this.#carryOut(view, spec)
  }

  #carryOut(view: RequestView, spec: CommandSpec): void {
    const { monitors } = this.#traffic
    if (monitors.on) monitors.show(spec, view, this.#client.remoteAddress)
    if (this.#stateful?.intercept(view, spec) === true) return
    const { reader } = this.#client
    // What is read while keys are watched, in parts too, must not be older than the watch.
    if (reader !== undefined) reader.pinned = this.#stateful?.watching === true
    const kind = decide(view, spec, this.#client.session.protocol, this.#services, plan)
    if (kind === LOCAL) this.#local(view, spec)
    else if (kind === REFUSED) this.#refuse(spec, view, plan.error)
    else if (kind === IN_PARTS) this.#inParts(view, spec)
    else if (kind === ALL_MASTERS) this.#toAllMasters(view, spec)
    else if (kind === TRANSACTION) this.#makeStateful().take(view, spec, plan.slot)
    else if (kind === BLOCKING) this.#makeStateful().block(view, spec, plan.slot)
    else if (kind === AWAITED) this.#makeStateful().await(view, spec, plan.awaited!)
    else if (kind === SUBSCRIPTION) this.#makeStateful().subscriptions.take(view, spec)
    else this.#forward(view, spec, plan.slot)
  }

  /** Whether a request waits for the end of a pause. Until then it stays where it was found, and nothing behind it is read. */
  #putOff(view: RequestView, spec: CommandSpec): boolean {
    const writes = spec.name === 'exec' && this.#stateful?.writes === true
    if (!arityFits(spec, view.argc) || !this.#traffic.pause.holds(spec, writes)) return false
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
    const { account } = this.#client.session
    if (account !== undefined && this.#denied(request, spec, account)) return
    if (!this.#traffic.pause.on || !this.#putOff(request, spec)) this.#carryOut(request, spec)
  }

  /** Whether the next request waits for the end of a pause. */
  get paused(): boolean {
    return this.#paused !== undefined
  }

  #forward(view: RequestView, spec: CommandSpec, slot: number): void {
    if (spec.keyShape === KEY_SEARCH) this.#services.noteScript(spec, view)
    const request = this.#sent(view, spec, slot)
    // What is published to one channel goes by one node, which keeps the order.
    if (slot < 0 && spec.pubsub && view.argc > 1)
      request.makeDetour().anchor = keySlot(view.buffer, view.offsets[2]!, view.offsets[3]!)
    this.#traffic.router.dispatch(request)
  }

  #makeStateful(): Stateful {
    this.#stateful ??= new Stateful({
      client: this.#client,
      services: this.#services,
      place: (view, spec) => this.#sent(view, spec, PRIVATE),
      answer: (spec, view, reply) => this.#answer(spec, view, reply),
      refuse: (spec, view, error) => this.#refuse(spec, view, error),
      whenOldest: (request, begin) => this.#whenOldest(request, begin),
      stop: () => this.#intake.stop(STOP.private),
      go: () => this.#client.go(STOP.private),
      follow: () => this.follow(),
    })
    return this.#stateful
  }

  /** What the client has beyond single commands; undefined for most. */
  get stateful(): Stateful | undefined {
    return this.#stateful
  }

  #whenOldest(request: Request, begin: () => void): void {
    this.#waiting ??= new OldestFirst(this.#replies)
    this.#waiting.add(request, begin)
  }

  #inParts(view: RequestView, spec: CommandSpec): void {
    const step = plan.step!
    plan.step = undefined
    this.#traffic.router.carryOut(this.#sent(view, spec, -1), step)
  }

  #toAllMasters(view: RequestView, spec: CommandSpec): void {
    this.#services.noteScript(spec, view)
    const fanOut = plan.fanOut!
    plan.fanOut = undefined
    const request = this.#sent(view, spec, -1)
    this.#afterOlder(request, () => this.#traffic.router.fanOut(request, fanOut))
  }

  /** Begins what concerns all slots. While some of the client's slots are moving it waits until all older requests are answered. */
  #afterOlder(request: Request, begin: () => void): void {
    if (this.#client.holds === undefined || this.#replies.oldest === request) begin()
    else {
      this.#intake.stop(STOP.order)
      this.#whenOldest(request, () => {
        begin()
        this.#client.go(STOP.order)
      })
    }
  }

  /** A request that goes to nodes, in its place in the order of replies. */
  #sent(view: RequestView, spec: CommandSpec, slot: number): Request {
    const request = this.#request(view, spec, slot, true)
    request.silent = this.#client.session.silenced()
    return request
  }

  #request(view: RequestView, spec: CommandSpec | undefined, slot: number, sent: boolean): Request {
    const { router, observed } = this.#traffic
    const request = new Request(view, spec, slot, this.#client, router)
    request.sequence = this.#sequence++
    if (observed) request.readAt = performance.now()
    this.#replies.push(request)
    const { tracking } = this.#client.session
    if (tracking !== undefined && spec !== undefined)
      tracking.begin(request, view, spec, { sent, queueing: this.#stateful?.queueing === true })
    return request
  }

  #unknown(view: RequestView): void {
    this.#stateful?.flaw()
    if (isHttp(view)) this.#client.abort('an HTTP request')
    else this.#answer(undefined, view, unknownCommand(view))
  }

  /** Refuses what the user may not do. */
  #denied(view: RequestView, spec: CommandSpec, account: Account): boolean {
    const refusal = this.#services.denials.refusal(this.#client, account, spec, view)
    if (refusal !== undefined) this.#refuse(spec, view, refusal)
    return refusal !== undefined
  }

  #refuse(spec: CommandSpec, view: RequestView, error: string | Buffer): void {
    this.#stateful?.flaw()
    if (spec.name === 'exec') this.#makeStateful().refuseExec(view, spec, String(error))
    else this.#answer(spec, view, new ErrorReply(error))
  }

  #local(view: RequestView, spec: CommandSpec): void {
    const handler = handlerFor(spec, this.#client.session)
    if (handler === undefined) {
      this.#refuse(spec, view, replyText.unsupported(spec.name))
      return
    }
    const { session } = this.#client
    if (spec.name === 'monitor') this.#makeStateful()
    if (this.#stateful?.awaitsOlder(spec) === true && arityFits(spec, view.argc)) {
      this.#localAfterOlder(view, spec, handler)
      return
    }
    const before = session.replyMode
    const args = argumentsOf(view)
    const value = handler({ args, client: this.#client, session, services: this.#services })
    this.follow()
    if (value === NO_REPLY) return
    // CLIENT REPLY ON and RESET are answered although what came before them was not to be; SKIP silences RESET, too.
    const skipped = before === 'skip' && spec.name === 'reset'
    const silent = skipped || (session.replyMode === before && session.silenced())
    if (value instanceof Promise) void this.#settle(spec, view, value, silent)
    else this.#answer(spec, view, value, silent)
  }

  /** A command that changes how the client is spoken to: the replies that are owed come first. */
  #localAfterOlder(view: RequestView, spec: CommandSpec, handler: LocalHandler): void {
    const client = this.#client
    const args = argumentsOf(view)
    this.#stateful!.afterOlder(view, spec, () => {
      const value = handler({ args, client, session: client.session, services: this.#services })
      if (value instanceof Promise) return this.#followed(value)
      this.follow()
      return value as ReplyValue
    })
  }

  /** What a command that takes time comes to, errors included. */
  async #followed(value: Promise<ReplyValue>): Promise<ReplyValue> {
    const settled = await value.catch((error: Error) => new ErrorReply(`ERR ${error.message}`))
    this.follow()
    return settled
  }

  /** What a local command may have changed in the session and matters here. */
  follow(): void {
    this.#intake.authenticated = this.#client.session.authenticated
    this.#followReads()
    const { lane, tracking } = this.#client.session
    if (lane === this.#client.lane) return
    // What was begun as one user, or in one version, must not be ended as another.
    if (plainLane(lane) !== plainLane(this.#client.lane)) this.#stateful?.leave()
    if (tracking !== undefined) this.#services.invalidations.place(tracking)
    this.#client.lane = lane
    this.#stopForOlder()
  }

  /** Two lanes are two connections, and so are two nodes: what is sent next could overtake what is in flight. */
  #stopForOlder(): void {
    if (this.#replies.length > 0) this.#intake.stop(STOP.lane)
  }

  #followReads(): void {
    const client = this.#client
    const policy = client.session.readPolicy(this.#services.readFrom)
    if (policy === (client.reader?.policy ?? 'master')) return
    this.#stopForOlder()
    client.reader = readerFor(policy, client.reader)
    if (client.reader !== undefined) this.#services.watchReplicas()
  }

  /** A local command that takes time keeps its place in the order, and nothing further is read meanwhile. */
  async #settle(
    spec: CommandSpec,
    view: RequestView,
    value: Promise<ReplyValue>,
    silent: boolean
  ): Promise<void> {
    const request = this.#request(view, spec, -1, false)
    request.silent = silent
    this.#intake.stop(STOP.local)
    const settled = await this.#followed(value)
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
    silent: boolean = this.#client.session.silenced()
  ): void {
    const request = this.#request(view, spec, -1, false)
    request.silent = silent
    const bytes = encodeReply(value, this.#client.session.protocol)
    this.#client.deliver(request, bytes, 0, bytes.length)
  }

  /** A reply was handed out: what waited to be the oldest may be. */
  onDelivered(): void {
    if (this.#waiting !== undefined) this.#waiting.onDelivered()
  }
}
