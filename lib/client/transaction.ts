import type { NodeRequest } from '../cluster/connection.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import type { CommandSpec } from '../command/spec.ts'
import { type ProxyError, replyText } from '../errors.ts'
import { ErrorReply, encodeReply, NULL_ARRAY, OK, RawReply, SimpleString } from '../resp/encode.ts'
import { FrameItems } from '../resp/frame.ts'
import { argument, argumentsOf, frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { PrivateCourse, Traveller } from '../router/private-course.ts'
import type { Request } from '../router/request.ts'
import type { Desk } from './desk.ts'

/**
 * ```
 *  none --WATCH--> watching --MULTI--> queueing --EXEC, DISCARD--> ending --reply--> none
 *    \-----------------MULTI-------------^
 * ```
 */
export type TransactionState = 'none' | 'watching' | 'queueing' | 'ending'

const QUEUED = new SimpleString('QUEUED')
const MULTI: Buffer = frameRequest(['MULTI']).buffer
const DISCARD: Buffer = frameRequest(['DISCARD']).buffer
/** Stands in the node's queue for a command that the proxy answers itself. */
const PLACEHOLDER: Buffer = frameRequest(['PING']).buffer
const MINUS = 45
const STAR = 42

/** A command between MULTI and EXEC; kept until the end, so that it can be queued again elsewhere. */
interface Queued {
  readonly request: Request
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  answered: boolean
  /** The script that it calls by its SHA1. */
  readonly sha: string | undefined
  /** What the proxy puts into the reply to EXEC in its place. */
  readonly local: { readonly spec: CommandSpec; readonly args: readonly Buffer[] } | undefined
}

/** One connection, for as long as nothing goes wrong on it. */
interface Attempt {
  readonly connection: PrivateConnection
  readonly asking: boolean
  /** Whether what comes from it still matters. */
  live: boolean
  /** Whether MULTI was sent, how many of the commands, and whether the end was. */
  opened: boolean
  sent: number
  ended: boolean
}

/** One thing sent in an attempt. */
class Sending implements NodeRequest {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly asking: boolean
  sentAt = 0
  readonly #attempt: Attempt
  readonly #onReply: (buffer: Buffer, start: number, end: number) => void
  readonly #onLost: (error: ProxyError, written: boolean) => void

  constructor(
    attempt: Attempt,
    piece: { readonly bytes: Buffer; readonly start: number; readonly end: number },
    asking: boolean,
    onReply: (buffer: Buffer, start: number, end: number) => void,
    onLost: (error: ProxyError, written: boolean) => void
  ) {
    this.bytes = piece.bytes
    this.start = piece.start
    this.end = piece.end
    this.asking = asking
    this.#attempt = attempt
    this.#onReply = onReply
    this.#onLost = onLost
  }

  onReply(buffer: Buffer, start: number, end: number): void {
    if (this.#attempt.live) this.#onReply(buffer, start, end)
  }

  onLost(error: ProxyError, written: boolean): void {
    if (this.#attempt.live) this.#onLost(error, written)
  }
}

function whole(bytes: Buffer): { bytes: Buffer; start: number; end: number } {
  return { bytes, start: 0, end: bytes.length }
}

/**
 * The transaction of one client. Its commands go to a private connection of the node that serves its first key, as they come. Until EXEC is
 * written nothing is executed: whatever goes wrong before that, all is queued again elsewhere, unseen. Keys that were watched are lost with
 * the connection; then EXEC is answered as if one had been changed.
 */
export class Transaction implements Traveller {
  #state: TransactionState = 'none'
  readonly #desk: Desk
  #slot = -1
  #course: PrivateCourse | undefined
  #attempt: Attempt | undefined
  #queue: Queued[] = []
  /** Whether keys are watched; `lost`: they were, on a connection that is gone. */
  #watch: 'none' | 'held' | 'lost' = 'none'
  /** Whether a command was refused, so that EXEC must fail. */
  #flawed = false
  /** EXEC or DISCARD, and what it is answered if it is not the node that says so. */
  #end:
    | { readonly request: Request; readonly reply: SimpleString | ErrorReply | undefined }
    | undefined
  #watching: { readonly request: Request; readonly bytes: Buffer } | undefined
  /** Scripts that are being loaded: EXEC waits for them. */
  #loading = 0
  #bytes = 0
  /** Whether the first key waits until older requests are answered. */
  #beginning = false
  #writing = false

  constructor(desk: Desk) {
    this.#desk = desk
  }

  get state(): TransactionState {
    return this.#state
  }

  get lane(): number {
    return this.#desk.lane
  }

  /** Bytes of commands that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Commands that wait for EXEC; -1 without MULTI. */
  get length(): number {
    return this.#state === 'queueing' || this.#state === 'ending' ? this.#queue.length : -1
  }

  /** MULTI, EXEC, DISCARD, WATCH or UNWATCH; `slot` is that of the keys of WATCH. */
  take(view: RequestView, spec: CommandSpec, slot: number): void {
    if (spec.name === 'multi') this.#multi(view, spec)
    else if (spec.name === 'watch') this.#watchKeys(view, spec, slot)
    else if (spec.name === 'unwatch') this.#unwatch(view, spec)
    else if (spec.name === 'exec') this.#exec(view, spec)
    else this.#discard(view, spec)
  }

  #multi(view: RequestView, spec: CommandSpec): void {
    if (this.#state === 'queueing') {
      this.#desk.answer(spec, view, new ErrorReply(replyText.nestedMulti))
      return
    }
    this.#state = 'queueing'
    this.#desk.answer(spec, view, OK)
  }

  // Watching

  #watchKeys(view: RequestView, spec: CommandSpec, slot: number): void {
    const desk = this.#desk
    if (this.#state === 'queueing') {
      desk.answer(spec, view, new ErrorReply(replyText.watchInMulti))
      return
    }
    if (this.#slot >= 0 && slot !== this.#slot) {
      desk.answer(spec, view, new ErrorReply(replyText.crossSlot))
      return
    }
    this.#slot = slot
    this.#state = 'watching'
    if (this.#watch === 'lost') {
      desk.answer(spec, view, OK)
      return
    }
    const request = desk.place(view, spec)
    this.#watching = { request, bytes: view.buffer.subarray(view.start, view.end) }
    desk.stop()
    desk.whenOldest(request, () => this.#advance())
  }

  #sendWatch(attempt: Attempt): void {
    const { bytes } = this.#watching!
    const onReply = (buffer: Buffer, start: number, end: number): void => {
      if (buffer[start] !== MINUS) {
        this.#watch = 'held'
        this.#watched(OK)
        return
      }
      const seen = this.#course!.judge(buffer, start, end)
      if (seen === undefined) this.#leave(attempt)
      else {
        const reply = new RawReply(Buffer.from(seen))
        if (this.#watch === 'none') this.#reset('UNWATCH')
        this.#watched(reply)
      }
    }
    this.#send(attempt, whole(bytes), attempt.asking, onReply)
  }

  #watched(reply: SimpleString | ErrorReply | RawReply): void {
    const { request } = this.#watching!
    this.#watching = undefined
    this.#desk.finish(request, reply)
    this.#desk.go()
  }

  #unwatch(view: RequestView, spec: CommandSpec): void {
    if (this.#state === 'watching') this.#reset('UNWATCH')
    this.#desk.answer(spec, view, OK)
  }

  // Between MULTI and EXEC

  /** A command was refused: EXEC will be, too. */
  flaw(): void {
    this.#flawed = true
  }

  /** Queues a command with keys of a slot, or -1 without. */
  add(view: RequestView, spec: CommandSpec, slot: number): void {
    if (slot >= 0 && this.#slot >= 0 && slot !== this.#slot) {
      this.#flawed = true
      this.#desk.answer(spec, view, new ErrorReply(replyText.crossSlot))
      return
    }
    const first = slot >= 0 && this.#slot < 0
    if (first) this.#slot = slot
    const { buffer: bytes, start, end } = view
    const isSha = spec.name === 'evalsha' || spec.name === 'evalsha_ro'
    const sha = isSha ? argument(view, 1).toString('latin1').toLowerCase() : undefined
    this.#push({ bytes, start, end, sha, local: undefined }, view, spec, first)
  }

  /** Queues a command that the proxy answers itself. */
  addLocal(view: RequestView, spec: CommandSpec): void {
    const args = argumentsOf(view).map((each) => Buffer.from(each))
    this.#push({ ...whole(PLACEHOLDER), sha: undefined, local: { spec, args } }, view, spec, false)
  }

  #push(
    piece: Omit<Queued, 'request' | 'answered'>,
    view: RequestView,
    spec: CommandSpec,
    first: boolean
  ): void {
    if (this.#flawed || this.#watch === 'lost') {
      this.#desk.answer(spec, view, QUEUED)
      return
    }
    const request = this.#desk.place(view, spec)
    const queued: Queued = { ...piece, request, answered: false }
    this.#queue.push(queued)
    this.#bytes += piece.end - piece.start
    this.#course?.refreshBudget()
    if (first && this.#course === undefined) {
      this.#beginning = true
      this.#desk.whenOldest(request, () => this.#advance())
    } else if (this.#slot < 0) this.#answer(queued, QUEUED)
    else this.#pump()
  }

  /** A script must be on the node before EXEC is: within the transaction nothing could be done about it any more. */
  #load(node: ClusterNode, sha: string): void {
    this.#loading++
    this.#desk.scripts.provide(node, sha, this.lane, () => {
      this.#loading--
      this.#pump()
    })
  }

  #answer(queued: Queued, reply: SimpleString | ErrorReply | RawReply): void {
    if (queued.answered) return
    queued.answered = true
    this.#desk.finish(queued.request, reply)
  }

  // The end

  #exec(view: RequestView, spec: CommandSpec): void {
    if (this.#state !== 'queueing') {
      this.#desk.answer(spec, view, new ErrorReply(replyText.withoutMulti('exec')))
      return
    }
    const empty = this.#queue.length === 0 && this.#watch === 'none' && !this.#flawed
    if (empty) {
      this.#reset('DISCARD')
      this.#desk.answer(spec, view, [])
    } else
      this.#finishBy(view, spec, this.#flawed ? new ErrorReply(replyText.execAborted) : undefined)
  }

  /** EXEC with arguments: the server gives up the transaction. */
  abort(view: RequestView, spec: CommandSpec): void {
    this.#finishBy(view, spec, new ErrorReply(replyText.execArity))
  }

  #discard(view: RequestView, spec: CommandSpec): void {
    if (this.#state === 'queueing') this.#finishBy(view, spec, OK)
    else this.#desk.answer(spec, view, new ErrorReply(replyText.withoutMulti('discard')))
  }

  /** `reply`: what it is answered when the node has forgotten the transaction; undefined: what the node makes of it. */
  #finishBy(
    view: RequestView,
    spec: CommandSpec,
    reply: SimpleString | ErrorReply | undefined
  ): void {
    const desk = this.#desk
    const request = desk.place(view, spec)
    this.#end = { request, reply }
    this.#state = 'ending'
    desk.stop()
    this.#course?.refreshBudget()
    if (this.#beginning) return
    if (this.#watch === 'lost') this.#giveUp()
    else if (this.#course !== undefined) this.#pump()
    else if (reply === undefined) desk.whenOldest(request, () => this.#advance())
    else this.#complete(reply, undefined)
  }

  /** There is no connection any more that could carry the transaction out: answers all that is owed. */
  #giveUp(): void {
    for (const queued of this.#queue) this.#answer(queued, QUEUED)
    if (this.#end !== undefined) this.#complete(this.#end.reply ?? NULL_ARRAY, undefined)
  }

  #complete(
    reply: SimpleString | ErrorReply | RawReply | typeof NULL_ARRAY,
    cleaning: 'DISCARD' | 'UNWATCH' | 'none' | undefined
  ): void {
    const { request } = this.#end!
    for (const queued of this.#queue) this.#answer(queued, QUEUED)
    this.#reset(cleaning)
    this.#desk.finish(request, reply)
    this.#desk.go()
  }

  /** Back to the start. The connection is given back, after what must be said on it before. */
  #reset(cleaning: 'DISCARD' | 'UNWATCH' | 'none' | undefined): void {
    const attempt = this.#attempt
    if (this.#writing) this.#desk.wrote(this.#slot, attempt?.connection.node)
    this.#writing = false
    this.#course?.cancel()
    this.#course = undefined
    this.#attempt = undefined
    this.#state = 'none'
    this.#slot = -1
    this.#queue = []
    this.#bytes = 0
    this.#watch = 'none'
    this.#flawed = false
    this.#end = undefined
    if (attempt === undefined) return
    attempt.live = false
    if (cleaning === 'none') attempt.connection.giveBack()
    else if (cleaning === undefined) attempt.connection.discard()
    else attempt.connection.cleanUp(attempt.opened ? 'DISCARD' : cleaning)
  }

  /** The client is gone, or starts afresh (RESET): forgets everything. */
  abandon(): void {
    this.#watching = undefined
    this.#reset('UNWATCH')
  }

  /** The client was silent for long: its connection is for others. */
  release(): void {
    const attempt = this.#attempt
    if (attempt === undefined || (this.#state !== 'watching' && this.#state !== 'queueing')) return
    if (this.#watching !== undefined || this.#queue.some(({ answered }) => !answered)) return
    this.#leave(attempt)
  }

  // On a connection

  /** Has whatever is to be sent go out, on a connection that is looked for first. */
  #advance(): void {
    this.#beginning = false
    if (this.#attempt !== undefined) {
      this.#pump()
      return
    }
    if (this.#course === undefined) {
      this.#course = this.#desk.course(
        this,
        this.#slot,
        this.#state === 'watching' ? 'watch' : 'multi'
      )
      this.#writing = this.#slot >= 0
      if (this.#writing) this.#desk.writing(this.#slot)
    }
    this.#course.seek()
  }

  onConnection(connection: PrivateConnection, asking: boolean): void {
    this.#attempt = { connection, asking, live: true, opened: false, sent: 0, ended: false }
    this.#pump()
  }

  onFailed(text: string): void {
    const error = new ErrorReply(text)
    this.#course = undefined
    if (this.#watching !== undefined) {
      const { request } = this.#watching
      this.#abandonWith(() => {
        this.#desk.finish(request, error)
        this.#desk.go()
      })
      return
    }
    const owed = this.#queue.some(({ answered }) => !answered)
    for (const queued of this.#queue) this.#answer(queued, error)
    this.#flawed = true
    const aborted = owed ? new ErrorReply(replyText.execAborted) : error
    if (this.#end !== undefined) this.#complete(this.#end.reply ?? aborted, undefined)
  }

  #abandonWith(then: () => void): void {
    this.abandon()
    then()
  }

  #pump(): void {
    const attempt = this.#attempt
    if (attempt === undefined) {
      // Given up while the client was silent.
      if (this.#course?.resting === true) this.#course.seek()
      return
    }
    if (this.#watching !== undefined) {
      this.#sendWatch(attempt)
      return
    }
    if (this.#state === 'watching') return
    this.#open(attempt)
    while (attempt.live && attempt.sent < this.#queue.length) {
      this.#sendQueued(attempt, this.#queue[attempt.sent++]!)
    }
    if (this.#end !== undefined && !attempt.ended && this.#loading === 0) this.#sendEnd(attempt)
  }

  #open(attempt: Attempt): void {
    if (attempt.opened) return
    attempt.opened = true
    const onReply = (buffer: Buffer, start: number): void => {
      if (buffer[start] === MINUS) this.#lost(attempt, undefined)
    }
    this.#send(attempt, whole(MULTI), attempt.asking, onReply)
  }

  #sendQueued(attempt: Attempt, queued: Queued): void {
    const { node } = attempt.connection
    queued.request.node = node
    if (queued.sha !== undefined) this.#load(node, queued.sha)
    this.#send(attempt, queued, false, (buffer, start, end) => {
      if (buffer[start] !== MINUS) {
        this.#answer(queued, QUEUED)
        return
      }
      const seen = this.#course!.judge(buffer, start, end)
      if (seen === undefined) this.#leave(attempt)
      else {
        this.#flawed = true
        // EXEC waits for a script: it will be refused.
        if (this.#end !== undefined && !attempt.ended) {
          this.#end = {
            ...this.#end,
            reply: this.#end.reply ?? new ErrorReply(replyText.execAborted),
          }
        }
        this.#answer(queued, new RawReply(Buffer.from(seen)))
      }
    })
  }

  #sendEnd(attempt: Attempt): void {
    attempt.ended = true
    const { request, reply } = this.#end!
    request.node = attempt.connection.node
    const piece = reply === undefined ? request : whole(DISCARD)
    const onReply = (buffer: Buffer, start: number, end: number): void => {
      if (reply !== undefined) this.#complete(reply, buffer[start] === MINUS ? undefined : 'none')
      else if (buffer[start] === MINUS) this.#execRefused(attempt, buffer, start, end)
      else this.#executed(Buffer.from(buffer.subarray(start, end)))
    }
    const onLost = (error: ProxyError, written: boolean): void => {
      if (reply !== undefined) this.#complete(reply, undefined)
      else if (written)
        this.#complete(new ErrorReply(replyText.uncertain(error.message)), undefined)
      else this.#lost(attempt, error)
    }
    attempt.connection.send(new Sending(attempt, piece, false, onReply, onLost))
  }

  #execRefused(attempt: Attempt, buffer: Buffer, start: number, end: number): void {
    const aborted = buffer.toString('latin1', start + 1, start + 10) === 'EXECABORT'
    const seen = aborted ? buffer.subarray(start, end) : this.#course!.judge(buffer, start, end)
    if (seen === undefined) this.#leave(attempt)
    else this.#complete(new RawReply(Buffer.from(seen)), aborted ? 'none' : 'DISCARD')
  }

  /** The replies to all commands; those of the proxy's own are put in now. */
  #executed(frame: Buffer): void {
    const locals = this.#queue.some(({ local }) => local !== undefined)
    if (!locals || frame[0] !== STAR || frame[1] === MINUS) {
      this.#complete(new RawReply(frame), 'none')
      return
    }
    const end = this.#end
    const { protocol } = this.#desk
    const items = new FrameItems(frame)
    const pieces: (Buffer | Promise<Buffer>)[] = [frame.subarray(0, items.body)]
    for (const { local } of this.#queue) {
      items.next()
      if (local === undefined) pieces.push(frame.subarray(items.start, items.end))
      else pieces.push(this.#runLocal(local, protocol))
    }
    void Promise.all(pieces).then((all) => {
      if (this.#end === end) this.#complete(new RawReply(Buffer.concat(all)), 'none')
    })
  }

  async #runLocal({ spec, args }: NonNullable<Queued['local']>, protocol: 2 | 3): Promise<Buffer> {
    try {
      return encodeReply(await this.#desk.runLocal(spec, args), protocol)
    } catch (error) {
      return encodeReply(new ErrorReply(`ERR ${(error as Error).message}`), protocol)
    }
  }

  #send(
    attempt: Attempt,
    piece: { readonly bytes: Buffer; readonly start: number; readonly end: number },
    asking: boolean,
    onReply: (buffer: Buffer, start: number, end: number) => void
  ): void {
    const onLost = (error: ProxyError): void => this.#lost(attempt, error)
    attempt.connection.send(new Sending(attempt, piece, asking, onReply, onLost))
  }

  /** The node is not the right one, or not ready: another attempt was arranged. Nothing was executed, nor will be. */
  #leave(attempt: Attempt): void {
    attempt.live = false
    this.#attempt = undefined
    attempt.connection.cleanUp(attempt.opened ? 'DISCARD' : 'UNWATCH')
    if (this.#watch !== 'held') return
    this.#loseWatch()
  }

  /** The watched keys may have been changed unseen. */
  #loseWatch(): void {
    this.#watch = 'lost'
    this.#course?.cancel()
    if (this.#watching !== undefined) this.#watched(OK)
    else this.#giveUp()
  }

  /** The connection is lost, and EXEC was not written. */
  #lost(attempt: Attempt, error: ProxyError | undefined): void {
    if (!attempt.live) return
    attempt.live = false
    this.#attempt = undefined
    attempt.connection.discard()
    if (this.#watch === 'held') this.#loseWatch()
    else if (this.#course?.again() !== true) {
      this.#course?.cancel()
      this.onFailed(replyText.unreachable(error?.message ?? 'it refused MULTI'))
    }
  }

  onLost(error: ProxyError): void {
    if (this.#attempt !== undefined) this.#lost(this.#attempt, error)
  }
}
