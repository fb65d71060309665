import type { NodeRequest } from '../cluster/connection.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import type { CommandSpec } from '../command/spec.ts'
import { isWord } from '../command/words.ts'
import { type ProxyError, replyText } from '../errors.ts'
import { ErrorReply, NULL_ARRAY, RawReply, type ReplyValue } from '../resp/encode.ts'
import { content, FrameItems, isError, valueStart } from '../resp/frame.ts'
import { argumentsOf, frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { PrivateCourse, Traveller } from '../router/private-course.ts'
import type { Request } from '../router/request.ts'
import type { Desk } from './desk.ts'

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

/** Indexes of the ids `$` of an XREAD, with the indexes of their streams. */
function newestIds(args: readonly Buffer[]): { id: number; stream: number }[] {
  const words = args.map((each) => each.toString('latin1').toLowerCase())
  const first = words.indexOf('streams', 1) + 1
  const half = (args.length - first) / 2
  if (first === 0 || !Number.isInteger(half)) return []
  const found: { id: number; stream: number }[] = []
  for (let i = 0; i < half; i++) {
    if (words[first + half + i] === '$') found.push({ id: first + half + i, stream: first + i })
  }
  return found
}

/** The last id that a reply to XINFO STREAM tells; that of an empty stream when there is none yet. */
function lastId(frame: Buffer): Buffer | undefined {
  const at = valueStart(frame)
  if (isError(frame, at)) {
    return content(frame, at).toString('latin1') === 'ERR no such key'
      ? Buffer.from('0-0')
      : undefined
  }
  const items = new FrameItems(frame)
  while (items.next()) {
    const key = content(frame, valueStart(frame, items.start)).toString('latin1')
    if (!items.next()) return undefined
    if (key === 'last-generated-id') return Buffer.from(content(frame, items.start))
  }
  return undefined
}

/** One thing sent on the connection of a {@link BlockingCall}. */
class Sending implements NodeRequest {
  readonly bytes: Buffer
  readonly start = 0
  readonly end: number
  readonly asking: boolean
  sentAt = 0
  readonly #reply: (frame: Buffer) => void
  readonly #lost: (error: ProxyError, written: boolean) => void

  constructor(
    bytes: Buffer,
    asking: boolean,
    reply: (frame: Buffer) => void,
    lost: (error: ProxyError, written: boolean) => void
  ) {
    this.bytes = bytes
    this.end = bytes.length
    this.asking = asking
    this.#reply = reply
    this.#lost = lost
  }

  onReply(buffer: Buffer, start: number, end: number): void {
    this.#reply(Buffer.from(buffer.subarray(start, end)))
  }

  onLost(error: ProxyError, written: boolean): void {
    this.#lost(error, written)
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

/** Has a node end the wait on a connection; false if it was not waiting. */
export type Unblocker = (connection: PrivateConnection, error: boolean) => Promise<boolean>

/** A blocking command of one client, on a private connection, for as long as it takes. */
export class BlockingCall implements Traveller {
  readonly lane: number
  #state: BlockingState = 'seeking'
  readonly #desk: Desk
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

  constructor(desk: Desk, request: Request, view: RequestView, spec: CommandSpec, slot: number) {
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
    const bytes = frameRequest(['XINFO', 'STREAM', this.#args[stream]!]).buffer
    const note = (frame: Buffer): void => {
      const last = lastId(frame)
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
    if (frame[0] !== MINUS) {
      this.#finish(new RawReply(frame))
      return
    }
    if (performance.now() - this.#sentAt > SETTLED) this.#course.refreshBudget()
    if (frame.toString('latin1', 0, UNBLOCKED.length) === UNBLOCKED && !this.#unblocking) {
      this.onLost(undefined)
      return
    }
    const seen = this.#course.judge(frame, 0, frame.length)
    if (seen !== undefined) {
      this.#finish(new RawReply(seen))
      return
    }
    this.#state = 'seeking'
    this.#connection = undefined
    connection.giveBack()
  }

  #unblocking = false

  /**
   * The connection is lost, or the node is no master any more. What it was waiting for had not come, as far as anybody knows: it goes on
   * waiting elsewhere.
   */
  onLost(error: ProxyError | undefined): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#state = 'seeking'
    this.#connection = undefined
    connection.discard()
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
    connection?.giveBack()
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
    if (this.#state === 'done') return
    this.#release()?.discard()
  }

  /** `CLIENT UNBLOCK`: the node itself ends the wait, so that nothing which came meanwhile is lost. */
  async unblock(error: boolean, tell: Unblocker): Promise<boolean> {
    const connection = this.#connection
    if (this.#state === 'done') return false
    if (connection?.clientId !== undefined) {
      this.#unblocking = true
      const ended = await tell(connection, error)
      this.#unblocking = ended
      // If not, it is answered, and the answer on its way.
      return ended
    }
    this.#release()?.discard()
    this.#desk.finish(this.#request, error ? new ErrorReply(replyText.unblocked) : NULL_ARRAY)
    this.#desk.go()
    return true
  }
}
