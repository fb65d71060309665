import type { Lane } from '../cluster/lane.ts'
import { TO_REPLICA } from '../cluster/lanes.ts'
import type { ClusterNode } from '../cluster/node.ts'
import { type Redirect, readRedirect } from '../cluster/redirect.ts'
import { ProxyError, replyText } from '../errors.ts'
import type { Holds } from './holds.ts'
import { requestsOf } from './joint-reads.ts'
import { isPlainRead } from './reader.ts'
import { type Redirects, redirectDelay } from './redirects.ts'
import type { ReplicaReads } from './replica-reads.ts'
import { precedesUncertain, type Request } from './request.ts'
import { answerError, backOff, FIRST_DELAY, type RouterParts } from './routing.ts'
import { loadScript, type Scripts } from './scripts.ts'

/** A connection younger than this is not replaced again, in milliseconds. */
const REPLACE_INTERVAL = 1000

/** What a recovery works with, beside what the router does. */
export interface RecoveryParts {
  readonly holds: Holds
  readonly reads: ReplicaReads
  readonly scripts: Scripts
  readonly redirects: Redirects
}

/**
 * What becomes of requests that were not simply answered: follows redirects, tries again what may be tried again, and answers the others
 * with an error. Whatever is sent again goes through a hold, which keeps the order of each owner's requests per slot.
 */
export class Recovery {
  readonly #parts: RouterParts
  readonly #holds: Holds
  readonly #reads: ReplicaReads
  readonly #scripts: Scripts
  readonly #redirects: Redirects

  constructor(parts: RouterParts, { holds, reads, scripts, redirects }: RecoveryParts) {
    this.#parts = parts
    this.#holds = holds
    this.#reads = reads
    this.#scripts = scripts
    this.#redirects = redirects
  }

  /** Deals with an error reply; false if it is the client's to see. */
  onErrorReply(request: Request, buffer: Buffer, start: number, end: number): boolean {
    const redirect = readRedirect(buffer, start, end)
    const { replica } = request
    if (redirect.verdict === 'noscript') return this.#heal(request)
    if (replica !== undefined && redirect.verdict !== 'none') {
      this.#reads.leave(request, replica)
      if (redirect.verdict !== 'moved') return this.again(request)
    }
    switch (redirect.verdict) {
      case 'moved':
      case 'ask':
        return this.#redirected(request, redirect, buffer, start, end)
      case 'clusterdown':
      case 'masterdown':
      case 'readonly':
        this.#parts.refresher.request('redirect')
        return this.again(request)
      case 'tryagain':
      case 'loading':
        return this.again(request)
      case 'noauth':
        // The node's password is another than when the connection was greeted; the next one is greeted with what holds now.
        if (request.node !== undefined) this.#replaceConnection(request, request.node)
        return this.again(request)
      default:
        return false
    }
  }

  /** The node lacks a script that is known: it is loaded there, and the request sent again. Nothing was executed. */
  #heal(request: Request): boolean {
    const { node, owner, slot } = request
    const body = this.#scripts.missing(request)
    if (body === undefined || node === undefined) return false
    const lane = request.replica === undefined ? request.lane : request.lane + TO_REPLICA
    // ASK holds for one command only: it must be asked for again.
    if (request.asking) request.makeDetour().askTarget = node
    // A request without keys may go to any master: it must be this one.
    if (slot < 0) request.makeDetour().target = node.name
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
    const { maxRedirects, autoRedirect } = this.#parts.settings
    const detour = request.makeDetour()
    detour.redirects++
    if (detour.redirects > maxRedirects) {
      answerError(
        request,
        replyText.tooManyRedirects(buffer.toString('latin1', start + 1, end - 2))
      )
      return true
    }
    const name = request.spec?.name ?? ''
    const to = this.#redirects.note(redirect, from, detour.redirects, name)
    if (!autoRedirect) {
      this.#redirects.apply(redirect, to)
      answerError(request, this.#redirects.shown(redirect, to))
      return true
    }
    const hold = this.#holds.of(request.owner, request.slot)
    if (redirect.verdict === 'ask') detour.askTarget = to
    else if (to === from) this.#replaceConnection(request, from)
    this.#redirects.apply(redirect, to)
    hold.again(request, redirectDelay(detour.redirects, to === from))
    return true
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

  /** A command keeps the connection of a lane busy, and the node answers others: what comes later takes another one. */
  onStuck(node: ClusterNode, lane: Lane): void {
    const [oldest] = lane.requests()
    const name = (oldest && requestsOf(oldest)[0]?.spec?.name) ?? 'a command'
    this.#holds.keepOrder(lane)
    lane.replace(true)
    const text = `'${name}' keeps a shared connection to ${node.name} busy; later commands take another one`
    this.#parts.events.emit('warning', new ProxyError('SLOW_COMMAND', text))
  }

  /** Whether a request that waits for a connection has used up its time. That begins when it first waits for a node that others tried in vain. */
  isOverdue(request: Request, down: boolean): boolean {
    const begun = down || (request.detour?.deadline ?? 0) > 0
    return request.owner.gone || (begun && this.#left(request) <= 0)
  }

  /** Milliseconds in which a request may be tried again; they begin with the first question. */
  #left(request: Request): number {
    const { clock, settings } = this.#parts
    const detour = request.makeDetour()
    if (detour.deadline === 0) detour.deadline = clock.now + settings.retryBudget
    return detour.deadline - clock.now
  }

  /** Has a request tried again, if its time budget allows. */
  again(request: Request): boolean {
    const detour = request.makeDetour()
    const left = this.#left(request)
    if (left <= 0) return false
    // The clock is coarse: what is left of the budget may be shorter than the last delay should be.
    const delay = Math.max(FIRST_DELAY, Math.min(left, backOff(detour.retries)))
    detour.retries++
    this.#holds.of(request.owner, request.slot).again(request, delay)
    return true
  }

  /** No reply will come. */
  onLost(request: Request, error: ProxyError, written: boolean): void {
    if (request.owner.gone) {
      request.hold?.settled(request)
      return
    }
    if (request.replica !== undefined) this.#reads.leave(request, request.replica)
    if (error.code === 'NODE_AUTH') answerError(request, error.message)
    else if (error.code === 'CLOSED') {
      answerError(request, written ? replyText.uncertain(error.message) : replyText.closing)
    } else if (written && !isPlainRead(request.spec)) {
      request.makeDetour().uncertain = true
      answerError(request, replyText.uncertain(error.message))
    } else if (written && precedesUncertain(request)) {
      answerError(request, replyText.uncertain(error.message))
    } else if (!this.#resend(request)) {
      answerError(request, replyText.unreachable(error.message))
    }
  }

  /** A request whose connection is gone goes out again at once the first time: most often only the connection was lost. */
  #resend(request: Request): boolean {
    const detour = request.makeDetour()
    if (detour.retries > 0) return this.again(request)
    if (this.#left(request) <= 0) return false
    detour.retries = 1
    this.#holds.of(request.owner, request.slot).again(request, 0)
    return true
  }
}
