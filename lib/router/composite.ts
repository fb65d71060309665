import { replyText } from '../errors.ts'
import { errorFrame } from '../resp/encode.ts'
import { merged, UNUSUAL } from './quick-merge.ts'
import { type ReplyPlace, Request, type RequestHandler, type RequestPlace } from './request.ts'

/** One request to send for a composite one. */
export interface PartPlan {
  /** Holds the request, as a RESP array of bulk strings, from `start` (default 0) to `end` (default its length). */
  readonly bytes: Buffer
  readonly start?: number
  readonly end?: number
  /** Slot of its keys; -1 without keys. */
  readonly slot: number
  /** A slot whose master gets it, for a part without keys; -1 for any. */
  readonly anchor: number
  /** The lane that it takes; by default that of the whole. */
  readonly lane?: number
  /** Name of the node that gets it, as long as that is in use; else the master of `anchor` does. */
  readonly node?: string
}

/** What a part was answered, and by whom. */
export interface PartReply {
  /** The raw reply. */
  readonly reply: Buffer
  /** Name of the node that gave it, or that should have. */
  readonly node: string
}

/** Requests to send together, and what to make of their replies: the reply to the whole, or a further step. */
export interface Step {
  readonly parts: readonly PartPlan[]
  /** For a request that was split by its keys: which keys each part has, counted from 0. */
  readonly keys?: readonly (readonly number[])[]
  /** Makes the reply to the whole by `quickMerge`, where that is possible; else {@link finish} is called. */
  quick?(replies: readonly ReplyPlace[]): number
  /** Milliseconds to wait before the parts are sent; none by default. */
  readonly delay?: number
  finish(replies: readonly PartReply[]): Buffer | Step
}

/** A piece of a composite request. It keeps its place among the other requests of its owner for its slot. */
export class Part extends Request {
  readonly #composite: Composite
  /** Bytes of its reply that have come, while that is not whole. */
  #coming = 0

  constructor(plan: PartPlan, leader: Request, handler: RequestHandler, composite: Composite) {
    super(placeOf(plan), leader.spec, plan.slot, leader.owner, handler)
    if (plan.slot < 0) {
      const detour = this.makeDetour()
      detour.anchor = plan.anchor
      detour.target = plan.node
    }
    this.sequence = leader.sequence
    this.lane = plan.lane ?? leader.lane
    this.#composite = composite
  }

  /** Other parts may have the same bytes. */
  protected override letGo(): void {}

  onProgress(bytes: number): boolean {
    const more = bytes - this.#coming
    this.#coming = bytes
    return this.#composite.weigh(more)
  }

  override finish(buffer: Buffer, start: number, end: number): void {
    const { hold } = this
    this.keep(buffer, start, end)
    this.owner.onPartAnswered(this)
    this.#composite.take(end - start - this.#coming)
    if (hold !== undefined) hold.settled(this)
  }
}

function placeOf({ bytes: buffer, start = 0, end = buffer.length }: PartPlan): RequestPlace {
  return { buffer, start, end }
}

/** What a composite needs of the router. */
export interface PartDispatcher extends RequestHandler {
  dispatch(request: Request): void
  /** All parts of a step are answered. */
  onStep(leader: Request, step: Step, replies: readonly PartReply[]): void
}

/**
 * A request that is carried out as several: the leader keeps the place in the order of replies, its parts go their ways, and when all are
 * answered their replies become the leader's.
 */
export class Composite {
  readonly #leader: Request
  readonly #router: PartDispatcher
  readonly #maxBytes: number
  #step: Step
  #parts: Part[] = []
  #missing = 0
  #bytes = 0
  #over = false

  /** `maxBytes`: what the replies to the parts may have together. */
  constructor(leader: Request, step: Step, router: PartDispatcher, maxBytes: number) {
    this.#leader = leader
    this.#step = step
    this.#router = router
    this.#maxBytes = maxBytes
  }

  /** Sends the parts of the step. */
  start(): void {
    const { delay } = this.#step
    if (delay === undefined) this.#send()
    else setTimeout(() => this.#send(), delay)
  }

  #send(): void {
    const leader = this.#leader
    const plans = this.#step.parts
    const parts: Part[] = new Array(plans.length)
    for (let i = 0; i < plans.length; i++)
      parts[i] = new Part(plans[i]!, leader, this.#router, this)
    this.#parts = parts
    this.#missing = parts.length
    leader.makeDetour().parts = parts
    if (parts.length === 0) this.#complete()
    // A part that fails at once may end the whole: these are sent, and not what comes after.
    for (let i = 0; i < parts.length; i++) this.#router.dispatch(parts[i]!)
  }

  /** A part is answered, with so many bytes beyond those that were weighed. */
  take(bytes: number): void {
    this.#missing--
    this.weigh(bytes)
    if (this.#missing === 0) this.#complete()
  }

  /** So many more bytes are kept. Gives whether that is too much. */
  weigh(bytes: number): boolean {
    this.#bytes += bytes
    if (this.#bytes > this.#maxBytes) this.#refuse()
    return this.#over
  }

  /** Too much to keep: the client is told at once, and what still comes is dropped. */
  #refuse(): void {
    for (const part of this.#parts) part.forget()
    if (this.#over) return
    this.#over = true
    const name = this.#leader.spec?.name ?? ''
    this.#answer(errorFrame(replyText.repliesTooLarge(name, this.#maxBytes)))
  }

  #complete(): void {
    if (this.#over) return
    const length = this.#step.quick?.(this.#parts) ?? UNUSUAL
    if (length !== UNUSUAL) {
      this.#answer(merged, length)
      return
    }
    const replies = this.#parts.map(({ reply, replyStart, replyEnd, node }) => ({
      reply: reply!.subarray(replyStart, replyEnd),
      node: node?.name ?? '?',
    }))
    this.#router.onStep(this.#leader, this.#step, replies)
    const result = this.#finish(replies)
    if ('parts' in result) {
      this.#step = result
      this.start()
    } else this.#answer(result)
  }

  /** Replies that make no sense are an error to this client, and no reason to let go of the connection that they came on. */
  #finish(replies: readonly PartReply[]): Buffer | Step {
    try {
      return this.#step.finish(replies)
    } catch (error) {
      return errorFrame(`ERR ${(error as Error).message}`)
    }
  }

  #answer(reply: Buffer, length = reply.length): void {
    this.#leader.makeDetour().parts = undefined
    this.#leader.finish(reply, 0, length)
  }
}
