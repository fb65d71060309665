import type { NodeRequest } from '../cluster/connection.ts'
import type { Lane } from '../cluster/lane.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { CommandSpec } from '../command/spec.ts'
import type { ProxyError } from '../errors.ts'
import { giveBack } from '../resp/large-buffers.ts'
import { copyPiece } from '../resp/piece.ts'
import { isReused } from '../resp/reply-reader.ts'
import type { RequestView } from '../resp/request-reader.ts'
import { Arena } from '../resp/slab.ts'
import type { Reader } from './reader.ts'

/** What keeps the requests of one owner for one slot in order while that takes care: see `SlotHold`. */
export interface RequestHold {
  /** Takes in a request that was not sent. */
  add(request: Request): void
  /** Takes back a request that was flying, to be sent again after `delay` milliseconds at the earliest. */
  again(request: Request, delay: number): void
  /** A request that was flying is answered. */
  settled(request: Request): void
}

/** Whoever gets the replies: one client, or the proxy itself. */
export interface RequestOwner {
  /** The lane that its requests take on whichever node: its protocol version. */
  readonly lane: number
  /** Whether nobody waits for replies any more. */
  readonly gone: boolean
  /** Slots whose requests wait behind others; undefined while there are none, which is nearly always. The router's. */
  holds: Map<number, RequestHold> | undefined
  /** Set for an owner that reads from replicas. */
  readonly reader: Reader | undefined
  /** Takes the reply to one of its requests; the bytes are valid during the call only. */
  deliver(request: Request, buffer: Buffer, start: number, end: number): void
  /** One of its requests is carried out in parts, and this part is answered. */
  onPartAnswered(part: Request): void
  /** Its requests that were given to the router and not answered yet, oldest first; the parts of those that are carried out in parts. */
  outstanding(): Iterable<Request>
  /** A lane that it sends to is congested: it should send no more until {@link Lane.onceDrained}. */
  onCongested(lane: Lane): void
}

/** What a request asks of the router. */
export interface RequestHandler {
  /** Deals with an error reply; false if it is the client's to see. */
  onErrorReply(request: Request, buffer: Buffer, start: number, end: number): boolean
  onLost(request: Request, error: ProxyError, written: boolean): void
  /** Whether a request that waits for a connection has used up its time; `down`: the node was tried in vain. */
  isOverdue(request: Request, down: boolean): boolean
}

/** Where the bytes of a request stand. */
export type RequestPlace = Pick<RequestView, 'buffer' | 'start' | 'end'>

/** Where a reply is kept: `reply` holds it from `replyStart` to `replyEnd`. */
export interface ReplyPlace {
  readonly reply: Buffer | undefined
  readonly replyStart: number
  readonly replyEnd: number
}

const MINUS = 45
const NOTHING: Buffer = Buffer.alloc(0)

/** A longer reply gets a buffer of its own, so that what waits for long pins little. */
const LONG = 2 * 1024
/** Where replies wait for older ones. */
const arena = new Arena(32 * 1024, LONG)

/** Bytes that may be kept for long: as they are, unless that would pin much more. */
function lasting(buffer: Buffer, start: number, end: number): Buffer {
  const frame = buffer.subarray(start, end)
  return isReused(buffer) || frame.length < buffer.length / 2 ? Buffer.from(frame) : frame
}

/** Longer requests may lie in a buffer that others can use afterwards: bytes. */
const LARGE = 16 * 1024

/** What becomes of a request that is not just sent to the master of its slot and answered. Most requests have none of this. */
export class Detour {
  /** The node that an ASK named, for the next sending only. */
  askTarget: ClusterNode | undefined = undefined
  /** The replica to read from; undefined for the master. */
  replica: ClusterNode | undefined = undefined
  /** For a request without keys: a slot whose master gets it; -1 for any master. */
  anchor = -1
  /** For a request without keys: the name of the node that gets it, before the master of `anchor`. */
  target: string | undefined = undefined
  /** The requests that this one is carried out as, while it is. */
  parts: readonly Request[] | undefined = undefined
  redirects = 0
  retries = 0
  /** How often a script that it names was loaded for it. */
  heals = 0
  /** Clock reading until when it may be tried again; 0 before the first failure, or the first wait for a node that is down. */
  deadline = 0
  /** Whether it is a write of which nobody knows if it was executed. */
  uncertain = false
}

/**
 * One command of a client on its way through the proxy: a record with methods, put into two queues, that of the client's
 * replies and that of the connection's requests. It keeps its bytes until it is answered, so that it can be sent again.
 */
export class Request implements NodeRequest, ReplyPlace {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly spec: CommandSpec | undefined
  /** Slot of its keys; -1 without keys. */
  readonly slot: number
  readonly owner: RequestOwner
  /** The lane it takes, as its owner's was when it was read. */
  lane: number
  readonly #handler: RequestHandler
  /** Grows from one request of an owner to the next; the owner sets it. */
  sequence = 0
  /** Whether its reply is dropped (`CLIENT REPLY`). */
  silent = false
  asking = false
  sentAt = 0
  /** The node it was sent to last. */
  node: ClusterNode | undefined = undefined
  /** What else becomes of it; undefined for most. */
  detour: Detour | undefined = undefined
  /** Set while its order among others of its slot needs care. */
  hold: RequestHold | undefined = undefined
  /** Holds its reply from `replyStart` to `replyEnd`, while older ones are missing. */
  reply: Buffer | undefined = undefined
  replyStart = 0
  replyEnd = 0
  /** When it was read, as `performance.now()` tells; 0 when nobody listens for `command`. */
  readAt = 0

  constructor(
    view: RequestPlace,
    spec: CommandSpec | undefined,
    slot: number,
    owner: RequestOwner,
    handler: RequestHandler
  ) {
    this.bytes = view.buffer
    this.start = view.start
    this.end = view.end
    this.spec = spec
    this.slot = slot
    this.owner = owner
    this.lane = owner.lane
    this.#handler = handler
  }

  /** What else becomes of it, made when it is first needed: a record that is short stays in the processor's caches until its reply comes. */
  makeDetour(): Detour {
    this.detour ??= new Detour()
    return this.detour
  }

  /** The requests that it is carried out as, while it is. */
  get parts(): readonly Request[] | undefined {
    return this.detour?.parts
  }

  /** The replica that it is read from; undefined for the master. */
  get replica(): ClusterNode | undefined {
    return this.detour?.replica
  }

  onReply(buffer: Buffer, start: number, end: number): void {
    if (buffer[start] === MINUS && this.#handler.onErrorReply(this, buffer, start, end)) return
    this.finish(buffer, start, end)
    if (this.end - this.start > LARGE && buffer[start] !== MINUS) this.letGo()
  }

  /** The node has read it whole, and nobody will send it again. */
  protected letGo(): void {
    giveBack(this.bytes)
  }

  onLost(error: ProxyError, written: boolean): void {
    this.#handler.onLost(this, error, written)
  }

  isOverdue(down: boolean): boolean {
    return this.#handler.isOverdue(this, down)
  }

  /** Hands the reply to the owner, then lets go on what waited behind it. */
  finish(buffer: Buffer, start: number, end: number): void {
    const { hold } = this
    this.owner.deliver(this, buffer, start, end)
    if (hold !== undefined) hold.settled(this)
  }

  /** Keeps its reply until that is asked for. */
  keep(buffer: Buffer, start: number, end: number): void {
    const length = end - start
    if (length > LONG) {
      this.reply = lasting(buffer, start, end)
      this.replyEnd = length
      return
    }
    const slab = arena.take(length)
    this.reply = slab.bytes
    this.replyStart = arena.from
    this.replyEnd = copyPiece(buffer, start, end, slab, arena.from)
  }

  /** Keeps nothing of its reply but that it came. */
  forget(): void {
    this.reply = NOTHING
    this.replyStart = 0
    this.replyEnd = 0
  }
}

/**
 * Whether a write of the same owner and slot that was sent after this read may have been executed: sent again, the read could see its effect.
 */
export function precedesUncertain({ owner, slot, sequence }: Request): boolean {
  for (const each of owner.outstanding()) {
    if (each.detour?.uncertain === true && each.slot === slot && each.sequence > sequence)
      return true
  }
  return false
}
