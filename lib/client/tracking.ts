import type { TrackedKey } from '../cluster/key-watch.ts'
import { LANES, trackedKind } from '../cluster/lanes.ts'
import { findKeys } from '../command/keys.ts'
import { keySlot } from '../command/slot.ts'
import { arityFits, type CommandSpec, NO_KEYS } from '../command/spec.ts'
import type { SubscriptionKind } from '../pubsub/kind.ts'
import type { ProtocolVersion } from '../resp/encode.ts'
import type { RequestView } from '../resp/request-reader.ts'
import type { Request } from '../router/request.ts'
import { TrackedRead, type TrackingGroup } from './tracking-group.ts'

/** Of which keys a client is told: those that it reads, those that it reads after `CLIENT CACHING YES`, or not after `NO`, or all with a prefix. */
export type TrackingMode = 'default' | 'optin' | 'optout' | 'bcast'

/** A client as far as it is told of keys. */
export interface TrackingClient {
  readonly session: {
    readonly id: number
    readonly protocol: ProtocolVersion
    readonly lane: number
  }
  /** While it is subscribed to anything, what is told to a RESP2 client comes as a message. */
  readonly subscriptions: Readonly<Record<SubscriptionKind, number>>
  /** Whether its connection is closed. */
  readonly gone: boolean
  /** Sends what answers no request, behind all replies that have come. */
  pushBehind(bytes: Buffer): void
  /** Ends the connection after the replies to all earlier commands are written. */
  closeAfterReplies(): void
}

/** What a {@link Tracking} needs of what sees to all of them. */
export interface TrackingHost {
  /** Tells a client that keys were changed; undefined: all of them. */
  tell(tracking: Tracking, keys: readonly string[] | undefined): void
  /** A client is to be told when the key changes. */
  remember(group: TrackingGroup<Tracking>, key: TrackedKey, tracking: Tracking): void
  /** Whether a key that a request has just read is watched where it was read. */
  isGuarded(group: TrackingGroup<Tracking>, key: TrackedKey, request: Request): boolean
  /** Has keys of one slot watched; false if that failed. */
  touch(group: TrackingGroup<Tracking>, keys: readonly TrackedKey[]): Promise<boolean>
  /** A client of a lane whose changes the nodes do not tell to that lane has written keys. */
  onWritten(read: TrackedRead<Tracking>, by: Tracking): void
}

const NONE: readonly TrackedKey[] = []
const SCRIPTS = new Set(['eval', 'evalsha', 'fcall'])
const FLUSHES = new Set(['flushall', 'flushdb'])
const positions: number[] = []

/** What one client chose with `CLIENT TRACKING`, and what it reads just now. */
export class Tracking {
  readonly client: TrackingClient
  mode: TrackingMode = 'default'
  /** `NOLOOP`. */
  noLoop = false
  /** `REDIRECT`: the client that is told in its place; 0 for itself. */
  redirect = 0
  /** Whether that client was gone when it was to be told. */
  broken = false
  /** For `bcast`, one character for each byte. */
  prefixes: readonly string[] = []
  /** `CLIENT CACHING` was given for the next command. */
  caching = false
  /** Whether it is in force: from the reply that says so on, and until it is ended. */
  active = false
  /** Whether nothing was asked since the client was told to forget all keys. */
  clean = false
  /** Whether the reply that it is in force is still owed: nothing can have been missed. */
  settling = false
  /** The lane that it is in; undefined while nobody could be told. */
  group: TrackingGroup<Tracking> | undefined = undefined
  readonly #host: TrackingHost
  readonly #reads: Map<Request, TrackedRead<Tracking>> = new Map()
  /** Keys that commands between MULTI and EXEC read. */
  #queued: TrackedKey[] = []

  constructor(client: TrackingClient, host: TrackingHost) {
    this.client = client
    this.#host = host
  }

  get #wanted(): boolean {
    if (this.mode === 'optin') return this.caching
    return this.mode !== 'optout' || !this.caching
  }

  /** A request has got its place. `sent`: it goes to nodes; `queueing`: between MULTI and EXEC. */
  begin(
    request: Request,
    view: RequestView,
    spec: CommandSpec,
    { sent, queueing }: { sent: boolean; queueing: boolean }
  ): void {
    const wanted = this.#wanted
    if (!queueing && !/^client\b/.test(spec.name)) this.caching = false
    if (!this.settling) this.clean = false
    const { group } = this
    if (spec.name === 'multi') this.#queued = []
    if (group === undefined || !sent) return
    const keys = wanted && isRead(spec) ? keysOf(spec, view) : NONE
    if (queueing) this.#queued.push(...keys)
    else this.#enter(group, request, view, spec, spec.name === 'exec' ? this.#queued : keys)
  }

  #enter(
    group: TrackingGroup<Tracking>,
    request: Request,
    view: RequestView,
    spec: CommandSpec,
    keys: readonly TrackedKey[]
  ): void {
    const written = group.tracked.noLoop ? writtenBy(spec, view) : undefined
    const flushing = FLUSHES.has(spec.name)
    if (keys.length === 0 && written === undefined && !flushing) return
    const read = new TrackedRead(group, { keys, written, flushing })
    this.#reads.set(request, read)
    // In RESP3 one connection says everything in its order. What comes over several, or over another one, does not.
    if (group.tracked.protocol === 2 || request.slot < 0) group.enter(read)
  }

  /** What a request on a private connection reads is watched by another one; undefined if there is nothing to wait for. */
  prepare(request: Request): Promise<void> | undefined {
    const read = this.#reads.get(request)
    if (read === undefined || read.keys.length === 0 || read.group.tracked.broadcast) return
    return this.#host.touch(read.group, read.keys).then((watched) => {
      if (!watched) read.noteChange()
    })
  }

  /** All keys vanish while the client's own command does that: it is told after the reply. */
  absorbFlush(): boolean {
    for (const read of this.#reads.values()) {
      if (!read.flushing) continue
      read.flushed = true
      return true
    }
    return false
  }

  /** The reply to a request was handed out. What it says of keys that were changed meanwhile must be forgotten again. */
  end(request: Request): void {
    if (!this.settling) this.active = true
    const read = this.#reads.get(request)
    if (read === undefined) return
    this.#reads.delete(request)
    const { group } = read
    group.leave(read)
    if (read.written !== undefined) this.#host.onWritten(read, this)
    if (read.flushed) this.#host.tell(this, undefined)
    // Nothing was read.
    if (request.node === undefined && request.slot !== -1) return
    const late = read.keys.filter((key) => !this.#keep(read, key, request))
    if (late.length > 0) this.#host.tell(this, [...new Set(late.map(({ name }) => name))])
  }

  /** Sees to it that the client is told when a key changes that it has read; false if it may have changed already. */
  #keep(read: TrackedRead<Tracking>, key: TrackedKey, request: Request): boolean {
    const { group } = read
    if (group.tracked.broadcast) {
      const told = group === this.group && !read.isStale(key.name)
      return told || !this.prefixes.some((one) => key.name.startsWith(one))
    }
    if (read.isStale(key.name) || !this.#host.isGuarded(group, key, request)) return false
    this.#host.remember(group, key, this)
    return true
  }

  /** Whether a request of it is under way over a lane. */
  isReading(group: TrackingGroup<Tracking>): boolean {
    for (const read of this.#reads.values()) if (read.group === group) return true
    return false
  }

  /** It is no longer in force. */
  stop(): void {
    this.active = false
    for (const read of this.#reads.values()) read.group.leave(read)
    this.#reads.clear()
    this.#queued = []
  }
}

/** The kind of lane of a client: its protocol version, and how it tracks keys. */
export function laneKind(protocol: ProtocolVersion, tracking: Tracking | undefined): number {
  // A RESP2 client cannot be told anything itself.
  if (tracking === undefined || (protocol === 2 && tracking.redirect === 0))
    return protocol === 3 ? LANES.resp3 : LANES.resp2
  return trackedKind({
    protocol,
    broadcast: tracking.mode === 'bcast',
    noLoop: tracking.noLoop,
  })
}

/** A script is taken to read all of its keys. */
function isRead(spec: CommandSpec): boolean {
  return spec.keyShape !== NO_KEYS && (spec.readonly || SCRIPTS.has(spec.name)) && !spec.pubsub
}

function writtenBy(spec: CommandSpec, view: RequestView): TrackedRead<Tracking>['written'] {
  if (SCRIPTS.has(spec.name)) return 'unknown'
  return spec.write && spec.keyShape !== NO_KEYS ? keysOf(spec, view) : undefined
}

function keysOf(spec: CommandSpec, view: RequestView): TrackedKey[] {
  if (!arityFits(spec, view.argc)) return []
  const { buffer, offsets } = view
  const count = findKeys(spec, view, positions)
  const keys: TrackedKey[] = []
  for (let i = 0; i < count; i++) {
    const start = offsets[2 * positions[i]!]!
    const end = offsets[2 * positions[i]! + 1]!
    keys.push({ name: buffer.toString('latin1', start, end), slot: keySlot(buffer, start, end) })
  }
  return keys
}
