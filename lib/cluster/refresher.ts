import createDebug from 'debug'
import { ProxyError } from '../errors.ts'
import type { TopologyChangeEvent, TopologyNode, TopologyReason } from '../events.ts'
import type { Settings } from '../settings.ts'
import { type AddressMapper, addressMapper, addressName } from './address-map.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { type ClusterNode, SILENT } from './node.ts'
import { within } from './question.ts'
import { tellShape } from './shape.ts'
import type { Discovery, SlotCache, SlotMove } from './slot-cache.ts'
import { type AnnouncedNode, coverage } from './topology.ts'

const debug = createDebug('redis-cluster-proxy:cluster')

/** The settings that finding out about the cluster depends on. */
export type RefresherSettings = Pick<
  Settings,
  | 'nodes'
  | 'natMap'
  | 'nodeTls'
  | 'connectTimeout'
  | 'refreshInterval'
  | 'refreshMinInterval'
  | 'reconnectMinDelay'
  | 'reconnectMaxDelay'
>

/** Milliseconds that a node which was answering so far is waited for, while there are others to ask. */
const IMPATIENT = 300

/** What the refresher tells its owner. */
export interface RefresherEvents {
  /** Slots have another owner; told before anything is sent by the new table. */
  onMoves(moves: readonly SlotMove[]): void
  /** The shape of the cluster changed. */
  onChange(change: TopologyChangeEvent): void
  /** Every refresh that got an answer, whether it changed anything or not. */
  onRefreshed(): void
  /** No node and no entry point gave a usable answer. */
  onFailed(error: ProxyError): void
}

/**
 * Keeps the slot cache up to date: one inquiry at a time, at most one more waiting, and never two within `refreshMinInterval`. Known nodes are asked
 * first, each time another; the configured entry points are the last resort, for ever.
 */
export class Refresher {
  readonly #settings: RefresherSettings
  readonly #pool: ConnectionPool
  readonly #cache: SlotCache
  readonly #events: RefresherEvents
  readonly #natMap: AddressMapper
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #endedAt = Number.NEGATIVE_INFINITY
  #failures = 0
  #turn = 0
  #timer: NodeJS.Timeout | undefined
  #delayed: (() => void) | undefined
  #closed = false
  #entry: string | undefined
  /** The nodes of the last answer, by address. */
  #targets: ReadonlyMap<string, ClusterNode> = new Map()

  constructor(
    settings: RefresherSettings,
    pool: ConnectionPool,
    cache: SlotCache,
    events: RefresherEvents
  ) {
    this.#settings = settings
    this.#natMap = addressMapper(settings.natMap)
    this.#pool = pool
    this.#cache = cache
    this.#events = events
  }

  /** Asks the cluster again. Resolves when an inquiry that began after this call has succeeded; rejects with `NO_TOPOLOGY` or `CLOSED`. */
  refresh(reason: TopologyReason): Promise<void> {
    if (this.#closed) return Promise.reject(new ProxyError('CLOSED', 'the proxy is shut down'))
    if (this.#running === undefined) return this.#start(reason)
    this.#next ??= this.#running.then(
      () => this.#startNext(reason),
      () => this.#startNext(reason)
    )
    return this.#next
  }

  /** Asks the cluster again soon; whoever calls does not wait for it. */
  request(reason: TopologyReason): void {
    if (this.#closed || this.#next !== undefined) return
    this.refresh(reason).catch(() => {})
  }

  /** Whether the cluster is being asked just now, or about to be. */
  get busy(): boolean {
    return this.#running !== undefined
  }

  /** The entry point that told of the cluster, the last one; undefined before. */
  get entry(): string | undefined {
    return this.#entry
  }

  /** Stops; a waiting refresh rejects with `CLOSED`. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#delayed?.()
  }

  #startNext(reason: TopologyReason): Promise<void> {
    this.#next = undefined
    return this.#start(reason)
  }

  #start(reason: TopologyReason): Promise<void> {
    clearTimeout(this.#timer)
    this.#running = this.#run(reason).finally(() => {
      this.#running = undefined
      this.#endedAt = performance.now()
      if (this.#next === undefined && !this.#closed) this.#schedule()
    })
    return this.#running
  }

  /** The next look of its own accord: after the interval, or sooner while nobody answers. */
  #schedule(): void {
    const { refreshInterval, reconnectMinDelay, reconnectMaxDelay } = this.#settings
    const backOff = Math.min(
      reconnectMaxDelay,
      reconnectMinDelay * 2 ** Math.min(this.#failures, 20)
    )
    const delay = this.#failures > 0 ? backOff * (0.5 + Math.random() / 2) : refreshInterval
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => this.request(this.#failures > 0 ? 'node lost' : 'interval'),
      delay
    )
  }

  async #run(reason: TopologyReason): Promise<void> {
    const wait = this.#endedAt + this.#settings.refreshMinInterval - performance.now()
    if (wait > 0 && !this.#closed) await this.#pause(wait)
    if (this.#closed) throw new ProxyError('CLOSED', 'the proxy is shut down')
    const moment = this.#cache.moment
    let cause: unknown
    let asked: string | undefined
    let lagging: Discovery | undefined
    for (const { node, known, limit } of this.#candidates()) {
      if (lagging !== undefined && node.status !== 'up') continue
      try {
        const discovery = await within(limit, node, this.#inquire(node, known))
        if (this.#closed) return
        if (!known) this.#entry = node.name
        if (this.#take(discovery, moment, reason)) return
        debug('%s lags behind what is known of the topology', node.name)
        lagging ??= discovery
      } catch (error) {
        debug('%s gave no topology: %s', node.name, (error as Error).message)
        cause ??= error
        asked ??= node.name
      }
      if (this.#closed) throw new ProxyError('CLOSED', 'the proxy is shut down')
    }
    // Nobody knows better: then what seemed newer does not hold any more.
    if (lagging !== undefined && this.#take(lagging, moment, reason, true)) return
    this.#failures++
    const text = cause instanceof Error ? saidBy(asked!, cause.message) : 'no entry point is left'
    const failure = new ProxyError(
      'NO_TOPOLOGY',
      `no node answers with a usable slot table: ${text}`,
      { cause }
    )
    this.#events.onFailed(failure)
    throw failure
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#delayed = resolve
      this.#timer = setTimeout(resolve, ms)
    })
  }

  /**
   * Whom to ask, in order: nodes that answer, each time another first; the entry points; then nodes that are down or silent. Those that answer
   * are given little time at first: one may have stopped a moment ago, and the others know.
   */
  #candidates(): { node: ClusterNode; known: boolean; limit: number }[] {
    const limit = this.#settings.connectTimeout
    const known = [...new Set([...this.#cache.masters(), ...this.#targets.values()])]
    const first = known.length === 0 ? 0 : this.#turn++ % known.length
    const turned = [...known.slice(first), ...known.slice(0, first)]
    const answering = turned.filter((node) => node.status !== 'down' && node.silence < SILENT)
    const rest = turned.filter((node) => !answering.includes(node))
    const seeds = this.#settings.nodes.map((address) => this.#pool.node(address))
    return [
      ...answering.map((node) => ({ node, known: true, limit: Math.min(limit, IMPATIENT) })),
      ...seeds.map((node) => ({ node, known: false, limit })),
      ...[...answering, ...rest].map((node) => ({ node, known: true, limit })),
    ]
  }

  async #inquire(node: ClusterNode, known: boolean): Promise<Discovery> {
    const shape = await tellShape(node, this.#settings.nodeTls !== undefined)
    const before = this.#cache.topology
    if (coverage(shape) === 0)
      throw new ProxyError('NO_TOPOLOGY', `${node.name} knows no slot's owner`)
    const ids = new Set(before.nodes.map(({ id }) => id))
    if (known && ids.size > 0 && !shape.some(({ id }) => ids.has(id))) {
      throw new ProxyError('NO_TOPOLOGY', `${node.name} belongs to another cluster`)
    }
    return this.#resolve(node, shape)
  }

  /** From announced nodes to those that can be dialled. An unknown host is that of the node which told. */
  #resolve(teller: ClusterNode, shape: readonly AnnouncedNode[]): Discovery {
    const nodes: TopologyNode[] = []
    const targets = new Map<string, ClusterNode>()
    for (const announced of shape) {
      const target = this.target(announced.host, announced.port, teller)
      targets.set(target.name, target)
      const { id, role, masterId, slots, epoch, healthy } = announced
      nodes.push({
        id,
        address: target.name,
        announced: announcedName(target),
        role,
        masterId,
        slots,
        epoch,
        healthy,
      })
    }
    return { nodes, targets }
  }

  /** The node behind an announced address; an empty host means the host of the node that told it. */
  target(host: string, port: number, teller: ClusterNode): ClusterNode {
    if ('path' in teller.address && (host === '' || port === 0)) return teller
    const near = 'host' in teller.address ? teller.address.host : ''
    if (host === '' && near !== '') {
      return this.#pool.node({ host: near, port: port === 0 ? portOf(teller) : port })
    }
    const mapped = this.#natMap(host, port)
    const node = this.#pool.node(mapped ?? { host, port })
    node.announced = { host, port }
    node.mapped = mapped !== undefined
    return node
  }

  /** Puts an answer in force; false if it lags behind what is known, and is not to be taken by force. */
  #take(discovery: Discovery, moment: number, reason: TopologyReason, force = false): boolean {
    const taken = this.#cache.apply(discovery, moment, reason, force)
    if (taken === undefined) return false
    const { moves, change } = taken
    this.#failures = 0
    this.#targets = discovery.targets
    if (moves.length > 0) this.#events.onMoves(moves)
    const keep = new Set(discovery.nodes.map((node) => node.address))
    for (const master of this.#cache.masters()) keep.add(master.name)
    this.#pool.retain(keep)
    this.#giveUpLost(discovery)
    this.#events.onRefreshed()
    if (change !== undefined) this.#events.onChange(change)
    return true
  }

  /**
   * What is owed by a node that is silent, and lost in the eyes of the cluster, will not come. Who waits there for as long as it likes, or watches keys, waits for
   * nothing once another has its slots: the node need not be silent for that, and may never tell.
   */
  #giveUpLost(discovery: Discovery): void {
    for (const { address, healthy, slots } of discovery.nodes) {
      const node = discovery.targets.get(address)
      if (healthy || node === undefined) continue
      const failed = 'the cluster says that it failed'
      if (node.silence >= SILENT)
        node.fail(new ProxyError('NODE_LOST', `${address} is silent, and ${failed}`))
      if (slots.length === 0)
        this.#pool.privates.fail(node, new ProxyError('NODE_LOST', `${address}: ${failed}`))
    }
  }
}

/** An entry point that the cluster does not name stands for itself. */
function announcedName({ announced, name }: ClusterNode): string {
  return announced === undefined ? name : addressName(announced)
}

function portOf(node: ClusterNode): number {
  return 'port' in node.address ? node.address.port : 0
}

/** What went wrong with a node; what it says itself, as an error reply, does not name it. */
function saidBy(name: string, message: string): string {
  return message.startsWith(name) ? message : `${name}: ${message}`
}
