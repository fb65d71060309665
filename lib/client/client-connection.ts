import type { Duplex } from 'node:stream'
import Denque from 'denque'
import type { Lane } from '../cluster/lane.ts'
import { LANES } from '../cluster/node.ts'
import { arityFits, type CommandSpec } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { Batch } from '../resp/batch.ts'
import { ErrorReply, encodeReply, type ReplyValue } from '../resp/encode.ts'
import { argumentsOf, BROKEN, MORE, RequestReader, type RequestView } from '../resp/request-reader.ts'
import { decide, LOCAL, type Plan, REFUSED } from '../router/plan.ts'
import { Request, type RequestOwner } from '../router/request.ts'
import type { SlotHold } from '../router/slot-hold.ts'
import type { ClientServices } from './client-services.ts'
import { type LocalClient, NO_REPLY } from './commands/local.ts'
import { NOT_AUTHENTICATED } from './commands/refusal.ts'
import { localHandler } from './commands/registry.ts'
import { isHttp, unknownCommand } from './commands/unknown.ts'
import { type Endpoints, endpoints } from './endpoints.ts'
import { Session } from './session.ts'

/** Why the next requests of a client are left unread; several reasons may hold at once. */
const IN_FLIGHT = 1
const OUTPUT = 2
const NODE = 4
const LOCAL_CALL = 8
const MEMORY = 16
const CLOSING = 32

/** Bytes are read and answered; earlier replies are still being written; nothing happens any more. It only moves on. */
export type ClientState = 'open' | 'ending' | 'closed'

const plan: Plan = { kind: LOCAL, slot: -1, error: '' }
const EMPTY: Buffer = Buffer.alloc(0)
/** Why a client that does not read is disconnected. */
const OVER_LIMIT = 'the replies that wait for it exceed clientOutputLimit'
/** Milliseconds for a client to close its side after ours is closed. */
const LAST_WAIT = 1000
/** What answers without a request are made of. */
const NO_VIEW: RequestView = { buffer: EMPTY, start: 0, end: 0, argc: 0, offsets: new Int32Array(0) }

/**
 * One connected application: requests in, their replies out in the same order.
 *
 * ```
 * bytes -> RequestReader -> decide -> pending (order of replies) -> Router -> ... node ...
 *                              \-> local command                       |
 * bytes <- Batch <---------- oldest pending first <---------------- deliver
 * ```
 */
export class ClientConnection implements RequestOwner, LocalClient {
  readonly session: Session
  lane: number = LANES.resp2
  holds: Map<number, SlotHold> | undefined = undefined
  lastCommand = ''
  totalBytesRead = 0
  totalBytesWritten = 0
  totalCommands = 0
  readonly #stream: Duplex
  readonly #services: ClientServices
  readonly #reader: RequestReader
  readonly #out: Batch
  /** Oldest first: every request whose reply is not in the batch yet. */
  readonly #pending: Denque<Request> = new Denque()
  readonly #endpoints: Endpoints
  #state: ClientState = 'open'
  /** Reasons to leave the next requests unread, as bits. */
  #stopped = 0
  /** Whether requests are being read just now, so that more replies may follow in this turn. */
  #reading = false
  #dirty = false
  #sequence = 0
  /** Bytes of replies that wait for older ones. */
  #heldBytes = 0
  /** Chunks that came although the stream was paused. */
  readonly #unread: Buffer[] = []
  #heardAt: number
  #reason: string | undefined

  constructor(stream: Duplex, services: ClientServices, id: number) {
    this.#stream = stream
    this.#services = services
    this.session = new Session(id, services.password === undefined)
    this.#reader = new RequestReader({ maxBulkLength: services.maxBulkLength })
    this.#reader.authenticated = this.session.authenticated
    this.#endpoints = endpoints(stream, services.announce, services.listening)
    this.#out = new Batch(this.#endpoints.reuse)
    this.#heardAt = services.clock.now
    stream.on('data', (chunk: Buffer) => this.#onData(chunk))
    stream.on('end', () => this.closeAfterReplies())
    stream.on('drain', () => this.#go(OUTPUT))
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
    return Date.now() - (this.#services.clock.now - this.#heardAt)
  }

  get pendingRequests(): number {
    return this.#pending.length
  }

  get inputBytes(): number {
    return this.#reader.pendingBytes
  }

  get outputBytes(): number {
    return this.#out.size + this.#stream.writableLength + this.#heldBytes
  }

  get gone(): boolean {
    return this.#state === 'closed'
  }

  *outstanding(): Iterable<Request> {
    for (let i = 0; i < this.#pending.length; i++) yield this.#pending.peekAt(i)!
  }

  // Requests in

  #onData(chunk: Buffer): void {
    this.totalBytesRead += chunk.length
    this.#services.totals.bytesRead += chunk.length
    this.#heardAt = this.#services.clock.now
    if (this.#stopped !== 0) {
      if (this.#state === 'open') this.#unread.push(chunk)
      return
    }
    this.#reader.feed(chunk)
    this.#read()
  }

  #read(): void {
    const reader = this.#reader
    this.#reading = true
    while (this.#stopped === 0) {
      const found = reader.next()
      if (found === MORE) {
        const chunk = this.#unread.shift()
        if (chunk === undefined) break
        reader.feed(chunk)
      } else if (found === BROKEN) {
        this.#reason = `protocol error: ${reader.error}`
        this.#answer(undefined, NO_VIEW, new ErrorReply(`ERR Protocol error: ${reader.error}`), false)
        this.closeAfterReplies()
      } else {
        this.#handle(reader.request)
        if (this.#pending.length >= this.#services.maxPipeline) this.#stop(IN_FLIGHT)
      }
    }
    this.#reading = false
    if (this.#state === 'ending' && this.#pending.length === 0) this.#end()
  }

  #handle(view: RequestView): void {
    const services = this.#services
    services.totals.commands++
    this.totalCommands++
    const spec = services.catalogue.find(view)
    if (spec === undefined) return this.#unknown(view)
    this.lastCommand = spec.name
    if (!this.session.authenticated && !spec.flags.has('no_auth')) {
      const fits = arityFits(spec, view.argc)
      const error = fits ? NOT_AUTHENTICATED : new ErrorReply(replyText.wrongArity(spec.name))
      return this.#answer(spec, view, error, this.#silenced())
    }
    decide(view, spec, plan)
    if (plan.kind === LOCAL) this.#local(view, spec)
    else if (plan.kind === REFUSED) this.#answer(spec, view, new ErrorReply(plan.error), this.#silenced())
    else this.#forward(view, spec, plan.slot)
  }

  #forward(view: RequestView, spec: CommandSpec, slot: number): void {
    const request = this.#request(view, spec, slot)
    request.silent = this.#silenced()
    this.#pending.push(request)
    this.#services.router.dispatch(request)
  }

  #request(view: RequestView, spec: CommandSpec | undefined, slot: number): Request {
    const services = this.#services
    const request = new Request(view, spec, slot, this, services.router)
    request.sequence = this.#sequence++
    if (services.observed) request.readAt = performance.now()
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
    if (isHttp(view)) this.#abort('an HTTP request')
    else this.#answer(undefined, view, unknownCommand(view), this.#silenced())
  }

  // Commands answered here

  #local(view: RequestView, spec: CommandSpec): void {
    const handler = localHandler(spec)
    if (handler === undefined) {
      this.#answer(spec, view, new ErrorReply(replyText.unsupported(spec.name)), this.#silenced())
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
    if (value instanceof Promise) this.#await(spec, view, value, silent)
    else this.#answer(spec, view, value, silent)
  }

  /** What a local command may have changed in the session and matters here. */
  #follow(): void {
    this.#reader.authenticated = this.session.authenticated
    this.lane = this.session.protocol === 3 ? LANES.resp3 : LANES.resp2
  }

  /** A local command that takes time keeps its place in the order, and nothing further is read meanwhile. */
  #await(spec: CommandSpec, view: RequestView, value: Promise<ReplyValue>, silent: boolean): void {
    const request = this.#request(view, spec, -1)
    request.silent = silent
    this.#pending.push(request)
    this.#stop(LOCAL_CALL)
    value
      .catch((error: Error) => new ErrorReply(`ERR ${error.message}`))
      .then((settled) => {
        this.#follow()
        const bytes = encodeReply(settled, this.session.protocol)
        this.deliver(request, bytes, 0, bytes.length)
        this.#go(LOCAL_CALL)
      })
  }

  /** Answers at once, in its turn. */
  #answer(spec: CommandSpec | undefined, view: RequestView, value: ReplyValue, silent: boolean): void {
    const request = this.#request(view, spec, -1)
    request.silent = silent
    this.#pending.push(request)
    const bytes = encodeReply(value, this.session.protocol)
    this.deliver(request, bytes, 0, bytes.length)
  }

  // Replies out

  deliver(request: Request, buffer: Buffer, start: number, end: number): void {
    if (this.#state === 'closed') return
    const pending = this.#pending
    if (request.readAt !== 0) this.#services.observe(this, request, buffer, start, end)
    if (pending.peekFront() !== request) return this.#keep(request, buffer, start, end)
    pending.shift()
    if (!request.silent) this.#out.append(buffer, start, end)
    let next = pending.peekFront()
    while (next !== undefined && next.reply !== undefined) {
      this.#heldBytes -= next.reply.length
      this.#out.append(next.reply, 0, next.reply.length)
      pending.shift()
      next = pending.peekFront()
    }
    if (next === undefined && !this.#reading) this.#flushLast()
    else if (!this.#dirty) {
      this.#dirty = true
      this.#services.turn.add(this)
    }
    if ((this.#stopped & IN_FLIGHT) !== 0 && pending.length <= this.#services.maxPipeline / 2) {
      this.#go(IN_FLIGHT)
    }
  }

  /** Keeps a reply until all older ones are there. */
  #keep(request: Request, buffer: Buffer, start: number, end: number): void {
    request.reply = request.silent ? EMPTY : Buffer.from(buffer.subarray(start, end))
    this.#heldBytes += request.reply.length
    if (this.#heldBytes > this.#services.clientOutputLimit) this.#abort(OVER_LIMIT)
  }

  /** Nothing is awaited, so no later reply can join what is written now: the turn need not be waited for. */
  #flushLast(): void {
    if (!this.#dirty) this.flush()
    if (this.#state === 'ending') this.#end()
  }

  flush(): void {
    this.#dirty = false
    if (this.#state === 'closed' || this.#out.size === 0) return
    const stream = this.#stream
    this.totalBytesWritten += this.#out.size
    this.#services.totals.bytesWritten += this.#out.size
    this.#out.flush(stream)
    const { clientOutputPause, clientOutputLimit } = this.#services
    if (stream.writableLength <= clientOutputPause) return
    if (stream.writableLength + this.#heldBytes > clientOutputLimit) this.#abort(OVER_LIMIT)
    else this.#stop(OUTPUT)
  }

  // Stopping and going on

  onCongested(lane: Lane): void {
    if ((this.#stopped & NODE) !== 0) return
    this.#stop(NODE)
    lane.onceDrained(() => this.#go(NODE))
  }

  /** Leaves further requests unread while all clients together have too much buffered. A half read request goes on. */
  limitMemory(over: boolean): void {
    if (!over) this.#go(MEMORY)
    else if (this.#reader.pendingBytes === 0) this.#stop(MEMORY)
  }

  #stop(reason: number): void {
    if (this.#stopped === 0) this.#stream.pause()
    this.#stopped |= reason
  }

  #go(reason: number): void {
    if ((this.#stopped & reason) === 0) return
    this.#stopped &= ~reason
    if (this.#stopped !== 0 || this.#reading) return
    this.#read()
    if (this.#stopped === 0) this.#stream.resume()
  }

  // The end

  /** Looks at the time limits. */
  check(): void {
    const { clock, requestTimeout, idleTimeout } = this.#services
    const quiet = clock.now - this.#heardAt
    if (this.#stream.writableEnded) {
      const left = this.#stream.writableFinished ? LAST_WAIT : requestTimeout
      if (quiet > left) this.#stream.destroy()
      return
    }
    if (this.#state !== 'open' || this.#stopped !== 0 || this.#pending.length > 0) return
    if (this.#reader.pendingBytes > 0 && quiet > requestTimeout) this.#abort('requestTimeout')
    else if (idleTimeout > 0 && quiet > idleTimeout) this.#abort('idleTimeout')
  }

  closeAfterReplies(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#stop(CLOSING)
    if (!this.#reading && this.#pending.length === 0) this.#end()
  }

  kill(): void {
    this.#abort('killed')
  }

  #end(): void {
    if (this.#state !== 'ending') return
    this.flush()
    this.#heardAt = this.#services.clock.now
    this.#stream.end()
    // What the client still sends is dropped; left unread it would turn the close into a reset, which may eat the last reply.
    this.#stream.resume()
  }

  #abort(reason: string): void {
    this.#reason ??= reason
    this.#stream.destroy()
    this.#close(reason)
  }

  #close(reason: string | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#stopped |= CLOSING
    this.#stream.destroy()
    this.#out.clear()
    this.#pending.clear()
    this.#unread.length = 0
    this.#services.onClosed(this, this.#reason ?? reason)
  }
}
