import { Errand } from '../cluster/errand.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import type { CommandSpec } from '../command/spec.ts'
import { isWord } from '../command/words.ts'
import { type ProxyError, replyText } from '../errors.ts'
import { ErrorReply, NULL_ARRAY, RawReply, type ReplyValue } from '../resp/encode.ts'
import { argumentsOf, frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { PrivateCourse, Traveller } from '../router/private-course.ts'
import type { Request } from '../router/request.ts'
import type { Desk } from './desk.ts'
import { lastIdOf, newestIds, questionFor } from './newest-ids.ts'

/** Where the time limit of a blocking command stands, and how many of its units a second has. */
interface Limit {
  readonly index: number
  readonly unit: 1 | 1000
}

/** Commands whose time limit, in seconds, is their first argument; that of the others is the last. */
const LIMIT_FIRST = new Set(['blmpop', 'bzmpop'])
const LIMIT_LAST = new Set(['blpop', 'brpop', 'blmove', 'brpoplpush', 'bzpopmin', 'bzpopmax'])
const STREAM_READS = new Set(['xread', 'xreadgroup'])
const MINUS = 45
const UNBLOCKED = '-UNBLOCKED '
/** The shortest time limit, in seconds: 0 would be none. */
const SHORTEST = 0.001
/** A command that waited for so long has a fresh budget for redirects, milliseconds. */
const SETTLED = 1000

function limitOf({ name }: CommandSpec, view: RequestView): Limit | undefined {
  if (LIMIT_FIRST.has(name)) return { index: 1, unit: 1 }
  if (LIMIT_LAST.has(name)) return { index: view.argc - 1, unit: 1 }
  if (!STREAM_READS.has(name)) return undefined
  for (let i = 1; i < view.argc; i++) {
    if (isWord(view, i, 'block')) return { index: i + 1, unit: 1000 }
    if (isWord(view, i, 'count')) i++
    else if (isWord(view, i, 'group')) i += 2
  }
  return undefined
}

/** One thing sent on the connection of a {@link BlockingCall}. */
class Sending extends Errand {
  readonly #lost: (error: ProxyError) => void

  constructor(
    bytes: Buffer,
    asking: boolean,
    reply: (frame: Buffer) => void,
    lost: (error: ProxyError) => void
  ) {
    super(bytes, (buffer, start, end) => reply(Buffer.from(buffer.subarray(start, end))), asking)
    this.#lost = lost
  }

  override onLost(error: ProxyError): void {
    this.#lost(error)
  }
}

/**
 * ```
 * seeking --connection--> waiting --reply--> done
 *    ^                       |
 *    +--MOVED, UNBLOCKED, lost: the remaining time
 * ```
 */
export type BlockingState = 'seeking' | 'waiting' | 'done'

/** What it uses of its client. */
export type BlockingDesk = Pick<
  Desk,
  'lane' | 'finish' | 'go' | 'course' | 'writing' | 'wrote' | 'endWait'
>

/** A blocking command of one client, on a private connection, for as long as it takes. */
export class BlockingCall implements Traveller {
  readonly lane: number
  #state: BlockingState = 'seeking'
  readonly #desk: BlockingDesk
  readonly #request: Request
  readonly #args: Buffer[]
  readonly #limit: Limit | undefined
  readonly #newest: readonly { id: number; stream: number }[]
  readonly #course: PrivateCourse
  readonly #slot: number
  readonly #mayWrite: boolean
  /** When the first attempt was made, milliseconds; 0 before. */
  #startedAt = 0
  #sentAt = 0
  #connection: PrivateConnection | undefined
  /** The node was told to end the wait, and has not said yet whether it did. */
  #telling: Promise<boolean> | undefined
  #unblocking = false
  /** What a node said that ended the wait a moment ago: the stream of XREADGROUP was moved elsewhere, or is gone for good. */
  #unblocked: Buffer | undefined

  constructor(
    desk: BlockingDesk,
    request: Request,
    view: RequestView,
    spec: CommandSpec,
    slot: number
  ) {
    this.#desk = desk
    this.lane = desk.lane
    this.#request = request
    // What is kept for long must not keep the whole chunk that the request came in.
    this.#args = argumentsOf(view).map((each) => Buffer.from(each))
    this.#limit = limitOf(spec, view)
    this.#newest = spec.name === 'xread' ? newestIds(this.#args) : []
    this.#slot = slot
    this.#mayWrite = slot >= 0 && spec.name !== 'xread'
    this.#course = desk.course(this, slot, spec.name)
  }

  /** Begins; everything older is answered. */
  start(): void {
    if (this.#state === 'done') return
    if (this.#mayWrite) this.#desk.writing(this.#slot)
    this.#course.seek()
  }

  onConnection(connection: PrivateConnection, asking: boolean): void {
    this.#state = 'waiting'
    this.#connection = connection
    connection.patient = true
    this.#request.node = connection.node
    const now = performance.now()
    if (this.#startedAt === 0) this.#startedAt = now
    else this.#shorten(now - this.#startedAt)
    this.#sentAt = now
    const current = (): boolean => this.#connection === connection
    for (const { id, stream } of this.#newest) this.#noteNewest(connection, asking, id, stream)
    const bytes = frameRequest(this.#args).buffer
    connection.send(
      new Sending(
        bytes,
        asking,
        (frame) => {
          if (current()) this.#answered(connection, frame)
        },
        (error) => {
          if (current()) this.onLost(error)
        }
      )
    )
  }

  /** What `$` means is asked together with the first attempt: nothing that comes later is missed by a further one. */
  #noteNewest(connection: PrivateConnection, asking: boolean, id: number, stream: number): void {
    if (this.#args[id]!.toString() !== '$') return
    const bytes = questionFor(this.#args[stream]!)
    const note = (frame: Buffer): void => {
      const last = lastIdOf(frame)
      if (last !== undefined && this.#connection === connection) this.#args[id] = last
    }
    connection.send(new Sending(bytes, asking, note, () => {}))
  }

  /** Takes the time that has gone off the time limit; a limit of 0 stays. */
  #shorten(elapsed: number): void {
    if (this.#limit === undefined) return
    const { index, unit } = this.#limit
    const given = Number(this.#args[index]!.toString('latin1'))
    if (!(given > 0)) return
    const seconds = Math.max(SHORTEST, given / unit - elapsed / 1000)
    this.#startedAt += elapsed
    const text = unit === 1000 ? String(Math.ceil(seconds * 1000)) : seconds.toFixed(3)
    this.#args[index] = Buffer.from(text)
  }

  #answered(connection: PrivateConnection, frame: Buffer): void {
    if (this.#state === 'done') {
      this.#connection = undefined
      this.#giveBack(connection)
      return
    }
    if (frame[0] !== MINUS) {
      this.#finish(new RawReply(frame))
      return
    }
    if (performance.now() - this.#sentAt > SETTLED) {
      this.#course.refreshBudget()
      this.#unblocked = undefined
    }
    if (frame.toString('latin1', 0, UNBLOCKED.length) === UNBLOCKED && !this.#unblocking) {
      this.#unblocked = frame
      this.onLost(undefined)
      return
    }
    const seen = this.#course.judge(frame, 0, frame.length)
    if (seen !== undefined) {
      this.#finish(new RawReply(this.#unblocked ?? seen))
      return
    }
    this.#state = 'seeking'
    this.#connection = undefined
    this.#giveBack(connection)
  }

  /** What ends the wait must not meet the next borrower's. */
  #giveBack(connection: PrivateConnection): void {
    if (this.#telling === undefined) connection.giveBack()
    else void this.#telling.then(() => connection.giveBack())
  }

  /**
   * The connection is lost, or the node is no master any more. What it was waiting for had not come, as far as anybody knows: it goes on
   * waiting elsewhere.
   */
  onLost(error: ProxyError | undefined): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    connection.discard()
    if (this.#state === 'done') return
    this.#state = 'seeking'
    if (performance.now() - this.#sentAt > SETTLED) this.#course.refreshBudget()
    if (this.#course.again()) return
    this.onFailed(replyText.unreachable(error?.message ?? 'its master was demoted'))
  }

  onFailed(text: string): void {
    this.#finish(new ErrorReply(text))
  }

  #finish(reply: ReplyValue): void {
    if (this.#state === 'done') return
    const connection = this.#release()
    this.#desk.finish(this.#request, reply)
    if (connection !== undefined) this.#giveBack(connection)
    this.#desk.go()
  }

  #release(): PrivateConnection | undefined {
    const connection = this.#connection
    this.#state = 'done'
    this.#connection = undefined
    this.#course.cancel()
    if (this.#mayWrite) this.#desk.wrote(this.#slot, connection?.node)
    return connection
  }

  /** The client is gone: its connection is closed at once, so that nothing is popped for nobody. */
  abandon(): void {
    this.#release()?.discard()
  }

  /** `CLIENT UNBLOCK`: the node itself ends the wait, so that nothing which came meanwhile is lost. */
  async unblock(error: boolean): Promise<boolean> {
    const connection = this.#connection
    if (this.#state === 'done') return false
    if (connection?.clientId !== undefined) {
      this.#unblocking = true
      const ended = await this.#tell(connection, error)
      this.#unblocking = ended
      // If not, it is answered, and the answer on its way.
      return ended
    }
    this.#release()?.discard()
    this.#desk.finish(this.#request, error ? new ErrorReply(replyText.unblocked) : NULL_ARRAY)
    this.#desk.go()
    return true
  }

  #tell(connection: PrivateConnection, error: boolean): Promise<boolean> {
    const telling = this.#desk.endWait(connection, error)
    this.#telling = telling
    return telling
  }

  /** Nobody wants the answer of a read that takes nothing: the node ends the wait, and the connection is for others. */
  async cancel(): Promise<void> {
    const connection = this.#connection
    if (connection?.clientId === undefined) {
      this.abandon()
      return
    }
    this.#state = 'done'
    this.#course.cancel()
    if (!(await this.#tell(connection, false)) && this.#connection === connection) {
      connection.discard()
    }
  }
}
