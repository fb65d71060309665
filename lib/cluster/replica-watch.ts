import createDebug from 'debug'
import type { Clock } from '../clock.ts'
import type { ClusterNode } from './node.ts'
import { ask, within } from './question.ts'
import type { SlotCache } from './slot-cache.ts'

const debug = createDebug('redis-cluster-proxy:cluster')

/** Weight of the newest round trip in the average. */
const FRESH = 0.3
/** Milliseconds for which a replica that refused a read is left out. */
const AVOIDED = 1000
/** Milliseconds that a node is waited for. */
const PATIENCE = 1000
/** Moments kept of each master, to be reached by its replicas. */
const MOMENTS = 32

/** What is known of one node as a place to read from. */
export interface ReadSource {
  readonly node: ClusterNode
  /** All that was written before this clock reading is known to be there; for a master: now. */
  readonly caughtUpTo: number
  /** Average round trip in milliseconds; infinite until measured. */
  readonly roundTrip: number
  /** The node's availability zone, if it tells one (Valkey 8 and later, in INFO). */
  readonly zone: string | undefined
}

class Watched implements ReadSource {
  readonly node: ClusterNode
  caughtUpTo = Number.NEGATIVE_INFINITY
  roundTrip = Number.POSITIVE_INFINITY
  zone: string | undefined
  avoidedUntil = 0
  /** Of a master: its replication offset at clock readings, oldest first. */
  readonly moments: { readonly at: number; readonly offset: number }[] = []

  constructor(node: ClusterNode) {
    this.node = node
  }
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:([^\\r\\n]*)`, 'm').exec(info)?.[1]
}

/**
 * Finds out how far replicas are behind and how near all nodes are, by asking each for INFO once per interval.
 *
 * A replica has caught up to a moment when its offset has reached what the master's was at that moment. The offsets are compared, not addresses
 * or clocks of other machines. Nothing is asked before {@link start}.
 */
export class ReplicaWatch {
  readonly #cache: SlotCache
  readonly #clock: Clock
  readonly #interval: number
  readonly #watched: Map<ClusterNode, Watched> = new Map()
  #timer: NodeJS.Timeout | undefined
  #started = false
  /** Whether a first look is over, so that lag is known. */
  ready = false

  /** `interval` in milliseconds. */
  constructor(cache: SlotCache, clock: Clock, interval: number) {
    this.#cache = cache
    this.#clock = clock
    this.#interval = interval
  }

  /** Begins to ask, at once and then at each interval; does nothing when called again. */
  start(): void {
    if (this.#started) return
    this.#started = true
    void this.#look()
  }

  /** Asks no more. */
  stop(): void {
    this.#started = false
    clearTimeout(this.#timer)
  }

  /** What is known of a node. */
  source(node: ClusterNode): ReadSource {
    return this.#of(node)
  }

  /** The replicas of a master that have all that was written before `since`, and are not left out for another reason. */
  replicas(master: ClusterNode, since: number): ReadSource[] {
    const { now } = this.#clock
    return this.#cache
      .replicas(master)
      .map((node) => this.#of(node))
      .filter(({ node, caughtUpTo, avoidedUntil }) => {
        return caughtUpTo > since && avoidedUntil <= now && node.status !== 'down'
      })
  }

  /** Leaves a replica out for a while: it refused a read. */
  avoid(node: ClusterNode): void {
    this.#of(node).avoidedUntil = this.#clock.now + AVOIDED
  }

  #of(node: ClusterNode): Watched {
    let watched = this.#watched.get(node)
    if (watched === undefined) {
      watched = new Watched(node)
      this.#watched.set(node, watched)
    }
    return watched
  }

  async #look(): Promise<void> {
    const masters = this.#cache.masters()
    await Promise.all(masters.map((master) => this.#lookAt(master)))
    const known = new Set(masters.flatMap((master) => [master, ...this.#cache.replicas(master)]))
    for (const node of this.#watched.keys()) if (!known.has(node)) this.#watched.delete(node)
    this.ready = masters.length > 0
    if (this.#started) this.#timer = setTimeout(() => void this.#look(), this.#interval)
  }

  /** The master first: whatever its replicas say afterwards is younger. */
  async #lookAt(master: ClusterNode): Promise<void> {
    const replicas = this.#cache.replicas(master)
    const at = this.#clock.now
    const info = await this.#ask(master)
    if (info === undefined) return
    const { moments } = this.#of(master)
    moments.push({ at, offset: Number(field(info, 'master_repl_offset')) })
    if (moments.length > MOMENTS) moments.shift()
    await Promise.all(replicas.map((replica) => this.#compare(replica, moments)))
  }

  async #compare(replica: ClusterNode, moments: Watched['moments']): Promise<void> {
    const info = await this.#ask(replica)
    const watched = this.#of(replica)
    if (info === undefined || field(info, 'master_link_status') !== 'up') {
      watched.caughtUpTo = Number.NEGATIVE_INFINITY
      return
    }
    const offset = Number(field(info, 'slave_repl_offset'))
    for (const moment of moments) if (offset >= moment.offset) watched.caughtUpTo = moment.at
  }

  async #ask(node: ClusterNode): Promise<string | undefined> {
    const watched = this.#of(node)
    // A node that is down is dialled by itself; a question would only wait for that.
    if (node.status === 'down') return undefined
    const began = performance.now()
    try {
      const info = String(await within(PATIENCE, node, ask(node, 'INFO')))
      const took = performance.now() - began
      const known = Number.isFinite(watched.roundTrip)
      watched.roundTrip = known ? watched.roundTrip * (1 - FRESH) + took * FRESH : took
      watched.zone = field(info, 'availability_zone') || undefined
      return info
    } catch (error) {
      debug('%s tells nothing of its replication: %s', node.name, (error as Error).message)
      return undefined
    }
  }
}
