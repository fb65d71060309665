import type { ClusterNode } from '../cluster/node.ts'
import type { PrivateConnection } from '../cluster/private-connection.ts'
import type { Borrower } from '../cluster/private-shelf.ts'
import { type Redirect, readRedirect } from '../cluster/redirect.ts'
import { type ProxyError, replyText } from '../errors.ts'
import { errorFrame } from '../resp/encode.ts'
import type { Privates } from './privates.ts'
import { redirectDelay } from './redirects.ts'
import { backOff } from './routing.ts'

/** Whose commands take a private connection. */
export interface Traveller {
  /** Its lane: the protocol version. */
  readonly lane: number
  /** A connection to the right node. `asking`: the node serves the slot for this attempt only, after ASKING. */
  onConnection(connection: PrivateConnection, asking: boolean): void
  /** There will be no connection; an error text, code first. */
  onFailed(text: string): void
  /** The connection is gone although nothing was in flight, or after all that was in flight was told. */
  onLost(error: ProxyError): void
}

/**
 * The way of one client's command, or transaction, to a private connection of the right node: through redirects, refusals and lost
 * connections, within the same limits as a request on a shared one.
 */
export class PrivateCourse implements Borrower {
  /** Slot of the keys; -1 for any master. */
  readonly slot: number
  /** The node of the last attempt. */
  node: ClusterNode | undefined
  redirects = 0
  retries = 0
  readonly #privates: Privates
  readonly #traveller: Traveller
  readonly #command: string
  #askTarget: ClusterNode | undefined
  #asking = false
  #deadline = 0
  #timer: NodeJS.Timeout | undefined
  #state: 'resting' | 'delayed' | 'borrowing' | 'ended' = 'resting'

  constructor(privates: Privates, traveller: Traveller, slot: number, command: string) {
    this.#privates = privates
    this.#traveller = traveller
    this.slot = slot
    this.#command = command
  }

  /** Whether nothing is under way: no delay runs, and no connection is waited for. */
  get resting(): boolean {
    return this.#state === 'resting'
  }

  /** Looks for a connection. */
  seek(): void {
    if (this.#state === 'ended') return
    const node = this.#askTarget ?? this.#privates.nodeFor(this.slot)
    this.#asking = this.#askTarget !== undefined
    this.#askTarget = undefined
    if (node === undefined) {
      this.#privates.refresh('uncovered slot')
      this.#againOr(replyText.slotNotServed)
      return
    }
    this.node = node
    this.#state = 'borrowing'
    if (this.#deadline > 0) {
      const left = Math.max(0, this.#deadline - this.#privates.clock.now)
      this.#timer = setTimeout(() => this.#late(node), left)
    }
    this.#privates.pool.lend(node, this.#traveller.lane, this)
  }

  /** The budget is spent, and a connection not made. */
  #late({ name, trouble }: ClusterNode): void {
    this.cancel()
    this.#fail(replyText.unreachable(trouble?.message ?? `no connection to ${name} yet`))
  }

  onLent(connection: PrivateConnection): void {
    clearTimeout(this.#timer)
    this.#state = 'resting'
    this.#traveller.onConnection(connection, this.#asking)
  }

  onRefused(error: ProxyError | undefined): void {
    clearTimeout(this.#timer)
    if (error?.code === 'NODE_AUTH') {
      this.#fail(error.message)
      return
    }
    if (error !== undefined) {
      this.#againOr(replyText.unreachable(error.message))
      return
    }
    const name = this.node?.name ?? '?'
    this.#fail(replyText.noPrivateConnection(name, this.#privates.settings.privateWait))
  }

  onLost(error: ProxyError): void {
    this.#traveller.onLost(error)
  }

  /**
   * Judges an error reply. Undefined when there will be another attempt: the caller lets go of its connection, and gets another one by and
   * by. Else what the client is to see.
   */
  judge(buffer: Buffer, start: number, end: number): Buffer | undefined {
    const redirect = readRedirect(buffer, start, end)
    const { verdict } = redirect
    if (verdict === 'moved' || verdict === 'ask') {
      return redirect.slot === this.slot
        ? this.#redirected(redirect, buffer.subarray(start, end))
        : buffer.subarray(start, end)
    }
    if (verdict === 'none' || verdict === 'noscript') return buffer.subarray(start, end)
    if (verdict !== 'tryagain' && verdict !== 'loading') this.#privates.refresh('redirect')
    return this.again() ? undefined : buffer.subarray(start, end)
  }

  #redirected(redirect: Redirect, frame: Buffer): Buffer | undefined {
    const { settings, redirects } = this.#privates
    const attempt = this.redirects + 1
    if (attempt > settings.maxRedirects) {
      const last = frame.toString('latin1', 1, frame.length - 2)
      return errorFrame(replyText.tooManyRedirects(last))
    }
    const from = this.node!
    const to = redirects.note(redirect, from, attempt, this.#command)
    redirects.apply(redirect, to)
    if (!settings.autoRedirect) return errorFrame(redirects.shown(redirect, to))
    this.redirects = attempt
    if (redirect.verdict === 'ask') this.#askTarget = to
    this.#later(redirectDelay(attempt, to === from))
    return undefined
  }

  /** Has another attempt made, if the time budget allows. The first one is made at once. */
  again(): boolean {
    const { clock, settings } = this.#privates
    if (this.#deadline === 0) this.#deadline = clock.now + settings.retryBudget
    const left = this.#deadline - clock.now
    if (left <= 0) return false
    this.#later(this.retries === 0 ? 0 : Math.min(left, backOff(this.retries)))
    this.retries++
    return true
  }

  /** All went well for a while: what comes next has the whole budget again. */
  refreshBudget(): void {
    this.#deadline = 0
    this.redirects = 0
    this.retries = 0
  }

  #againOr(text: string): void {
    if (!this.again()) this.#fail(text)
  }

  #later(delay: number): void {
    this.#state = 'delayed'
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.seek(), delay)
  }

  #fail(text: string): void {
    this.#state = 'ended'
    this.#traveller.onFailed(text.replace(/[\r\n]+/g, ' '))
  }

  /** Nobody waits for a connection any more. */
  cancel(): void {
    clearTimeout(this.#timer)
    if (this.#state === 'borrowing') this.#privates.pool.cancel(this)
    this.#state = 'ended'
  }
}
