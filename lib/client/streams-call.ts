import type { CommandSpec } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { ErrorReply, encodeReply, NULL_ARRAY, RawReply, type ReplyValue } from '../resp/encode.ts'
import { isNull } from '../resp/frame.ts'
import { frameRequest } from '../resp/request-reader.ts'
import type { Step } from '../router/composite.ts'
import type { AwaitedStream, GatherPlan, StreamWait } from '../router/gather/gather.ts'
import type { Request } from '../router/request.ts'
import { BlockingCall, type BlockingDesk } from './blocking.ts'
import type { Desk } from './desk.ts'
import { lastIdOf, questionFor } from './newest-ids.ts'

/**
 * ```
 * looking --nothing yet--> waiting, once for each slot --the first reply--> done
 *     \---------------------something, or an error--------------------------^
 * ```
 */
type State = 'looking' | 'waiting' | 'done'

/**
 * An XREAD with BLOCK over streams of several slots. First it looks what all of them have, and what `$` means for each; only when that is nothing
 * it waits, with one private connection for each slot. The first of them that is answered wins. Since such a read takes nothing, what the
 * others would have given is there for the next one.
 */
export class StreamsCall {
  readonly #desk: Desk
  readonly #request: Request
  readonly #spec: CommandSpec
  readonly #look: GatherPlan
  readonly #wait: StreamWait
  #streams: readonly AwaitedStream[]
  #state: State = 'looking'
  #calls: BlockingCall[] = []

  constructor(desk: Desk, request: Request, spec: CommandSpec, look: GatherPlan) {
    this.#desk = desk
    this.#request = request
    this.#spec = spec
    this.#look = look
    this.#wait = look.wait!
    this.#streams = this.#wait.streams
  }

  /** Begins; everything older is answered. */
  start(): void {
    if (this.#state === 'done') return
    const startedAt = performance.now()
    void this.#desk.carryOut(this.#firstLook()).then((reply) => {
      if (this.#state === 'done') return
      if (isNull(reply, 0)) this.#waitSince(startedAt)
      else this.#finish(new RawReply(reply))
    })
  }

  /** Reads all streams, and asks which ids are the newest before. */
  #firstLook(): Step {
    const { protocol } = this.#desk
    const newest = this.#streams.filter(({ id }) => id.toString() === '$')
    const questions = newest.map(({ slot, key }) => ({ bytes: questionFor(key), slot, anchor: -1 }))
    const reads = this.#look.parts.map(({ slot, args }) => {
      return { bytes: frameRequest(args).buffer, slot, anchor: -1 }
    })
    return {
      parts: [...questions, ...reads],
      finish: (replies) => {
        const frames = replies.map(({ reply }) => reply)
        this.#fix(newest, frames.splice(0, newest.length))
        return encodeReply(this.#look.finish(frames, protocol), protocol)
      },
    }
  }

  #fix(newest: readonly AwaitedStream[], frames: readonly Buffer[]): void {
    this.#streams = this.#streams.map((stream) => {
      const at = newest.indexOf(stream)
      const id = at < 0 ? undefined : lastIdOf(frames[at]!)
      return id === undefined ? stream : { ...stream, id: Buffer.from(id) }
    })
  }

  #waitSince(startedAt: number): void {
    const { timeout } = this.#wait
    const left = Math.max(1, Math.ceil(timeout - (performance.now() - startedAt)))
    const groups = new Map<number, AwaitedStream[]>()
    for (const stream of this.#streams) {
      const group = groups.get(stream.slot)
      if (group === undefined) groups.set(stream.slot, [stream])
      else group.push(stream)
    }
    this.#state = 'waiting'
    this.#calls = Array.from(groups, ([slot, streams]) =>
      this.#callFor(slot, streams, timeout === 0 ? 0 : left)
    )
    for (const call of this.#calls) call.start()
  }

  #callFor(slot: number, streams: readonly AwaitedStream[], timeout: number): BlockingCall {
    const { count } = this.#wait
    const view = frameRequest([
      'XREAD',
      ...(count === undefined ? [] : ['COUNT', count]),
      'BLOCK',
      String(timeout),
      'STREAMS',
      ...streams.map(({ key }) => key),
      ...streams.map(({ id }) => id),
    ])
    const desk = this.#desk
    const part: BlockingDesk = {
      lane: desk.lane,
      finish: (_request, reply) => this.#finish(reply),
      go: () => {},
      course: (traveller, at, command) => desk.course(traveller, at, command),
      writing: () => {},
      wrote: () => {},
      endWait: (connection, error) => desk.endWait(connection, error),
    }
    return new BlockingCall(part, this.#request, view, this.#spec, slot)
  }

  #finish(reply: ReplyValue): void {
    if (this.#state === 'done') return
    this.#state = 'done'
    for (const call of this.#calls) void call.cancel()
    this.#desk.finish(this.#request, reply)
    this.#desk.go()
  }

  /** The client is gone. */
  abandon(): void {
    this.#state = 'done'
    for (const call of this.#calls) call.abandon()
  }

  /** `CLIENT UNBLOCK`: nothing is taken by what it waits for, so the nodes need not be asked. */
  async unblock(error: boolean): Promise<boolean> {
    if (this.#state === 'done') return false
    this.#finish(error ? new ErrorReply(replyText.unblocked) : NULL_ARRAY)
    return true
  }
}
