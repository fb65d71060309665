import type { Duplex } from 'node:stream'
import type { Lane } from '../cluster/lane.ts'
import { LANES } from '../cluster/lanes.ts'
import { arityFits, type CommandSpec } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { Batch } from '../resp/batch.ts'
import { ErrorReply, encodeReply, type ReplyValue } from '../resp/encode.ts'
import { argumentsOf, BROKEN, MORE, type RequestView } from '../resp/request-reader.ts'
import type { Step } from '../router/composite.ts'
import type { FanOut } from '../router/fan-out.ts'
import { ALL_MASTERS, decide, IN_PARTS, LOCAL, type Plan, REFUSED } from '../router/plan.ts'
import { Reader } from '../router/reader.ts'
import { Request, type RequestHold, type RequestOwner } from '../router/request.ts'
import type { ClientServices } from './client-services.ts'
import { type LocalClient, NO_REPLY } from './commands/local.ts'
import { NOT_AUTHENTICATED } from './commands/refusal.ts'
import { localHandler } from './commands/registry.ts'
import { isHttp, unknownCommand } from './commands/unknown.ts'
import { type Endpoints, endpoints } from './endpoints.ts'
import { Intake, STOP } from './intake.ts'
import { ReplyQueue } from './reply-queue.ts'
import { Session } from './session.ts'

/** Requests are read and answered; the last replies are on their way; nothing happens any more. It only moves on. */
export type ClientState = 'open' | 'ending' | 'closed'

const plan: Plan = { slot: -1, error: '', step: undefined, fanOut: undefined }
/** What an answer without a request is made of. */
const NO_VIEW: RequestView = {
  buffer: Buffer.alloc(0),
  start: 0,
  end: 0,
  argc: 0,
  offsets: new Int32Array(0),
}
/** Why a client that does not read is disconnected. */
const OVER_LIMIT = 'the replies that wait for it exceed clientOutputLimit'
/** Milliseconds for a client to close its side after ours is closed. */
const LAST_WAIT = 1000

/**
 * One connected application: requests in, their replies out in the same order.
 *
 * ```
 * bytes -> Intake -> decide ----> Router -> ... node ... -+
 *                      \--> local command ----------------+--> deliver
 * bytes <- Batch <- ReplyQueue <------------------------------/
 * ```
 */
export class ClientConnection implements RequestOwner, LocalClient {
  readonly session: Session
  lane: number = LANES.resp2
  holds: Map<number, RequestHold> | undefined = undefined
  reader: Reader | undefined = undefined
  lastCommand = ''
  totalBytesRead = 0
  totalBytesWritten = 0
  totalCommands = 0
  readonly #stream: Duplex
  readonly #services: ClientServices
  readonly #endpoints: Endpoints
  readonly #intake: Intake
  readonly #out: Batch
  readonly #replies: ReplyQueue
  #state: ClientState = 'open'
  /** Whether requests are being read just now, so that more replies may follow in this turn. */
  #reading = false
  #dirty = false
  #inputEnded = false
  #sequence = 0
  #activeAt: number
  #reason: string | undefined
  /** A request that begins when it is the oldest. */
  #waiting: { readonly request: Request; readonly begin: () => void } | undefined

  constructor(stream: Duplex, services: ClientServices, id: number) {
    this.#stream = stream
    this.#services = services
    this.session = new Session(id, services.password === undefined)
    this.#endpoints = endpoints(stream, services.announced, services.listening)
    this.#intake = new Intake(stream, services.maxBulkLength)
    this.#intake.authenticated = this.session.authenticated
    this.#out = new Batch(this.#endpoints.reuse)
    this.#replies = new ReplyQueue(this.#out)
    this.#activeAt = services.clock.now
    this.#followReads()
    stream.on('data', (chunk: Buffer) => this.#onData(chunk))
    stream.on('end', () => this.#onEnd())
    stream.on('drain', () => this.#go(STOP.output))
    stream.on('error', (error: Error) => this.#close(error.message))
    stream.on('close', () => this.#close(undefined))
  }

  get remoteAddress(): string {
    return this.#endpoints.remote
  }

  get localAddress(): string {
    return this.#endpoints.local
  }

  get advertised(): { readonly host: string; readonly port: number } {
    return this.#endpoints.advertised
  }

  get lastActiveAt(): number {
    return Date.now() - (this.#services.clock.now - this.#activeAt)
  }

  get pendingRequests(): number {
    return this.#replies.length
  }

  get inputBytes(): number {
    return this.#intake.pendingBytes
  }

  get outputBytes(): number {
    return this.#out.size + this.#stream.writableLength + this.#replies.heldBytes
  }

  /** What it has buffered in both directions. */
  get bufferedBytes(): number {
    return this.inputBytes + this.outputBytes
  }

  get gone(): boolean {
    return this.#state === 'closed'
  }

  outstanding(): Iterable<Request> {
    return this.#replies.requests()
  }

  // Requests in

  #onData(chunk: Buffer): void {
    this.totalBytesRead += chunk.length
    this.#services.totals.bytesRead += chunk.length
    // Who goes on sending after the end must not put it off.
    if (this.#state === 'open') this.#activeAt = this.#services.clock.now
    this.#intake.feed(chunk)
    if (this.#intake.stopped === 0) this.#read()
  }

  /** The client sends no more; what it sent before may still wait to be looked at. */
  #onEnd(): void {
    this.#inputEnded = true
    if (this.#intake.stopped === 0) this.closeAfterReplies()
  }

  #read(): void {
    const intake = this.#intake
    const { maxPipeline } = this.#services
    this.#reading = true
    while (intake.stopped === 0) {
      const found = intake.next()
      if (found === MORE) break
      if (found === BROKEN) this.#protocolError(intake.error)
      else this.#handle(intake.request)
      if (this.#replies.length >= maxPipeline) intake.stop(STOP.pipeline)
    }
    this.#reading = false
    if (this.#inputEnded && intake.stopped === 0) this.closeAfterReplies()
    else if (this.#state === 'ending' && this.#replies.length === 0) this.#end()
  }

  #protocolError(error: string): void {
    this.#reason = `protocol error: ${error}`
    // The reader's text has one character for each byte that it quotes.
    const text = Buffer.from(`ERR Protocol error: ${error}`, 'latin1')
    this.#answer(undefined, NO_VIEW, new ErrorReply(text), false)
    this.closeAfterReplies()
  }

  #handle(view: RequestView): void {
    const services = this.#services
    services.totals.commands++
    this.totalCommands++
    const spec = services.catalogue.find(view)
    if (spec === undefined) {
      this.#unknown(view)
      return
    }
    this.lastCommand = spec.name
    if (!this.session.authenticated && !spec.flags.has('no_auth')) {
      const fits = arityFits(spec, view.argc)
      this.#refuse(spec, view, fits ? NOT_AUTHENTICATED.text : replyText.wrongArity(spec.name))
      return
    }
    const kind = decide(view, spec, this.session.protocol, services, plan)
    if (kind === LOCAL) this.#local(view, spec)
    else if (kind === REFUSED) this.#refuse(spec, view, plan.error)
    else if (kind === IN_PARTS) this.#inParts(view, spec, plan.step!)
    else if (kind === ALL_MASTERS) this.#toAllMasters(view, spec, plan.fanOut!)
    else this.#forward(view, spec, plan.slot)
  }

  #forward(view: RequestView, spec: CommandSpec, slot: number): void {
    const request = this.#request(view, spec, slot)
    request.silent = this.#silenced()
    this.#services.router.dispatch(request)
  }

  #inParts(view: RequestView, spec: CommandSpec, step: Step): void {
    const request = this.#request(view, spec, -1)
    request.silent = this.#silenced()
    this.#services.router.carryOut(request, step)
  }

  #toAllMasters(view: RequestView, spec: CommandSpec, fanOut: FanOut): void {
    const request = this.#request(view, spec, -1)
    request.silent = this.#silenced()
    this.#afterOlder(request, () => this.#services.router.fanOut(request, fanOut))
  }

  /** Begins what concerns all slots. While some of the client's slots are moving it waits until all older requests are answered. */
  #afterOlder(request: Request, begin: () => void): void {
    if (this.holds === undefined || this.#replies.oldest === request) {
      begin()
      return
    }
    this.#waiting = { request, begin }
    this.#intake.stop(STOP.order)
  }

  /** A request in its place in the order of replies. */
  #request(view: RequestView, spec: CommandSpec | undefined, slot: number): Request {
    const services = this.#services
    const request = new Request(view, spec, slot, this, services.router)
    request.sequence = this.#sequence++
    if (services.observed) request.readAt = performance.now()
    this.#replies.push(request)
    return request
  }

  /** Whether the next reply is dropped (`CLIENT REPLY`); `SKIP` is used up by asking. */
  #silenced(): boolean {
    const { session } = this
    if (session.replyMode === 'on') return false
    if (session.replyMode === 'skip') session.replyMode = 'on'
    return true
  }

  #unknown(view: RequestView): void {
    if (isHttp(view)) this.abort('an HTTP request')
    else this.#answer(undefined, view, unknownCommand(view), this.#silenced())
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
    const { session } = this
    const before = session.replyMode
    const args = argumentsOf(view)
    const value = handler({ args, client: this, session, services: this.#services })
    this.#follow()
    if (value === NO_REPLY) return
    // CLIENT REPLY ON and RESET are answered although what came before them was not to be.
    const silent = session.replyMode === before && this.#silenced()
    if (value instanceof Promise) void this.#await(spec, view, value, silent)
    else this.#answer(spec, view, value, silent)
  }

  /** What a local command may have changed in the session and matters here. */
  #follow(): void {
    this.#intake.authenticated = this.session.authenticated
    this.#followReads()
    const lane = this.session.protocol === 3 ? LANES.resp3 : LANES.resp2
    if (lane === this.lane) return
    this.lane = lane
    // Two lanes are two connections: what goes over the new one could overtake what is in flight on the old one.
    if (this.#replies.length > 0) this.#intake.stop(STOP.lane)
  }

  /** A client that said READONLY prefers replicas, whatever the others do. */
  #followReads(): void {
    const { readFrom } = this.#services
    const policy = this.session.readonlyMode && readFrom === 'master' ? 'prefer-replica' : readFrom
    if (policy === (this.reader?.policy ?? 'master')) return
    this.reader = policy === 'master' ? undefined : new Reader(policy)
    if (this.reader !== undefined) this.#services.watchReplicas()
  }

  /** A local command that takes time keeps its place in the order, and nothing further is read meanwhile. */
  async #await(
    spec: CommandSpec,
    view: RequestView,
    value: Promise<ReplyValue>,
    silent: boolean
  ): Promise<void> {
    const request = this.#request(view, spec, -1)
    request.silent = silent
    this.#intake.stop(STOP.local)
    const settled = await value.catch((error: Error) => new ErrorReply(`ERR ${error.message}`))
    this.#follow()
    const bytes = encodeReply(settled, this.session.protocol)
    // Not delivered but finished: a hold of requests without keys may count it among those that are flying.
    request.finish(bytes, 0, bytes.length)
    this.#go(STOP.local)
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
    const bytes = encodeReply(value, this.session.protocol)
    this.deliver(request, bytes, 0, bytes.length)
  }

  // Replies out

  onPartAnswered(part: Request): void {
    if (this.reader !== undefined) this.#noteRead(this.reader, part)
  }

  deliver(request: Request, buffer: Buffer, start: number, end: number): void {
    if (this.#state === 'closed') return
    const services = this.#services
    const replies = this.#replies
    if (request.readAt !== 0) services.observe(this, request, buffer, start, end)
    if (this.reader !== undefined) this.#noteRead(this.reader, request)
    replies.settle(request, buffer, start, end)
    if (replies.length === 0 && !this.#reading) this.#flushLast()
    else if (!this.#dirty) {
      this.#dirty = true
      services.turn.add(this)
    }
    if (replies.heldBytes > services.clientOutputLimit) this.abort(OVER_LIMIT)
    if (this.#waiting !== undefined && replies.oldest === this.#waiting.request)
      this.#beginWaiting()
    const { stopped } = this.#intake
    if (stopped === 0) return
    if ((stopped & STOP.pipeline) !== 0 && replies.length <= services.maxPipeline / 2)
      this.#go(STOP.pipeline)
    if ((stopped & STOP.lane) !== 0 && replies.length === 0) this.#go(STOP.lane)
  }

  #beginWaiting(): void {
    const { begin } = this.#waiting!
    this.#waiting = undefined
    begin()
    this.#go(STOP.order)
  }

  #noteRead(reader: Reader, { slot, replica, spec }: Request): void {
    if (replica !== undefined) reader.pendingReads--
    else if (slot >= 0 && spec?.readonly !== true) reader.wrote(slot, this.#services.clock.now)
  }

  /** Nothing is awaited, so no later reply can join what is written now: the turn need not be waited for. */
  #flushLast(): void {
    if (!this.#dirty) this.flush()
    if (this.#state === 'ending') this.#end()
  }

  /** Writes the replies that have gathered. */
  flush(): void {
    this.#dirty = false
    const { size } = this.#out
    if (this.#state === 'closed' || size === 0) return
    const stream = this.#stream
    const { clock, totals, clientOutputPause, clientOutputLimit } = this.#services
    this.totalBytesWritten += size
    totals.bytesWritten += size
    this.#activeAt = clock.now
    this.#out.flush(stream)
    if (stream.writableLength <= clientOutputPause) return
    if (stream.writableLength + this.#replies.heldBytes > clientOutputLimit) this.abort(OVER_LIMIT)
    // Without the need there would be no 'drain' to go on at: the stream may hold more than the limit before it complains.
    else if (stream.writableNeedDrain) this.#intake.stop(STOP.output)
  }

  // Stopping and going on

  onCongested(lane: Lane): void {
    if ((this.#intake.stopped & STOP.node) !== 0) return
    this.#intake.stop(STOP.node)
    lane.onceDrained(() => this.#go(STOP.node))
  }

  /** Leaves further requests unread while all clients together have too much buffered. A half read request goes on. */
  limitMemory(over: boolean): void {
    if (!over) this.#go(STOP.memory)
    else if (!this.#intake.halfRead) this.#intake.stop(STOP.memory)
  }

  #go(reason: number): void {
    const intake = this.#intake
    if (!intake.release(reason)) return
    if (!this.#reading) this.#read()
    if (intake.stopped === 0) this.#stream.resume()
  }

  // The end

  /** Looks at the time limits. */
  check(): void {
    const { clock, requestTimeout, idleTimeout } = this.#services
    const quiet = clock.now - this.#activeAt
    if (this.#stream.writableEnded) {
      if (quiet > (this.#stream.writableFinished ? LAST_WAIT : requestTimeout))
        this.#stream.destroy()
      return
    }
    if (this.#state !== 'open' || this.#intake.stopped !== 0 || this.#replies.length > 0) return
    if (this.#intake.halfRead && quiet > requestTimeout) this.abort('requestTimeout')
    else if (idleTimeout > 0 && quiet > idleTimeout) this.abort('idleTimeout')
  }

  closeAfterReplies(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#intake.stop(STOP.closing)
    if (!this.#reading && this.#replies.length === 0) this.#end()
  }

  kill(): void {
    this.abort('killed')
  }

  /** Ends the connection at once, for a reason of the proxy's. */
  abort(reason: string): void {
    this.#reason ??= reason
    this.#close(reason)
  }

  #end(): void {
    if (this.#state !== 'ending' || this.#stream.writableEnded) return
    this.flush()
    this.#activeAt = this.#services.clock.now
    this.#stream.end()
    // What the client still sends is dropped; left unread it would turn the close into a reset, which may eat the last reply.
    this.#stream.resume()
  }

  #close(reason: string | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#intake.stop(STOP.closing)
    this.#stream.destroy()
    this.#out.clear()
    this.#replies.clear()
    this.#intake.clear()
    this.#services.onClosed(this, this.#reason ?? reason)
  }
}
