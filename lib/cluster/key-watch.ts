import createDebug from 'debug'
import { keySlot } from '../command/slot.ts'
import { content, FrameItems, isNull, valueStart } from '../resp/frame.ts'
import { frameRequest } from '../resp/request-reader.ts'
import type { Connection, ConnectionSetup } from './connection.ts'
import { Errand } from './errand.ts'
import type { LaneWatch } from './lane.ts'
import { LANES, type TrackedLane } from './lanes.ts'
import { Sidecar } from './sidecar.ts'

const debug = createDebug('redis-cluster-proxy:cluster')

/** A key that a client read, or that was changed. */
export interface TrackedKey {
  /** One character for each byte. */
  readonly name: string
  readonly slot: number
}

/** Who is told what nodes say of keys. */
export interface WatchSink {
  /** Keys were changed on the node; undefined: all of them. */
  onInvalidate(watch: KeyWatch, keys: readonly TrackedKey[] | undefined): void
  /** Changes may have been missed: whatever was read over the lane before is no longer watched. */
  onGap(watch: KeyWatch): void
  /** What is read over the lane from now on is watched; for broadcasts: keys with the prefixes are. */
  onGuarded(watch: KeyWatch): void
  /** A node does not watch anything for the lane, or not what it was asked to; its words. */
  onRefused(watch: KeyWatch, text: string): void
  /** The prefixes that the clients of a lane for broadcasts are to be told of; none of them begins with another. */
  prefixes(lane: number): readonly string[]
}

/** What a {@link KeyWatch} is made of. */
export interface KeyWatchParts {
  readonly node: { readonly name: string }
  readonly lane: number
  readonly tracked: TrackedLane
  /** How a connection of a lane to the node is set up. */
  readonly setup: (lane: number) => ConnectionSetup
  readonly sink: WatchSink
}

/** Milliseconds between two signs of life: a connection that died unseen must not leave clients with what they read long ago. */
const PING_INTERVAL = 2000
/** Prefixes that nobody wants any more and a node may still watch: it compares each with every key that is written. */
const STALE_PREFIXES = 100
/** Milliseconds between two attempts at a sidecar, or at a node that is busy. */
const ATTEMPT_INTERVAL = 500
const PING: Buffer = frameRequest(['PING']).buffer

/**
 * Has one node watch the keys that are read over one lane (`CLIENT TRACKING`), and hands on what it says of them. The command goes
 * before all others on each connection of the lane. In RESP3 what the node says comes between the replies, in its order; a RESP2 lane has a
 * {@link Sidecar} that hears it.
 */
export class KeyWatch implements LaneWatch {
  readonly node: { readonly name: string }
  readonly lane: number
  readonly tracked: TrackedLane
  /** Whether what is answered over the lane just now is watched. */
  guarded = false
  /** For broadcasts: whether the node has to be listened to all the time. */
  wanted = false
  readonly #parts: KeyWatchParts
  #connection: Connection | undefined
  #sidecar: Sidecar | undefined
  #sidecarId: string | undefined
  #sidecarAt = 0
  /** Prefixes that the connection was told of, and those of them that it has confirmed. */
  #sent: readonly string[] = []
  #confirmed: readonly string[] = []
  #pingAt = 0
  /** When the node is asked once more that was busy; 0 if it was not. */
  #againAt = 0
  readonly #awaiting: Set<() => void> = new Set()
  /** Connections of the lane that were ready and have not ended. */
  readonly #open: Set<Connection> = new Set()

  constructor(parts: KeyWatchParts) {
    this.#parts = parts
    this.node = parts.node
    this.lane = parts.lane
    this.tracked = parts.tracked
  }

  /** Sees to it that there is whatever must be there before the lane's connection is; called while that is greeted. */
  async prepare(): Promise<void> {
    if (this.tracked.protocol === 3 || this.#sidecarId !== undefined) return
    await new Promise<void>((resolve) => {
      this.#awaiting.add(resolve)
      this.#openSidecar()
    })
  }

  #openSidecar(): void {
    if (this.#sidecar !== undefined) return
    this.#sidecarAt = performance.now()
    this.#sidecar = new Sidecar(this.#parts.setup(LANES.resp3), {
      onId: (id) => {
        this.#sidecarId = id
        this.#release()
        if (this.#connection !== undefined) this.#turnOn(this.#connection, false)
      },
      onRefused: (text) => {
        this.#sidecar?.close()
        this.#sidecar = undefined
        this.#release()
        this.#refused(text)
      },
      onPush: (buffer, start, end) => this.onPush(buffer, start, end),
      onClosed: () => {
        this.#sidecar = undefined
        this.#sidecarId = undefined
        this.#release()
        this.#loseGuard()
      },
    })
  }

  #release(): void {
    for (const resolve of this.#awaiting) resolve()
    this.#awaiting.clear()
  }

  onReady(connection: Connection): void {
    this.#connection = connection
    this.#open.add(connection)
    this.guarded = false
    this.#sent = []
    this.#confirmed = []
    this.#againAt = 0
    this.#turnOn(connection, true)
  }

  /** `fresh`: nothing was sent on the connection before. */
  #turnOn(connection: Connection, fresh: boolean): void {
    const { broadcast, noLoop, protocol } = this.tracked
    if (protocol === 2 && this.#sidecarId === undefined) return
    if (broadcast) this.#sent = this.#parts.sink.prefixes(this.lane)
    if (broadcast && this.#sent.length === 0) return
    const sent = this.#sent
    const words = ['CLIENT', 'TRACKING', 'ON', ...(noLoop ? ['NOLOOP'] : []), ...this.#redirect()]
    this.#send(connection, [...words, ...broadcastWords(broadcast, sent)], () => {
      this.guarded = true
      this.#confirmed = sent
      // Broadcasts were missed before; what was read before a new sidecar was heard is not watched.
      if (broadcast || !fresh) this.#parts.sink.onGap(this)
      this.#parts.sink.onGuarded(this)
    })
  }

  #redirect(): readonly string[] {
    return this.#sidecarId === undefined ? [] : ['REDIRECT', this.#sidecarId]
  }

  #send(connection: Connection, words: readonly string[], onOk: () => void): void {
    const frame = frameRequest(words.map((word) => Buffer.from(word, 'latin1'))).buffer
    connection.send(
      new Errand(frame, (buffer, start, end) => {
        if (this.#connection !== connection) return
        const reply = buffer.toString('latin1', start, end - 2)
        if (reply === '+OK') onOk()
        else this.#refused(reply.slice(1))
      })
    )
  }

  #refused(text: string): void {
    debug('%s does not track keys: %s', this.node.name, text)
    this.#sent = this.#confirmed
    // A script runs, which does not keep new connections out.
    if (text.startsWith('BUSY ')) this.#againAt = performance.now() + ATTEMPT_INTERVAL
    this.#parts.sink.onRefused(this, text)
  }

  #tryAgain(connection: Connection): void {
    this.#againAt = 0
    if (this.guarded) this.update()
    else this.#turnOn(connection, false)
  }

  /** For broadcasts: the prefixes that are wanted may be others. */
  update(): void {
    const connection = this.#connection
    if (connection?.state !== 'ready') return
    const wanted = this.#parts.sink.prefixes(this.lane)
    if (wanted.length === 0 || !this.wanted) this.#turnOff(connection)
    else if (this.#sent.length === 0) this.#turnOn(connection, false)
    else if (this.#sent.length > 2 * wanted.length + STALE_PREFIXES) this.#renew(connection)
    else this.#extend(connection, wanted)
  }

  /** Those who listen have to forget what they know: they may have missed something. */
  #renew(connection: Connection): void {
    this.#turnOff(connection)
    this.#turnOn(connection, false)
  }

  #turnOff(connection: Connection): void {
    if (this.#sent.length === 0) return
    this.#sent = []
    this.#confirmed = []
    this.guarded = false
    this.#send(connection, ['CLIENT', 'TRACKING', 'OFF'], () => {})
  }

  #extend(connection: Connection, wanted: readonly string[]): void {
    const missing = wanted.filter((prefix) => !isCovered(prefix, this.#sent))
    if (missing.length === 0) return
    // Prefixes of one connection may not overlap: a wider one takes the place of those that it covers.
    if (this.#sent.some((prefix) => isCovered(prefix, missing))) {
      this.#renew(connection)
      return
    }
    this.#sent = [...this.#sent, ...missing]
    const { noLoop } = this.tracked
    const words = ['CLIENT', 'TRACKING', 'ON', ...(noLoop ? ['NOLOOP'] : []), ...this.#redirect()]
    this.#send(connection, [...words, ...broadcastWords(true, missing)], () => {
      this.#confirmed = [...this.#confirmed, ...missing]
      this.#parts.sink.onGuarded(this)
    })
  }

  /** For broadcasts: whether the node tells of all keys that begin with one of the prefixes. */
  covers(prefixes: readonly string[]): boolean {
    return this.guarded && prefixes.every((prefix) => isCovered(prefix, this.#confirmed))
  }

  onPush(buffer: Buffer, start: number, end: number): void {
    const frame = buffer.subarray(start, end)
    const items = new FrameItems(frame)
    if (!items.next() || content(frame, valueStart(frame, items.start)).toString() !== 'invalidate')
      return
    if (!items.next()) return
    const at = valueStart(frame, items.start)
    this.#parts.sink.onInvalidate(this, isNull(frame, at) ? undefined : keysIn(frame, at))
  }

  onEnd(connection: Connection): void {
    if (!this.#open.delete(connection)) return
    if (connection === this.#connection) {
      this.#connection = undefined
      this.#loseGuard()
    } else this.#parts.sink.onGap(this)
  }

  #loseGuard(): void {
    const { guarded } = this
    this.guarded = false
    this.#sent = []
    this.#confirmed = []
    if (guarded) this.#parts.sink.onGap(this)
  }

  /** Looks at the time limits; called at each tick of the clock. */
  check(): void {
    this.#sidecar?.check()
    const connection = this.#connection
    if (connection?.state !== 'ready') return
    if (this.tracked.protocol === 2 && performance.now() - this.#sidecarAt > ATTEMPT_INTERVAL)
      this.#openSidecar()
    const now = performance.now()
    if (this.#againAt !== 0 && now >= this.#againAt) this.#tryAgain(connection)
    if (now - this.#pingAt < PING_INTERVAL) return
    this.#pingAt = now
    this.#sidecar?.ping()
    if (connection.inFlight === 0) connection.send(new Errand(PING, () => {}))
  }

  /** Ends what it has of its own. */
  close(): void {
    this.#sidecar?.close()
    this.#sidecar = undefined
    this.#sidecarId = undefined
    this.#release()
  }
}

function broadcastWords(broadcast: boolean, prefixes: readonly string[]): readonly string[] {
  if (!broadcast) return []
  if (prefixes.includes('')) return ['BCAST']
  return ['BCAST', ...prefixes.flatMap((prefix) => ['PREFIX', prefix])]
}

function isCovered(prefix: string, by: readonly string[]): boolean {
  return by.some((shorter) => prefix.startsWith(shorter))
}

function keysIn(frame: Buffer, at: number): TrackedKey[] {
  const keys: TrackedKey[] = []
  const items = new FrameItems(frame, at)
  while (items.next()) {
    const key = content(frame, valueStart(frame, items.start))
    keys.push({ name: key.toString('latin1'), slot: keySlot(key, 0, key.length) })
  }
  return keys
}
