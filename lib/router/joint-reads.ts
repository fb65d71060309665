import type { Connection, NodeRequest } from '../cluster/connection.ts'
import type { Lane } from '../cluster/lane.ts'
import { LANES, plainLane } from '../cluster/lanes.ts'
import type { CommandSpec } from '../command/spec.ts'
import type { ProxyError } from '../errors.ts'
import { lendToAll } from '../resp/large-buffers.ts'
import { Part } from './composite.ts'
import { isPlainRead } from './reader.ts'
import { Request } from './request.ts'

/** Longer requests go alone, bytes: they would be compared in vain too often. */
const LONGEST = 512
const NOTHING: Buffer = Buffer.alloc(0)
/** Places for reads, and for slots. Of two reads in one place only the later can be joined; slots in one place count as one. */
const PLACES = 256

/** One read on its way to a node for all requests with the same bytes. Each is told the reply as if it had been sent itself. */
export class JointRead implements NodeRequest {
  bytes: Buffer
  readonly start: number
  readonly end: number
  readonly asking = false
  sentAt = 0
  /** Until when it can be joined: see {@link Unwritten}. */
  readonly span: number
  readonly changes: number
  #first: Request | undefined
  /** Those that joined it. */
  #others: Request[] | undefined = undefined

  constructor(first: Request, span: number, changes: number) {
    this.bytes = first.bytes
    this.start = first.start
    this.end = first.end
    this.#first = first
    this.span = span
    this.changes = changes
  }

  /** Whether a request has the same bytes. */
  equals({ bytes, start, end }: Request): boolean {
    const own = this.bytes
    const offset = this.start - start
    if (end + offset !== this.end) return false
    // What differs is most often at the end.
    for (let i = end - 1; i >= start; i--) if (bytes[i] !== own[i + offset]) return false
    return true
  }

  /** Takes in one more. */
  join(request: Request): void {
    if (this.#others === undefined) this.#others = [request]
    else this.#others.push(request)
  }

  /** All that it is for, oldest first. */
  get requests(): readonly Request[] {
    return [this.#first!, ...(this.#others ?? [])]
  }

  onReply(buffer: Buffer, start: number, end: number): void {
    const first = this.#first!
    const others = this.#others
    this.#letGo()
    if (others !== undefined) lendToAll(buffer, others.length + 1)
    first.onReply(buffer, start, end)
    if (others === undefined) return
    for (let i = 0; i < others.length; i++) others[i]!.onReply(buffer, start, end)
  }

  onLost(error: ProxyError, written: boolean): void {
    const { requests } = this
    this.#letGo()
    // The newest first, as on the connection.
    for (const request of requests.toReversed()) request.onLost(error, written)
  }

  /** It may be known for long that it cannot be joined any more: it must not keep a client's bytes meanwhile. */
  #letGo(): void {
    this.bytes = NOTHING
    this.#first = undefined
    this.#others = undefined
  }
}

/** The routed requests that one in flight stands for; none for a question of the proxy's own. */
export function requestsOf(request: NodeRequest): readonly Request[] {
  if (request instanceof JointRead) return request.requests
  return request instanceof Request ? [request] : []
}

/** The reads that a connection has not written yet, and that others can join. */
interface Unwritten {
  /** Which of the connection's writes comes next. */
  write: number
  /** Grows when none of them can be joined any more. */
  span: number
  /** By slot: how often it was changed. */
  readonly changes: Uint32Array
  readonly reads: (JointRead | undefined)[]
}

/**
 * Option `coalesce`: identical reads that would be in the same write to a node become one of it.
 *
 * ```
 * to be written:   GET a    GET b    SET b    [GET b]   [GET a]
 *                    ^                  |        |         |
 *                    |                  +--------+ alone   |
 *                    +------------------------- joins -----+
 * ```
 *
 * A read that joins is written when it would have been written anyway; it only takes effect before some requests of that write which came before it. None of
 * these changes its slot, so it is told what it would have been told: nothing older than what its client, or any other, was told before it was read.
 */
export class JointReads {
  /** Requests that joined another since the start. */
  joined = 0
  readonly #unwritten: WeakMap<Connection, Unwritten> = new WeakMap()
  readonly #kinds: WeakMap<CommandSpec, Kind> = new WeakMap()

  /** Sees to a request that is to be sent over a lane, if it is one that can be joined; else takes note of it, and gives false. */
  send(request: Request, lane: Lane): boolean {
    const { connection } = lane
    if (connection === undefined || connection.state !== 'ready') return false
    const unwritten = this.#unwrittenOf(connection)
    const { span, changes, reads } = unwritten
    const { slot, spec } = request
    const kind = this.#kindOf(spec)
    if (kind === CHANGES_KEYS && slot >= 0) changes[slot % PLACES]!++
    else if (kind === CHANGES_KEYS || kind === MAY_CHANGE_ALL) unwritten.span++
    if (kind !== JOINABLE || !goesItsWay(request)) return false
    const changed = changes[slot % PLACES]!
    const at = placeOf(request)
    const known = reads[at]
    if (known?.span === span && known.changes === changed && known.equals(request)) {
      known.join(request)
      this.joined++
      return true
    }
    const read = new JointRead(request, span, changed)
    reads[at] = read
    if (!lane.send(read)) request.owner.onCongested(lane)
    return true
  }

  #unwrittenOf(connection: Connection): Unwritten {
    const { writes } = connection
    let known = this.#unwritten.get(connection)
    if (known === undefined) {
      const reads = new Array<undefined>(PLACES).fill(undefined)
      known = { write: writes, span: 0, changes: new Uint32Array(PLACES), reads }
      this.#unwritten.set(connection, known)
    }
    if (known.write !== writes) {
      known.write = writes
      known.span++
    }
    return known
  }

  #kindOf(spec: CommandSpec | undefined): Kind {
    if (spec === undefined) return MAY_CHANGE_ALL
    const known = this.#kinds.get(spec)
    if (known !== undefined) return known
    const kind = kindOf(spec)
    this.#kinds.set(spec, kind)
    return kind
  }
}

const JOINABLE = 0
const READS = 1
const CHANGES_KEYS = 2
const MAY_CHANGE_ALL = 3

/** What a command is to reads before it, and whether it may join one. */
type Kind = typeof JOINABLE | typeof READS | typeof CHANGES_KEYS | typeof MAY_CHANGE_ALL

function kindOf(spec: CommandSpec): Kind {
  // A write keeps to its keys; what a script does, nobody knows.
  if (!isPlainRead(spec)) return spec.write ? CHANGES_KEYS : MAY_CHANGE_ALL
  // Who asks for something at random wants a draw of its own; scripts may do so, too.
  const random = spec.tips.includes('nondeterministic_output') || spec.flags.has('random')
  return random || spec.noscript ? READS : JOINABLE
}

/** Where a read is looked for: what differs is most often the slot, the length, or the last characters. */
function placeOf({ bytes, start, end, slot }: Request): number {
  return (slot + 7 * (end - start) + 31 * bytes[end - 3]! + 101 * bytes[end - 4]!) % PLACES
}

/** Only what goes its usual way for the first time: whatever was refused, or must keep its place among others, goes alone. */
function goesItsWay(request: Request): boolean {
  const { slot, hold, detour, asking, lane } = request
  if (slot < 0 || hold !== undefined || asking) return false
  if (detour !== undefined && detour.redirects + detour.retries > 0) return false
  if (request.end - request.start > LONGEST || request instanceof Part) return false
  // Who tracks keys, or shares no connection, has lanes of other kinds.
  return lane <= LANES.resp3 || lane === plainLane(lane)
}
