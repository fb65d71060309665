import type { Lane } from '../cluster/lane.ts'
import { TO_REPLICA } from '../cluster/lanes.ts'
import type { ClusterNode } from '../cluster/node.ts'
import type { SlotMove } from '../cluster/slot-cache.ts'
import { type ProxyError, replyText } from '../errors.ts'
import { Composite, type PartReply, type Step } from './composite.ts'
import type { FanOut } from './fan-out.ts'
import { Holds } from './holds.ts'
import { JointReads } from './joint-reads.ts'
import { partialFailure } from './partial-failure.ts'
import { Recovery } from './recovery.ts'
import { Redirects } from './redirects.ts'
import { ReplicaReads } from './replica-reads.ts'
import type { Detour, Request, RequestHandler, RequestOwner } from './request.ts'
import { answerError, backOff, type RouterParts } from './routing.ts'
import { Scans } from './scan.ts'
import { Scripts } from './scripts.ts'

/**
 * Sends each request to the node that serves its slot, and sees to it that exactly one reply comes of it: follows redirects, tries again
 * what may be tried again, and keeps the order of each owner's requests per slot meanwhile.
 */
export class Router implements RequestHandler {
  readonly #parts: RouterParts
  readonly #holds: Holds
  readonly #reads: ReplicaReads
  readonly #joint: JointReads | undefined
  #masters: ClusterNode[] = []
  #turn = 0
  readonly #scans: Scans
  /** The scripts that clients have sent. */
  readonly scripts: Scripts
  /** Those that nodes answered with, wherever. */
  readonly redirects: Redirects
  /** What becomes of requests that were not simply answered. */
  readonly recovery: Recovery

  constructor(parts: RouterParts) {
    this.#parts = parts
    this.#holds = new Holds(this.#send)
    this.#joint = parts.settings.coalesce ? new JointReads() : undefined
    this.#reads = new ReplicaReads(parts, this.#holds)
    this.scripts = new Scripts(parts.settings.scriptCacheBytes)
    this.redirects = new Redirects(parts, (moves) => this.onMoves(moves))
    this.recovery = new Recovery(parts, {
      holds: this.#holds,
      reads: this.#reads,
      scripts: this.scripts,
      redirects: this.redirects,
    })
    const { cache, clock, refresher, settings } = parts
    const refresh = (): void => refresher.request('uncovered slot')
    this.#scans = new Scans(cache, clock, refresh, settings.retryBudget)
  }

  /** Reads that joined another one since the start. */
  get coalesced(): number {
    return this.#joint?.joined ?? 0
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
    const { detour } = request
    const node =
      detour === undefined ? this.#masterFor(request.slot) : this.#nodeFor(request, detour)
    if (node === undefined) {
      this.#parts.refresher.request('uncovered slot')
      if (!this.recovery.again(request)) answerError(request, replyText.slotNotServed)
      return
    }
    request.node = node
    const fromReplica = detour?.replica !== undefined
    const lane = node.lane(fromReplica ? request.lane + TO_REPLICA : request.lane)
    if (this.#joint?.send(request, lane)) return
    if (!lane.send(request)) request.owner.onCongested(lane)
  }

  /** The master of a slot, or any for a request without keys. */
  #masterFor(slot: number): ClusterNode | undefined {
    return slot >= 0 ? this.#parts.cache.owner(slot) : this.#anyMaster()
  }

  #nodeFor(request: Request, detour: Detour): ClusterNode | undefined {
    const { askTarget, replica, anchor, target } = detour
    request.asking = askTarget !== undefined
    detour.askTarget = undefined
    if (askTarget !== undefined) return askTarget
    if (replica !== undefined) return replica
    const named = target === undefined ? undefined : this.#parts.pool.named(target)
    // One that is down and serves nothing any more is not waited for.
    if (named !== undefined && (named.status !== 'down' || this.#masters.includes(named)))
      return named
    return this.#masterFor(request.slot >= 0 ? request.slot : anchor)
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
      this.carryOut(
        leader,
        fanOut({ anchors, scans: this.#scans, scripts: this.scripts, lane: leader.lane })
      )
      return
    }
    const detour = leader.makeDetour()
    if (detour.deadline === 0) detour.deadline = clock.now + settings.retryBudget
    if (leader.owner.gone || clock.now >= detour.deadline) {
      answerError(leader, replyText.slotNotServed)
      return
    }
    refresher.request('uncovered slot')
    setTimeout(() => this.fanOut(leader, fanOut), backOff(detour.retries++))
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
    return this.recovery.onErrorReply(request, buffer, start, end)
  }

  onLost(request: Request, error: ProxyError, written: boolean): void {
    this.recovery.onLost(request, error, written)
  }

  isOverdue(request: Request, down: boolean): boolean {
    return this.recovery.isOverdue(request, down)
  }

  /** A command keeps the connection of a lane busy, and the node answers others. */
  onStuck(node: ClusterNode, lane: Lane): void {
    this.recovery.onStuck(node, lane)
  }

  /** Slots have other owners. */
  onMoves(moves: readonly SlotMove[]): void {
    this.#masters = this.#parts.cache.masters()
    this.#holds.onMoves(moves)
    this.#parts.onLeft?.(moves)
  }
}
