import type { ErrorReply, NULL_ARRAY, RawReply, SimpleString } from '../resp/encode.ts'
import { frameRequest, REQUEST, RequestReader } from '../resp/request-reader.ts'
import type { Account } from './access/account.ts'
import type { Desk } from './desk.ts'
import type { Queued } from './exec-reply.ts'

/** What a transaction answers. */
export type Reply = SimpleString | ErrorReply | RawReply | typeof NULL_ARRAY

/** What a transaction is told by what carries it out. */
export interface TransactionRunOwner {
  /** A node refused a command, or none can be reached: EXEC must fail. */
  onFlaw(): void
  /** It is over. */
  onReset(): void
}

/** The commands between MULTI and EXEC, kept until EXEC was written somewhere, and which of them are answered. */
export class TransactionQueue {
  readonly #desk: Desk
  #items: Queued[] = []

  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** The commands, oldest first. */
  get items(): readonly Queued[] {
    return this.#items
  }

  /** How many there are. */
  get length(): number {
    return this.#items.length
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#items.reduce((sum, { start, end }) => sum + end - start, 0)
  }

  /** Whether one is not answered yet. */
  get owes(): boolean {
    return this.#items.some(({ answered }) => !answered)
  }

  /** Whether one is not for an account. */
  deniedTo(account: Account): boolean {
    return this.#items.some(({ request: { spec }, local, bytes, start, end }) => {
      if (local !== undefined)
        return account.refusal(local.spec, frameRequest(local.args)) !== undefined
      const view = new RequestReader()
      view.feed(bytes.subarray(start, end))
      return view.next() === REQUEST && account.refusal(spec!, view) !== undefined
    })
  }

  /** Takes in the newest. */
  push(queued: Queued): void {
    this.#items.push(queued)
  }

  /** Answers one of them, unless it is. */
  answer(queued: Queued, reply: Reply): void {
    if (queued.answered) return
    queued.answered = true
    this.#desk.finish(queued.request, reply)
  }

  /** Answers all that are not. */
  answerAll(reply: Reply): void {
    for (const queued of this.#items) this.answer(queued, reply)
  }

  /** Forgets them. */
  clear(): void {
    this.#items = []
  }
}
