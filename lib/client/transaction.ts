import type { ClusterNode } from '../cluster/node.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import type { CommandSpec } from '../command/spec.ts'
import { type ProxyError, replyText } from '../errors.ts'
import { ErrorReply, NULL_ARRAY, OK, RawReply, SimpleString } from '../resp/encode.ts'
import { argument, argumentsOf, frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { PrivateCourse, Traveller } from '../router/private-course.ts'
import type { Request } from '../router/request.ts'
import { Attempt, whole } from './attempt.ts'
import type { Desk } from './desk.ts'
import { hasLocals, type Queued, withLocals } from './exec-reply.ts'

/**
 * ```
 *  none --WATCH--> watching --MULTI--> queueing --EXEC, DISCARD--> ending --reply--> none
 *    \-----------------MULTI-------------^
 * ```
 */
export type TransactionState = 'none' | 'watching' | 'queueing' | 'ending'

/** How a transaction lets go of its connection. */
type LettingGo = 'leave' | 'giveBack' | 'discard'

const QUEUED = new SimpleString('QUEUED')
const DISCARD: Buffer = frameRequest(['DISCARD']).buffer
/** Stands in the node's queue for a command that the proxy answers itself. */
const PLACEHOLDER: Buffer = frameRequest(['PING']).buffer
const MINUS = 45

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
    attempt.sendFirst(whole(bytes), {
      onReply: (buffer, start, end) => {
        if (buffer[start] !== MINUS) {
          this.#watch = 'held'
          this.#watched(OK)
          return
        }
        const seen = this.#course!.judge(buffer, start, end)
        if (seen === undefined) {
          this.#leave(attempt)
          return
        }
        const reply = new RawReply(Buffer.from(seen))
        if (this.#watch === 'none') this.#reset('leave')
        this.#watched(reply)
      },
      onLost: (error) => this.#lost(attempt, error),
    })
  }

  #watched(reply: SimpleString | ErrorReply | RawReply): void {
    const { request } = this.#watching!
    this.#watching = undefined
    this.#desk.finish(request, reply)
    this.#desk.go()
  }

  #unwatch(view: RequestView, spec: CommandSpec): void {
    if (this.#state === 'watching') this.#reset('leave')
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
      this.#reset('leave')
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
    else this.#complete(reply, 'discard')
  }

  /** There is no connection any more that could carry the transaction out: answers all that is owed. */
  #giveUp(): void {
    for (const queued of this.#queue) this.#answer(queued, QUEUED)
    if (this.#end !== undefined) this.#complete(this.#end.reply ?? NULL_ARRAY, 'discard')
  }

  #complete(reply: SimpleString | ErrorReply | RawReply | typeof NULL_ARRAY, how: LettingGo): void {
    const { request } = this.#end!
    for (const queued of this.#queue) this.#answer(queued, QUEUED)
    this.#reset(how)
    this.#desk.finish(request, reply)
    this.#desk.go()
  }

  /** Back to the start. The connection is given back, after what must be said on it before. */
  #reset(how: LettingGo): void {
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
    attempt[how]()
  }

  /** The client is gone, or starts afresh (RESET): forgets everything. */
  abandon(): void {
    this.#watching = undefined
    this.#reset('leave')
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
    this.#attempt = new Attempt(connection, asking)
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
    if (this.#end !== undefined) this.#complete(this.#end.reply ?? aborted, 'discard')
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
    attempt.open((error) => this.#lost(attempt, error))
    while (attempt.live && attempt.sent < this.#queue.length) {
      this.#sendQueued(attempt, this.#queue[attempt.sent++]!)
    }
    if (this.#end !== undefined && !attempt.ended && this.#loading === 0) this.#sendEnd(attempt)
  }

  #sendQueued(attempt: Attempt, queued: Queued): void {
    const { node } = attempt.connection
    queued.request.node = node
    if (queued.sha !== undefined) this.#load(node, queued.sha)
    attempt.send(queued, {
      onReply: (buffer, start, end) => {
        if (buffer[start] !== MINUS) this.#answer(queued, QUEUED)
        else this.#queueRefused(attempt, queued, buffer, start, end)
      },
      onLost: (error) => this.#lost(attempt, error),
    })
  }

  #queueRefused(
    attempt: Attempt,
    queued: Queued,
    buffer: Buffer,
    start: number,
    end: number
  ): void {
    const seen = this.#course!.judge(buffer, start, end)
    if (seen === undefined) {
      this.#leave(attempt)
      return
    }
    this.#flawed = true
    // EXEC waits for a script: it will be refused.
    if (this.#end !== undefined && !attempt.ended) {
      this.#end = { ...this.#end, reply: this.#end.reply ?? new ErrorReply(replyText.execAborted) }
    }
    this.#answer(queued, new RawReply(Buffer.from(seen)))
  }

  #sendEnd(attempt: Attempt): void {
    attempt.ended = true
    const { request, reply } = this.#end!
    request.node = attempt.connection.node
    const piece = reply === undefined ? request : whole(DISCARD)
    attempt.send(piece, {
      onReply: (buffer, start, end) => {
        if (reply !== undefined) {
          this.#complete(reply, buffer[start] === MINUS ? 'discard' : 'giveBack')
        } else if (buffer[start] === MINUS) this.#execRefused(attempt, buffer, start, end)
        else this.#executed(Buffer.from(buffer.subarray(start, end)))
      },
      onLost: (error, written) => {
        if (reply !== undefined) this.#complete(reply, 'discard')
        else if (written) {
          this.#complete(new ErrorReply(replyText.uncertain(error.message)), 'discard')
        } else this.#lost(attempt, error)
      },
    })
  }

  #execRefused(attempt: Attempt, buffer: Buffer, start: number, end: number): void {
    const aborted = buffer.toString('latin1', start + 1, start + 10) === 'EXECABORT'
    const seen = aborted ? buffer.subarray(start, end) : this.#course!.judge(buffer, start, end)
    if (seen === undefined) this.#leave(attempt)
    else this.#complete(new RawReply(Buffer.from(seen)), aborted ? 'giveBack' : 'leave')
  }

  /** The replies to all commands; those of the proxy's own are put in now. */
  #executed(frame: Buffer): void {
    if (!hasLocals(frame, this.#queue)) {
      this.#complete(new RawReply(frame), 'giveBack')
      return
    }
    const end = this.#end
    void withLocals(frame, this.#queue, this.#desk).then((full) => {
      if (this.#end === end) this.#complete(new RawReply(full), 'giveBack')
    })
  }

  /** The node is not the right one, or not ready: another attempt was arranged. Nothing was executed, nor will be. */
  #leave(attempt: Attempt): void {
    this.#attempt = undefined
    attempt.leave()
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
    this.#attempt = undefined
    attempt.discard()
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
