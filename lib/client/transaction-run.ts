import type { ClusterNode } from '../cluster/node.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import { type ProxyError, replyText } from '../errors.ts'
import { ErrorReply, NULL_ARRAY, OK, RawReply } from '../resp/encode.ts'
import { frameRequest } from '../resp/request-reader.ts'
import type { PrivateCourse, Traveller } from '../router/private-course.ts'
import type { Request } from '../router/request.ts'
import { Attempt, type LettingGo, whole } from './attempt.ts'
import type { Desk } from './desk.ts'
import { QUEUED, type Queued, withLocals } from './exec-reply.ts'
import { type Reply, TransactionQueue, type TransactionRunOwner } from './transaction-queue.ts'

const DISCARD: Buffer = frameRequest(['DISCARD']).buffer
const MINUS = 45

/**
 * Carries one transaction out: on one connection after the other, until EXEC was written on one of them. Keeps all commands until then, so that each
 * attempt begins from the start.
 */
export class TransactionRun implements Traveller {
  /** The commands that are kept. */
  readonly queue: TransactionQueue
  readonly #desk: Desk
  readonly #owner: TransactionRunOwner
  #slot = -1
  #course: PrivateCourse | undefined
  #attempt: Attempt | undefined
  #watch: 'none' | 'held' | 'lost' = 'none'
  /** EXEC or DISCARD, and what it is answered if it is not the node that says so. */
  #end: undefined | { readonly request: Request; readonly reply: Reply | undefined }
  #watching: { readonly request: Request; readonly bytes: Buffer } | undefined
  /** Scripts that are being loaded: EXEC waits for them. */
  #loading = 0
  /** Whether it waits until older requests are answered. */
  #beginning = false
  #writing = false
  /** Where it was executed. */
  #node: ClusterNode | undefined

  constructor(desk: Desk, owner: TransactionRunOwner) {
    this.#desk = desk
    this.#owner = owner
    this.queue = new TransactionQueue(desk)
  }

  get lane(): number {
    return this.#desk.lane
  }

  /** Slot of all keys; -1 before the first, and once the watch is lost: nothing will be executed. */
  get slot(): number {
    return this.#watch === 'lost' ? -1 : this.#slot
  }

  /** Whether keys are watched; `lost`: they were, on a connection that is gone. */
  get watch(): 'none' | 'held' | 'lost' {
    return this.#watch
  }

  /** Watches keys of a slot. */
  watchKeys(request: Request, slot: number): void {
    this.#slot = slot
    this.#watching = { request, bytes: request.bytes.subarray(request.start, request.end) }
    this.#desk.whenOldest(request, () => this.#advance())
  }

  /** Queues a command with keys of a slot, or -1 without. It waits for the first key to know where to. */
  push(queued: Queued, slot: number): void {
    const first = slot >= 0 && this.#slot < 0
    if (first) this.#slot = slot
    this.queue.push(queued)
    this.#course?.refreshBudget()
    // What the client wrote since WATCH is on its way elsewhere, and must come before EXEC.
    const afterWatch = this.#watch === 'held' && this.queue.length === 1
    if (afterWatch || (first && this.#course === undefined)) this.#begin(queued.request)
    else if (this.#slot < 0) this.queue.answer(queued, QUEUED)
    else this.#pump()
  }

  /** Ends it. `reply`: what is answered when the node has forgotten the transaction; undefined: what EXEC gives. */
  finish(request: Request, reply: Reply | undefined): void {
    this.#end = { request, reply }
    this.#course?.refreshBudget()
    if (this.#beginning) return
    if (this.#watch === 'lost') this.#giveUp()
    else if (this.#course === undefined && reply !== undefined) this.#complete(reply, 'discard')
    else if (this.#course === undefined || this.queue.length === 0) this.#begin(request)
    else this.#pump()
  }

  /** Goes on when all that is older is answered. */
  #begin(request: Request): void {
    this.#beginning = true
    this.#desk.whenOldest(request, () => this.#advance())
  }

  /** There is no connection any more that could carry the transaction out: answers all that is owed. */
  #giveUp(): void {
    this.queue.answerAll(QUEUED)
    if (this.#end !== undefined) this.#complete(this.#end.reply ?? NULL_ARRAY, 'discard')
  }

  #complete(reply: Reply, how: LettingGo): void {
    const { request } = this.#end!
    this.queue.answerAll(QUEUED)
    this.reset(how)
    this.#desk.finish(request, reply)
    this.#desk.go()
  }

  /** Back to the start: lets go of the connection, and forgets everything. */
  reset(how: LettingGo): void {
    const attempt = this.#attempt
    if (this.#writing) this.#desk.wrote(this.#slot, attempt?.connection.node ?? this.#node)
    this.#writing = false
    this.#beginning = false
    this.#node = undefined
    this.#course?.cancel()
    this.#course = undefined
    this.#attempt = undefined
    this.#watching = undefined
    this.#slot = -1
    this.queue.clear()
    this.#watch = 'none'
    this.#end = undefined
    attempt?.[how]()
    this.#owner.onReset()
  }

  /** The client was silent for long: its connection is for others. */
  release(): void {
    const attempt = this.#attempt
    if (attempt === undefined || this.#end !== undefined || this.#watching !== undefined) return
    if (!this.queue.owes) this.#leave(attempt)
  }

  // On a connection

  /** Has whatever is to be sent go out, on a connection that is looked for first. */
  #advance(): void {
    this.#beginning = false
    if (this.#watch === 'lost') {
      this.#giveUp()
      return
    }
    if (this.#course === undefined) {
      this.#course = this.#desk.course(
        this,
        this.#slot,
        this.#watching === undefined ? 'multi' : 'watch'
      )
      this.#writing = this.#slot >= 0
      if (this.#writing) this.#desk.writing(this.#slot)
    }
    this.#pump()
  }

  onConnection(connection: PrivateConnection, asking: boolean): void {
    this.#attempt = new Attempt(connection, asking)
    this.#pump()
  }

  onFailed(text: string): void {
    const error = new ErrorReply(text)
    this.#course = undefined
    if (this.#watching !== undefined) {
      this.#watched(error, true)
      return
    }
    const untouched = this.queue.owes && !text.startsWith('UNCERTAIN')
    this.queue.answerAll(error)
    this.#owner.onFlaw()
    const aborted = untouched ? new ErrorReply(replyText.execAborted) : error
    if (this.#end !== undefined) this.#complete(this.#end.reply ?? aborted, 'discard')
  }

  #pump(): void {
    if (this.#beginning) return
    const attempt = this.#attempt
    if (attempt === undefined) {
      // The first attempt, or the last one was given up while the client was silent.
      if (this.#course?.resting === true) this.#course.seek()
      return
    }
    if (this.#watching !== undefined) {
      this.#sendWatch(attempt)
      return
    }
    if (this.queue.length === 0 && this.#end === undefined) return
    attempt.open(() => this.#pump(), {
      onReply: (buffer, start, end) => this.#multiRefused(attempt, buffer.subarray(start, end)),
      onLost: (error) => this.#lost(attempt, error),
    })
    if (!attempt.confirmed) return
    while (attempt.live && attempt.sent < this.queue.length) {
      this.#sendQueued(attempt, this.queue.items[attempt.sent++]!)
    }
    if (this.#end !== undefined && !attempt.ended && this.#loading === 0) this.#sendEnd(attempt)
  }

  /** Its user may not begin transactions. What was sent behind MULTI, on a connection that took it before, was carried out by itself. */
  #multiRefused(attempt: Attempt, frame: Buffer): void {
    const text = frame.toString('latin1', 1, frame.length - 2)
    this.#attempt = undefined
    attempt.discard()
    this.onFailed(attempt.sent > 0 ? replyText.uncertain(text) : text)
  }

  #sendQueued(attempt: Attempt, queued: Queued): void {
    const { node } = attempt.connection
    queued.request.node = node
    if (queued.sha !== undefined) this.#load(node, queued.sha)
    attempt.send(queued, {
      onReply: (buffer, start, end) => {
        if (buffer[start] !== MINUS) this.queue.answer(queued, QUEUED)
        else this.#queueRefused(attempt, queued, buffer.subarray(start, end))
      },
      onLost: (error) => this.#lost(attempt, error),
    })
  }

  #queueRefused(attempt: Attempt, queued: Queued, frame: Buffer): void {
    const seen = this.#course!.judge(frame, 0, frame.length)
    if (seen === undefined) {
      this.#leave(attempt)
      return
    }
    this.#owner.onFlaw()
    // EXEC waits for a script: it will be refused.
    if (this.#end !== undefined && !attempt.ended) {
      this.#end = { ...this.#end, reply: this.#end.reply ?? new ErrorReply(replyText.execAborted) }
    }
    this.queue.answer(queued, new RawReply(Buffer.from(seen)))
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
        } else if (buffer[start] === MINUS) this.#execRefused(attempt, buffer.subarray(start, end))
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

  #execRefused(attempt: Attempt, frame: Buffer): void {
    const aborted = frame.toString('latin1', 1, 10) === 'EXECABORT'
    const seen = aborted ? frame : this.#course!.judge(frame, 0, frame.length)
    if (seen === undefined) this.#leave(attempt)
    else this.#complete(new RawReply(Buffer.from(seen)), aborted ? 'giveBack' : 'leave')
  }

  /** The replies to all commands; those of the proxy's own are put in now. Whatever becomes of the connection, nothing is sent again. */
  #executed(frame: Buffer): void {
    const end = this.#end
    const queue = this.queue.items
    this.#node = this.#attempt?.connection.node
    this.#attempt?.giveBack()
    this.#attempt = undefined
    withLocals(frame, queue, this.#desk, (full) => {
      if (this.#end === end) this.#complete(new RawReply(full), 'giveBack')
    })
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
        // Keys that were watched before still are.
        this.#watched(new RawReply(Buffer.from(seen)), this.#watch === 'none')
      },
      onLost: (error) => this.#lost(attempt, error),
    })
  }

  /** `forget`: no key is watched. */
  #watched(reply: Reply, forget = false): void {
    const { request } = this.#watching!
    this.#watching = undefined
    if (forget) this.reset('leave')
    this.#desk.finish(request, reply)
    this.#desk.go()
  }

  /** A script must be on the node before EXEC is: within the transaction nothing could be done about it any more. */
  #load(node: ClusterNode, sha: string): void {
    this.#loading++
    this.#desk.scripts.provide(node, sha, this.lane, () => {
      this.#loading--
      this.#pump()
    })
  }

  /** The node is not the right one, or not ready: another attempt was arranged. Nothing was executed, nor will be. */
  #leave(attempt: Attempt): void {
    this.#attempt = undefined
    attempt.leave()
    if (this.#watch === 'held') this.#loseWatch()
  }

  /** The watched keys may have been changed unseen. */
  #loseWatch(): void {
    this.#watch = 'lost'
    this.#course?.cancel()
    if (this.#watching !== undefined) this.#watched(OK)
    else this.#giveUp()
  }

  /** The connection is lost, and EXEC was not written. */
  #lost(attempt: Attempt, error: ProxyError): void {
    if (!attempt.live) return
    this.#attempt = undefined
    attempt.discard()
    if (this.#watch === 'held') this.#loseWatch()
    else if (this.#course?.again() !== true) {
      this.#course?.cancel()
      this.onFailed(replyText.unreachable(error.message))
    }
  }

  onLost(error: ProxyError): void {
    if (this.#attempt === undefined) return
    // Nothing was in flight: it went well until now.
    this.#course?.refreshBudget()
    this.#lost(this.#attempt, error)
  }
}
