import { Errand } from '../cluster/errand.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import { isSince } from '../command/version.ts'
import { type ProxyError, replyText } from '../errors.ts'
import { ErrorReply, errorFrame, RawReply, type ReplyValue } from '../resp/encode.ts'
import { content, FrameItems, isAggregate } from '../resp/frame.ts'
import { argumentsOf, frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { PrivateCourse, Traveller } from '../router/private-course.ts'
import type { Request } from '../router/request.ts'
import type { Desk } from './desk.ts'

/** Before Redis 7.2 WAIT waits for all that its master had written when the client's last command was carried out, whichever that was. */
const LOOK: Buffer = frameRequest(['WAIT', '0', '0']).buffer
/**
 * From then on for what the client itself has written, and what this proxy's client wrote went over another connection. No function at all, added to those there
 * are, changes nothing, and yet is told to replicas: a payload of FUNCTION DUMP without libraries, as of Redis 7.0.
 */
export const NO_FUNCTIONS: Buffer = Buffer.from('0a005d9b5c400f7fa2da', 'hex')
const WRITE: Buffer = frameRequest(['FUNCTION', 'RESTORE', NO_FUNCTIONS]).buffer
const MINUS = 45
/** What a master says that has become a replica, at once or while it waits. */
const DEMOTED = /^-(?:UNBLOCKED force unblock|ERR WAIT(?:AOF)? cannot be used with replica)/

/** The part of one master in a WAIT. What another says that has taken its place is nothing about what the client wrote, which may be lost. */
class Leg implements Traveller {
  readonly lane: number
  readonly #wait: AcknowledgementCall
  readonly #course: PrivateCourse
  #node: ClusterNode | undefined
  #connection: PrivateConnection | undefined

  constructor(desk: Desk, wait: AcknowledgementCall, anchor: number) {
    this.lane = desk.lane
    this.#wait = wait
    this.#course = desk.course(this, anchor, 'wait')
  }

  start(): void {
    this.#course.seek()
  }

  onConnection(connection: PrivateConnection): void {
    this.#node ??= connection.node
    if (connection.node !== this.#node) {
      connection.giveBack()
      this.#wait.lose()
      return
    }
    this.#connection = connection
    connection.patient = true
    let refused: Buffer | undefined
    connection.send(
      new Errand(this.#wait.mark, (buffer, start, end) => {
        if (buffer[start] === MINUS) refused = Buffer.from(buffer.subarray(start, end))
      })
    )
    connection.send(
      new Errand(this.#wait.bytes(), (buffer, start, end) => {
        if (this.#connection !== connection) return
        // Without the mark the number would be that of something else.
        const frame = refused ?? Buffer.from(buffer.subarray(start, end))
        const demoted = DEMOTED.test(frame.toString('latin1'))
        const seen = demoted ? undefined : this.#course.judge(frame, 0, frame.length)
        this.#connection = undefined
        connection.giveBack()
        if (demoted) this.#wait.lose()
        else if (seen !== undefined) this.#wait.take(seen)
      })
    )
  }

  onFailed(text: string): void {
    this.#wait.take(errorFrame(text))
  }

  onLost(error: ProxyError): void {
    if (this.#connection === undefined) return
    this.#connection = undefined
    if (!this.#course.again()) this.onFailed(replyText.unreachable(error.message))
  }

  abandon(): void {
    this.#course.cancel()
    this.#connection?.discard()
    this.#connection = undefined
  }
}

/** WAIT or WAITAOF: asked of each master that the client wrote to; the lowest numbers are the answer. */
export class AcknowledgementCall {
  readonly #desk: Desk
  readonly #request: Request
  readonly #args: Buffer[]
  readonly #legs: Leg[]
  /** What is sent before, so that the master knows up to where to wait. */
  readonly mark: Buffer
  readonly #frames: Buffer[] = []
  readonly #lost: boolean
  #startedAt = 0
  #state: 'waiting' | 'done' = 'waiting'

  /** `anchors`: a slot of each master that is asked; `lost`: one is none any more; `version` is that of the servers. */
  constructor(
    desk: Desk,
    request: Request,
    view: RequestView,
    { anchors, lost, version }: { anchors: readonly number[]; lost: boolean; version: string }
  ) {
    this.#desk = desk
    this.mark = isSince(version, 7, 2) ? WRITE : LOOK
    this.#request = request
    this.#args = argumentsOf(view).map((each) => Buffer.from(each))
    this.#legs = anchors.map((anchor) => new Leg(desk, this, anchor))
    this.#lost = lost
  }

  /** Begins; everything older is answered. */
  start(): void {
    if (this.#state === 'done') return
    this.#startedAt = performance.now()
    if (this.#lost) this.lose()
    else for (const leg of this.#legs) leg.start()
  }

  /** The request, with the time that is left. */
  bytes(): Buffer {
    const args = [...this.#args]
    const given = Number(args.at(-1)!.toString('latin1'))
    const elapsed = performance.now() - this.#startedAt
    // The first attempts are made at once.
    if (given > 0 && elapsed >= 1) {
      args[args.length - 1] = Buffer.from(String(Math.max(1, Math.ceil(given - elapsed))))
    }
    return frameRequest(args).buffer
  }

  /** One master has answered. */
  take(frame: Buffer): void {
    this.#frames.push(frame)
    if (this.#frames.length < this.#legs.length || this.#state === 'done') return
    this.#finish(lowest(this.#frames))
  }

  /** A master is none any more: nothing is acknowledged, as far as anybody knows, and the others need not be waited for. */
  lose(): void {
    if (this.#state === 'done') return
    this.abandon()
    this.#finish(this.#none)
  }

  get #none(): ReplyValue {
    return this.#args[0]!.toString('latin1').toLowerCase() === 'waitaof' ? [0, 0] : 0
  }

  #finish(reply: ReplyValue): void {
    this.#state = 'done'
    this.#desk.finish(this.#request, reply)
    this.#desk.go()
  }

  /** The client is gone. */
  abandon(): void {
    this.#state = 'done'
    for (const leg of this.#legs) leg.abandon()
  }

  /** `CLIENT UNBLOCK`: as if the time were over; nothing is acknowledged as far as anybody knows. */
  async unblock(error: boolean): Promise<boolean> {
    if (this.#state === 'done') return false
    this.abandon()
    this.#finish(error ? new ErrorReply(replyText.unblocked) : this.#none)
    return true
  }
}

/** The first error, or the lowest of the numbers, place by place. */
function lowest(frames: readonly Buffer[]): ReplyValue {
  const error = frames.find((frame) => frame[0] === MINUS)
  if (error !== undefined) return new RawReply(error)
  const rows = frames.map(numbersOf)
  const least = rows[0]!.map((_, i) => Math.min(...rows.map((row) => row[i]!)))
  return isAggregate(frames[0]!, 0) ? least : least[0]!
}

function numbersOf(frame: Buffer): number[] {
  if (!isAggregate(frame, 0)) return [Number(content(frame, 0).toString('latin1'))]
  const items = new FrameItems(frame)
  const numbers: number[] = []
  while (items.next()) numbers.push(Number(content(frame, items.start).toString('latin1')))
  return numbers
}
