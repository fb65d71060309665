import type { Duplex } from 'node:stream'
import type { Lane } from '../cluster/lane.ts'
import { LANES } from '../cluster/lanes.ts'
import { Batch } from '../resp/batch.ts'
import { BROKEN, MORE } from '../resp/request-reader.ts'
import type { Reader } from '../router/reader.ts'
import type { Request, RequestHold } from '../router/request.ts'
import type { Account } from './access/account.ts'
import type { ClientServices } from './client-services.ts'
import { stopTracking } from './commands/client-tracking.ts'
import { enter } from './commands/credential.ts'
import { Dispatcher } from './dispatcher.ts'
import type { DispatcherOwner } from './dispatcher-owner.ts'
import { type Endpoints, endpoints } from './endpoints.ts'
import { Intake, STOP } from './intake.ts'
import { type Moving, movingPush } from './moving.ts'
import { readInto } from './reading.ts'
import { ReplyQueue } from './reply-queue.ts'
import { Session } from './session.ts'
import { NO_SUBSCRIPTIONS, type SubscriptionCounts } from './subscriptions.ts'
import type { Traffic } from './traffic.ts'
import { WrittenMasters } from './written-masters.ts'

/** Requests are read and answered; the last replies are on their way; nothing happens any more. It only moves on. */
export type ClientState = 'open' | 'ending' | 'closed'

/** Why a client that does not read is disconnected. */
const OVER_LIMIT = 'the replies that wait for it exceed clientOutputLimit'
/** Milliseconds for a client to close its side after ours is closed. */
const LAST_WAIT = 1000

/**
 * One connected application: requests in, their replies out in the same order.
 *
 * ```
 * bytes -> Intake -> Dispatcher -> Router -> ... node ... -+
 *                           \--> local command ------------+--> deliver
 * bytes <- Batch <- ReplyQueue <------------------------------/
 * ```
 */
export class ClientConnection implements DispatcherOwner {
  readonly session: Session
  lane: number = LANES.resp2
  holds: Map<number, RequestHold> | undefined = undefined
  reader: Reader | undefined = undefined
  readonly written: WrittenMasters = new WrittenMasters()
  lastCommand = ''
  totalBytesRead = 0
  totalBytesWritten = 0
  totalCommands = 0
  readonly #stream: Duplex
  readonly #services: ClientServices
  readonly #traffic: Traffic
  readonly #endpoints: Endpoints
  readonly #intake: Intake
  readonly #out: Batch
  readonly #replies: ReplyQueue
  readonly #dispatcher: Dispatcher
  #state: ClientState = 'open'
  /** Whether requests are being read just now, so that more replies may follow in this turn. */
  #reading = false
  #dirty = false
  #inputEnded = false
  #activeAt: number
  #reason: string | undefined

  constructor(stream: Duplex, services: ClientServices, id: number) {
    this.#stream = stream
    this.#services = services
    this.#traffic = services.traffic
    this.session = new Session(id)
    enter(this.session, services)
    const { announced, listening } = services
    this.#endpoints = endpoints(stream, announced, listening, services.originOf(stream))
    this.#intake = new Intake(stream, services.maxBulkLength, (length) => this.#onRead(length))
    this.#out = new Batch(this.#endpoints.reuse, true)
    this.#replies = new ReplyQueue(this.#out)
    this.#activeAt = services.clock.now
    this.#dispatcher = new Dispatcher(this, services, this.#intake, this.#replies)
    this.#dispatcher.follow()
    readInto(this.#intake, stream)
    stream.on('end', () => this.#onEnd())
    stream.on('drain', () => this.go(STOP.output))
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
    return Date.now() - (this.#traffic.clock.now - this.#activeAt)
  }

  get pendingRequests(): number {
    return this.#replies.length
  }

  get inputBytes(): number {
    return this.#intake.pendingBytes + (this.#dispatcher.stateful?.bytes ?? 0)
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

  get blocked(): boolean {
    return this.#dispatcher.stateful?.blocked === true
  }

  get paused(): boolean {
    return this.#dispatcher.paused
  }

  get queuedCommands(): number {
    return this.#dispatcher.stateful?.queued ?? -1
  }

  get subscriptions(): SubscriptionCounts {
    return this.#dispatcher.stateful?.subscriptionCounts ?? NO_SUBSCRIPTIONS
  }

  /** Whether an account may hear all that it is subscribed to. */
  suits(account: Account): boolean {
    return this.#dispatcher.stateful?.suits(account) !== false
  }

  async unblock(error: boolean): Promise<boolean> {
    return (await this.#dispatcher.stateful?.unblock(error)) === true
  }

  outstanding(): Iterable<Request> {
    return this.#replies.requests()
  }

  // Requests in

  #onRead(length: number): void {
    this.totalBytesRead += length
    this.#traffic.totals.bytesRead += length
    // Who goes on sending after the end must not put it off.
    if (this.#state === 'open') this.#activeAt = this.#traffic.clock.now
    if (this.#intake.stopped === 0) this.#read()
  }

  /** The client sends no more; what it sent before may still wait to be looked at. */
  #onEnd(): void {
    this.#inputEnded = true
    // Who leaves a blocking command must not be given what comes next.
    if (this.blocked || this.paused) this.#close(undefined)
    else if (this.#intake.stopped === 0) this.closeAfterReplies()
  }

  #read(): void {
    const intake = this.#intake
    const { maxPipeline } = this.#traffic
    this.#reading = true
    if (this.paused) this.#dispatcher.resume()
    while (intake.stopped === 0) {
      const found = intake.next()
      if (found === MORE) break
      if (found === BROKEN) {
        this.#reason = `protocol error: ${intake.error}`
        this.#dispatcher.refuseStream(intake.error)
        this.closeAfterReplies()
      } else this.#dispatcher.handle(intake.request)
      if (this.#replies.length >= maxPipeline) intake.stop(STOP.pipeline)
    }
    this.#reading = false
    if (this.#inputEnded && this.blocked) this.#close(undefined)
    else if (this.#inputEnded && intake.stopped === 0) this.closeAfterReplies()
    else if (this.#state === 'ending' && this.#replies.length === 0) this.#end()
  }

  // Replies out

  onPartAnswered(part: Request): void {
    if (this.reader !== undefined) this.reader.onAnswered(part, this.#traffic.clock.now)
    this.written.note(part)
  }

  deliver(request: Request, buffer: Buffer, start: number, end: number): void {
    if (this.#state === 'closed') return
    const traffic = this.#traffic
    const replies = this.#replies
    if (request.readAt !== 0) this.#services.observe(this, request, buffer, start, end)
    if (this.reader !== undefined) this.reader.onAnswered(request, traffic.clock.now)
    this.written.note(request)
    replies.settle(request, buffer, start, end)
    const { tracking } = this.session
    if (tracking !== undefined) tracking.end(request)
    if (replies.length === 0 && !this.#reading) this.#flushLast()
    else this.#flushSoon()
    if (replies.heldBytes > traffic.clientOutputLimit) this.abort(OVER_LIMIT)
    this.#dispatcher.onDelivered()
    const { stopped } = this.#intake
    if (stopped === 0) return
    if ((stopped & STOP.pipeline) !== 0 && replies.length <= traffic.maxPipeline / 2)
      this.go(STOP.pipeline)
    if ((stopped & STOP.lane) !== 0 && replies.length === 0) this.go(STOP.lane)
  }

  /** Sends what answers no request: between two replies, never within one. The bytes may be shared by many clients. */
  push(bytes: Buffer): void {
    if (this.#state !== 'open') return
    this.#out.append(bytes, 0, bytes.length)
    this.#flushSoon()
  }

  pushBehind(bytes: Buffer): void {
    if (this.#state !== 'open') return
    this.#replies.append(bytes)
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#dirty) return
    this.#dirty = true
    this.#traffic.turn.add(this)
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
    const { clock, totals, clientOutputPause, clientOutputLimit } = this.#traffic
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
    lane.onceDrained(() => this.go(STOP.node))
  }

  /** Leaves further requests unread while all clients together have too much buffered. A half read request goes on. */
  limitMemory(over: boolean): void {
    if (!over) this.go(STOP.memory)
    else if (!this.#intake.halfRead) this.#intake.stop(STOP.memory)
  }

  /** A reason to leave requests unread is gone. */
  go(reason: number): void {
    const intake = this.#intake
    if (!intake.release(reason)) return
    if (!this.#reading) this.#read()
    intake.flow()
  }

  // The end

  /** Looks at the time limits. */
  check(): void {
    const { requestTimeout, idleTimeout } = this.#services
    const quiet = this.#traffic.clock.now - this.#activeAt
    this.#dispatcher.stateful?.check()
    if (this.#stream.writableEnded) {
      if (quiet > (this.#stream.writableFinished ? LAST_WAIT : requestTimeout))
        this.#stream.destroy()
      return
    }
    if (this.#state !== 'open' || this.#intake.stopped !== 0 || this.#replies.length > 0) return
    const engaged = this.#dispatcher.stateful?.engaged === true
    if (this.#intake.halfRead && quiet > requestTimeout) this.abort('requestTimeout')
    else if (idleTimeout > 0 && quiet > idleTimeout && !engaged) this.abort('idleTimeout')
  }

  closeAfterReplies(): void {
    if (this.#state !== 'open') return
    // Nobody knows when the reply comes.
    if (this.blocked) {
      this.abort('shut down')
      return
    }
    this.#state = 'ending'
    this.#intake.stop(STOP.closing)
    if (!this.#reading && this.#replies.length === 0) this.#end()
  }

  /** Asks the client to go elsewhere before its connection ends; whether it can be asked. */
  move(moving: Moving): boolean {
    const bytes = movingPush(this.session, this.#stream, this.#endpoints.advertised, moving)
    if (bytes !== undefined) this.push(bytes)
    return bytes !== undefined
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
    this.#activeAt = this.#traffic.clock.now
    this.#stream.end()
    // What the client still sends is dropped; left unread it would turn the close into a reset, which may eat the last reply.
    this.#stream.resume()
  }

  #close(reason: string | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#dispatcher.stateful?.abandon()
    stopTracking({ session: this.session, services: this.#services })
    this.#intake.stop(STOP.closing)
    this.#stream.destroy()
    this.#out.clear()
    this.#replies.clear()
    this.#intake.clear()
    this.#services.onClosed(this, this.#reason ?? reason)
  }
}
