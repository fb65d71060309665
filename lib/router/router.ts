import createDebug from 'debug'
import type { Clock } from '../clock.ts'
import { type AddressMapper, addressMapper } from '../cluster/address-map.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { TO_REPLICA } from '../cluster/lanes.ts'
import type { ClusterNode } from '../cluster/node.ts'
import { type Redirect, readRedirect } from '../cluster/redirect.ts'
import type { Refresher } from '../cluster/refresher.ts'
import type { ReplicaWatch } from '../cluster/replica-watch.ts'
import type { OnLeft, SlotCache, SlotMove } from '../cluster/slot-cache.ts'
import { type ProxyError, replyText } from '../errors.ts'
import type { EventSink } from '../events.ts'
import type { Settings } from '../settings.ts'
import { Composite, type PartReply, type Step } from './composite.ts'
import type { FanOut } from './fan-out.ts'
import { Holds } from './holds.ts'
import { partialFailure } from './partial-failure.ts'
import { isPlainRead, type ReadPolicy } from './reader.ts'
import { ReplicaReads } from './replica-reads.ts'
import {
  precedesUncertain,
  type Request,
  type RequestHandler,
  type RequestOwner,
} from './request.ts'
import { Scans } from './scan.ts'
import { loadScript, Scripts } from './scripts.ts'

const debug = createDebug('redis-cluster-proxy:router')

/** What the router works with. */
export interface RouterParts {
  readonly settings: Pick<
    Settings,
    | 'maxRedirects'
    | 'retryBudget'
    | 'autoRedirect'
    | 'announceMap'
    | 'gatherMaxBytes'
    | 'scriptCacheBytes'
  >
  readonly clock: Clock
  readonly pool: ConnectionPool
  readonly cache: SlotCache
  readonly refresher: Refresher
  readonly events: EventSink
  readonly watch: ReplicaWatch
  readonly reads: ReadPolicy
  readonly onLeft?: OnLeft
}

/** From the first attempt on that goes wrong the delays grow from here to there, in milliseconds. */
const FIRST_DELAY = 10
const LONGEST_DELAY = 500
/** Redirects after which one more is no longer followed at once: two nodes may be pointing at each other. */
const UNDELAYED_REDIRECTS = 3
/** A connection younger than this is not replaced again, in milliseconds. */
const REPLACE_INTERVAL = 1000

function backOff(attempt: number): number {
  return (
    Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2)
  )
}

/**
 * Sends each request to the node that serves its slot, and sees to it that exactly one reply comes of it: follows redirects, tries again
 * what may be tried again, and keeps the order of each owner's requests per slot meanwhile.
 */
export class Router implements RequestHandler {
  readonly #parts: RouterParts
  readonly #announceMap: AddressMapper
  readonly #holds: Holds
  readonly #reads: ReplicaReads
  #masters: ClusterNode[] = []
  #turn = 0
  readonly #scans: Scans
  /** The scripts that clients have sent. */
  readonly scripts: Scripts
  /** Redirects followed since the start. */
  redirects = 0

  constructor(parts: RouterParts) {
    this.#parts = parts
    this.#announceMap = addressMapper(parts.settings.announceMap)
    this.#holds = new Holds(this.#send)
    this.#reads = new ReplicaReads(parts, this.#holds, (request, text) =>
      this.#answer(request, text)
    )
    this.scripts = new Scripts(parts.settings.scriptCacheBytes)
    const { cache, clock, refresher, settings } = parts
    const refresh = (): void => refresher.request('uncovered slot')
    this.#scans = new Scans(cache, clock, refresh, settings.retryBudget)
  }

  /** Takes a request that its owner counts as outstanding; its reply comes through {@link RequestOwner.deliver}. */
  dispatch(request: Request): void {
    const { holds, reader } = request.owner
    if (reader !== undefined && request.slot >= 0 && this.#reads.route(request, reader)) return
    if (holds !== undefined) {
      const hold = holds.get(request.slot)
      if (hold !== undefined) {
        hold.add(request)
        return
      }
    }
    this.#send(request)
  }

  readonly #send = (request: Request): void => {
    if (request.owner.gone) {
      request.hold?.settled(request)
      return
    }
    const { askTarget, replica } = request
    request.asking = askTarget !== undefined
    request.askTarget = undefined
    const node = askTarget ?? replica ?? this.#masterFor(request)
    if (node === undefined) {
      this.#parts.refresher.request('uncovered slot')
      if (!this.#again(request)) this.#answer(request, replyText.slotNotServed)
      return
    }
    request.node = node
    const lane = node.lane(replica === undefined ? request.lane : request.lane + TO_REPLICA)
    if (!lane.send(request)) request.owner.onCongested(lane)
  }

  #masterFor(request: Request): ClusterNode | undefined {
    return request.slot >= 0 ? this.#parts.cache.owner(request.slot) : this.#nodeFor(request)
  }

  /** The node for a request without keys. */
  #nodeFor({ anchor, target }: Request): ClusterNode | undefined {
    const named = target === undefined ? undefined : this.#parts.pool.named(target)
    // One that is down and serves nothing any more is not waited for.
    if (named !== undefined && (named.status !== 'down' || this.#masters.includes(named)))
      return named
    return anchor >= 0 ? this.#parts.cache.owner(anchor) : this.#anyMaster()
  }

  /** Carries a request out in parts. */
  carryOut(leader: Request, step: Step): void {
    new Composite(leader, step, this, this.#parts.settings.gatherMaxBytes).start()
  }

  /**
   * Carries a request out on every master: `fanOut` makes the step from what is known of them. While a slot has no owner it
   * waits, as long as one request may.
   */
  fanOut(leader: Request, fanOut: FanOut): void {
    const { cache, clock, refresher, settings } = this.#parts
    const anchors = cache.anchors()
    if (anchors !== undefined) {
      this.carryOut(leader, fanOut({ anchors, scans: this.#scans }))
      return
    }
    if (leader.deadline === 0) leader.deadline = clock.now + settings.retryBudget
    if (leader.owner.gone || clock.now >= leader.deadline) {
      this.#answer(leader, replyText.slotNotServed)
      return
    }
    refresher.request('uncovered slot')
    setTimeout(() => this.fanOut(leader, fanOut), backOff(leader.retries++))
  }

  onStep(leader: Request, step: Step, replies: readonly PartReply[]): void {
    const { events } = this.#parts
    if (step.keys === undefined || !events.wants('partialFailure')) return
    const event = partialFailure(leader, step.keys, replies)
    if (event !== undefined) events.emit('partialFailure', event)
  }

  /** One master after the other, for requests that any can answer; those that are down only when all are. */
  #anyMaster(): ClusterNode | undefined {
    const masters = this.#masters
    if (masters.length === 0) return undefined
    for (let i = 0; i < masters.length; i++) {
      const node = masters[this.#turn++ % masters.length]!
      if (node.status !== 'down') return node
    }
    return masters[this.#turn++ % masters.length]
  }

  onErrorReply(request: Request, buffer: Buffer, start: number, end: number): boolean {
    const redirect = readRedirect(buffer, start, end)
    const { replica } = request
    if (redirect.verdict === 'noscript') return this.#heal(request)
    if (replica !== undefined && redirect.verdict !== 'none') {
      this.#reads.leave(request, replica)
      if (redirect.verdict !== 'moved') return this.#again(request)
    }
    switch (redirect.verdict) {
      case 'moved':
      case 'ask':
        return this.#redirected(request, redirect, buffer, start, end)
      case 'clusterdown':
      case 'masterdown':
      case 'readonly':
        this.#parts.refresher.request('redirect')
        return this.#again(request)
      case 'tryagain':
      case 'loading':
        return this.#again(request)
      case 'noauth':
        // The node's password is another than when the connection was greeted; the next one is greeted with what holds now.
        if (request.node !== undefined) this.#replaceConnection(request, request.node)
        return this.#again(request)
      default:
        return false
    }
  }

  /** The node lacks a script that is known: it is loaded there, and the request sent again. Nothing was executed. */
  #heal(request: Request): boolean {
    const { node, owner, slot } = request
    const body = this.scripts.missing(request)
    if (body === undefined || node === undefined) return false
    const lane = request.replica === undefined ? request.lane : request.lane + TO_REPLICA
    // ASK holds for one command only: it must be asked for again.
    if (request.asking) request.askTarget = node
    // A request without keys may go to any master: it must be this one.
    if (slot < 0) request.target = node.name
    loadScript(node, lane, body)
    this.#holds.of(owner, slot).again(request, 0)
    return true
  }

  #redirected(
    request: Request,
    redirect: Redirect,
    buffer: Buffer,
    start: number,
    end: number
  ): boolean {
    const from = request.node
    // A redirect for another slot than the request's is no redirect but a text, such as a script may return.
    if (redirect.slot !== request.slot || from === undefined) return false
    const { settings, refresher } = this.#parts
    this.redirects++
    request.redirects++
    if (request.redirects > settings.maxRedirects) {
      this.#answer(
        request,
        replyText.tooManyRedirects(buffer.toString('latin1', start + 1, end - 2))
      )
      return true
    }
    const kind = redirect.verdict === 'ask' ? 'ask' : 'moved'
    const to = refresher.target(redirect.host, redirect.port, from)
    this.#tell(request, kind, from, to)
    if (!settings.autoRedirect) return this.#handOn(request, kind, to)
    const late = request.redirects - (to === from ? 0 : UNDELAYED_REDIRECTS)
    const hold = this.#holds.of(request.owner, request.slot)
    if (kind === 'ask') {
      request.askTarget = to
      this.#parts.onLeft?.([request])
    } else {
      if (to === from) this.#replaceConnection(request, from)
      this.#takeOver(request.slot, to)
    }
    hold.again(request, late > 0 ? backOff(late) : 0)
    return true
  }

  /** Tells the client where to go, in its own view of addresses. */
  #handOn(request: Request, kind: 'moved' | 'ask', to: ClusterNode): true {
    if (kind === 'moved') this.#takeOver(request.slot, to)
    const { host, port } =
      to.announced ?? ('path' in to.address ? { host: '', port: 0 } : to.address)
    const shown = this.#announceMap(host, port) ?? { host, port }
    this.#answer(request, `${kind.toUpperCase()} ${request.slot} ${shown.host}:${shown.port}`)
    return true
  }

  /** A node told that the slot belongs to `to`. */
  #takeOver(slot: number, to: ClusterNode): void {
    const move = this.#parts.cache.patch(slot, to)
    if (move !== undefined) this.onMoves([move])
    this.#parts.refresher.request('redirect')
  }

  #tell(request: Request, kind: 'moved' | 'ask', from: ClusterNode, to: ClusterNode): void {
    const { slot, redirects: attempt } = request
    const command = request.spec?.name ?? ''
    debug('%s %d of %s: %s -> %s', kind, slot, command, from.name, to.name)
    const { events } = this.#parts
    if (events.wants('redirect')) {
      events.emit('redirect', { kind, slot, from: from.name, to: to.name, command, attempt })
    }
  }

  /**
   * The connection leads to another server than its address says, or is not let in any more: the next one is made now. Everything in
   * flight on it keeps its place before what is younger.
   */
  #replaceConnection(request: Request, node: ClusterNode): void {
    const lane = node.lane(request.lane)
    const connection = lane.connection
    if (connection === undefined || connection.age < REPLACE_INTERVAL) return
    this.#holds.keepOrder(lane)
    lane.replace()
  }

  /** Has a request tried again, if its time budget allows. */
  #again(request: Request): boolean {
    const { clock, settings } = this.#parts
    if (request.deadline === 0) request.deadline = clock.now + settings.retryBudget
    const left = request.deadline - clock.now
    if (left <= 0) return false
    // The clock is coarse: what is left of the budget may be shorter than the last delay should be.
    const delay = Math.max(FIRST_DELAY, Math.min(left, backOff(request.retries)))
    request.retries++
    this.#holds.of(request.owner, request.slot).again(request, delay)
    return true
  }

  onLost(request: Request, error: ProxyError, written: boolean): void {
    if (request.owner.gone) {
      request.hold?.settled(request)
      return
    }
    if (request.replica !== undefined) this.#reads.leave(request, request.replica)
    if (error.code === 'NODE_AUTH') this.#answer(request, error.message)
    else if (error.code === 'CLOSED') {
      this.#answer(request, written ? replyText.uncertain(error.message) : replyText.closing)
    } else if (written && !isPlainRead(request.spec)) {
      request.uncertain = true
      this.#answer(request, replyText.uncertain(error.message))
    } else if (written && precedesUncertain(request)) {
      this.#answer(request, replyText.uncertain(error.message))
    } else if (!this.#resend(request)) {
      this.#answer(request, replyText.unreachable(error.message))
    }
  }

  /** A request whose connection is gone goes out again at once the first time: most often only the connection was lost. */
  #resend(request: Request): boolean {
    if (request.retries > 0) return this.#again(request)
    const { clock, settings } = this.#parts
    if (settings.retryBudget === 0) return false
    request.deadline = clock.now + settings.retryBudget
    request.retries = 1
    this.#holds.of(request.owner, request.slot).again(request, 0)
    return true
  }

  #answer(request: Request, text: string): void {
    const reply = Buffer.from(`-${text.replace(/[\r\n]+/g, ' ')}\r\n`)
    request.finish(reply, 0, reply.length)
  }

  /** Slots have other owners. */
  onMoves(moves: readonly SlotMove[]): void {
    this.#masters = this.#parts.cache.masters()
    this.#holds.onMoves(moves)
    this.#parts.onLeft?.(moves)
  }
}
