import type { CommandSpec } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { ErrorReply, OK, type SimpleString } from '../resp/encode.ts'
import { argument, argumentsOf, frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { Account } from './access/account.ts'
import { whole } from './attempt.ts'
import type { Desk } from './desk.ts'
import { QUEUED, type Queued } from './exec-reply.ts'
import { countsAsWrite } from './pause.ts'
import type { TransactionRunOwner } from './transaction-queue.ts'
import { TransactionRun } from './transaction-run.ts'

/**
 * ```
 *  none --WATCH--> watching --MULTI--> queueing --EXEC, DISCARD--> ending --reply--> none
 *    \-----------------MULTI-------------^
 * ```
 */
export type TransactionState = 'none' | 'watching' | 'queueing' | 'ending'

/** Stands in the node's queue for a command that the proxy answers itself. */
const PLACEHOLDER: Buffer = frameRequest(['PING']).buffer

/**
 * The transaction of one client. Its commands go to a private connection of the node that serves its first key, as they come. Until EXEC is
 * written nothing is executed: whatever goes wrong before that, all is queued again elsewhere, unseen. Keys that were watched are lost with
 * the connection; then EXEC is answered as if one had been changed.
 */
export class Transaction implements TransactionRunOwner {
  #state: TransactionState = 'none'
  readonly #desk: Desk
  readonly #run: TransactionRun
  /** Whether a command was refused, so that EXEC must fail. */
  #flawed = false
  /** Whether a command that waits for EXEC may change something. */
  writes = false

  constructor(desk: Desk) {
    this.#desk = desk
    this.#run = new TransactionRun(desk, this)
  }

  get state(): TransactionState {
    return this.#state
  }

  /** Bytes of commands that are kept. */
  get bytes(): number {
    return this.#run.queue.bytes
  }

  /** Commands that wait for EXEC; -1 without MULTI. */
  get length(): number {
    return this.#state === 'queueing' || this.#state === 'ending' ? this.#run.queue.length : -1
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

  #watchKeys(view: RequestView, spec: CommandSpec, slot: number): void {
    const desk = this.#desk
    const run = this.#run
    if (this.#state === 'queueing') {
      desk.answer(spec, view, new ErrorReply(replyText.watchInMulti))
      return
    }
    if (run.slot >= 0 && slot !== run.slot) {
      desk.answer(spec, view, new ErrorReply(replyText.crossSlot))
      return
    }
    this.#state = 'watching'
    if (run.watch === 'lost') {
      desk.answer(spec, view, OK)
      return
    }
    const request = desk.place(view, spec)
    desk.stop()
    run.watchKeys(request, slot)
  }

  #unwatch(view: RequestView, spec: CommandSpec): void {
    if (this.#state === 'watching') this.#run.reset('leave')
    this.#desk.answer(spec, view, OK)
  }

  // Between MULTI and EXEC

  /** A command was refused: EXEC will be, too. */
  onFlaw(): void {
    this.#flawed = true
  }

  /** The rights of the client's user have changed: what was queued before is judged by the new ones. */
  judge(account: Account): void {
    if (this.#state === 'queueing' && this.#run.queue.deniedTo(account)) this.#flawed = true
  }

  onReset(): void {
    this.#state = 'none'
    this.#flawed = false
    this.writes = false
  }

  /** Queues a command with keys of a slot, or -1 without. */
  add(view: RequestView, spec: CommandSpec, slot: number): void {
    const own = this.#run.slot
    if (slot >= 0 && own >= 0 && slot !== own) {
      this.#flawed = true
      this.#desk.answer(spec, view, new ErrorReply(replyText.crossSlot))
      return
    }
    const { buffer: bytes, start, end } = view
    const isSha = spec.name === 'evalsha' || spec.name === 'evalsha_ro'
    const sha = isSha ? argument(view, 1).toString('latin1').toLowerCase() : undefined
    this.#push({ bytes, start, end, sha, local: undefined }, view, spec, slot)
  }

  /** Queues a command that the proxy answers itself. */
  addLocal(view: RequestView, spec: CommandSpec): void {
    const args = argumentsOf(view).map((each) => Buffer.from(each))
    this.#push({ ...whole(PLACEHOLDER), sha: undefined, local: { spec, args } }, view, spec, -1)
  }

  #push(
    piece: Omit<Queued, 'request' | 'answered'>,
    view: RequestView,
    spec: CommandSpec,
    slot: number
  ): void {
    const desk = this.#desk
    this.writes ||= countsAsWrite(spec)
    if (this.#flawed || this.#run.watch === 'lost') desk.answer(spec, view, QUEUED)
    else this.#run.push({ ...piece, request: desk.place(view, spec), answered: false }, slot)
  }

  // The end

  #exec(view: RequestView, spec: CommandSpec): void {
    if (this.#state !== 'queueing') {
      this.#desk.answer(spec, view, new ErrorReply(replyText.withoutMulti('exec')))
      return
    }
    if (this.#flawed) this.#finish(view, spec, new ErrorReply(replyText.execAborted))
    else if (this.#run.queue.length > 0 || this.#run.watch !== 'none')
      this.#finish(view, spec, undefined)
    else {
      this.#run.reset('leave')
      this.#desk.answer(spec, view, [])
    }
  }

  /** EXEC is refused itself, as when it has arguments: the server gives up the transaction, and what is watched. */
  refuseExec(view: RequestView, spec: CommandSpec, reason: string): void {
    this.#finish(view, spec, new ErrorReply(replyText.execRefused(reason)))
  }

  #discard(view: RequestView, spec: CommandSpec): void {
    if (this.#state === 'queueing') this.#finish(view, spec, OK)
    else this.#desk.answer(spec, view, new ErrorReply(replyText.withoutMulti('discard')))
  }

  /** Nothing further is read until it is over, so that it does not overtake what comes behind. */
  #finish(
    view: RequestView,
    spec: CommandSpec,
    reply: SimpleString | ErrorReply | undefined
  ): void {
    this.#state = 'ending'
    const request = this.#desk.place(view, spec)
    this.#desk.stop()
    if (reply !== undefined) this.#run.finish(request, reply)
    else this.#desk.prepare(request, () => this.#run.finish(request, reply))
  }

  /** The client is gone, or starts afresh (RESET): forgets everything. */
  abandon(): void {
    this.#run.reset('leave')
  }

  /** The client was silent for long: its connection is for others. */
  release(): void {
    if (this.#state === 'watching' || this.#state === 'queueing') this.#run.release()
  }
}
