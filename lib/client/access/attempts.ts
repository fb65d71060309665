import type { ThreadHooks } from '../../program-hooks.ts'

/** Addresses that are remembered; the one that failed longest ago is forgotten first. */
const MOST_ADDRESSES = 10_000
/** Milliseconds without failures after which an address is forgotten. */
const MEMORY = 60_000
/** How often the delay doubles at most. */
const DOUBLINGS = 5

interface Failures {
  count: number
  /** When the last one was, as `performance.now()` tells. */
  at: number
}

/** What a thread tells the others: `host [count age]`; so many attempts from there have failed, the last of them that many milliseconds ago. */
export const AUTH_FAILED = 'auth-failed'

/** Failed attempts to authenticate, by the address that they came from: each makes the next attempt wait longer, whoever it is, and in whichever thread. */
export class Attempts {
  readonly #failures: Map<string, Failures> = new Map()
  readonly #threads: ThreadHooks | undefined

  constructor(threads?: ThreadHooks) {
    this.#threads = threads
  }

  /** Milliseconds that an attempt from an address has to wait; `first` after one failure. */
  delay(address: string, first: number): number {
    if (this.#failures.size === 0) return 0
    const found = this.#failures.get(hostOf(address))
    if (found === undefined || performance.now() - found.at > MEMORY) return 0
    return first * 2 ** Math.min(found.count - 1, DOUBLINGS)
  }

  /** An attempt from an address failed; a promise until the other threads know. */
  failed(address: string): Promise<unknown> | undefined {
    const host = hostOf(address)
    this.note(host, 1, 0)
    // Without the main process there are no others.
    return this.#threads?.ask?.({ kind: AUTH_FAILED, args: [Buffer.from(host)] })?.catch(() => {})
  }

  /** So many attempts from a host failed, the last of them that many milliseconds ago. */
  note(host: string, count: number, age: number): void {
    const at = performance.now() - age
    const before = this.#failures.get(host)
    const recent = before !== undefined && at - before.at <= MEMORY
    // Put in anew, so that the order is that of the last failures.
    this.#failures.delete(host)
    this.#failures.set(host, { count: recent ? before.count + count : count, at })
    if (this.#failures.size <= MOST_ADDRESSES) return
    const [oldest] = this.#failures.keys()
    this.#failures.delete(oldest!)
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#failures.size
  }
}

/** An address without its port; of IPv6 the network of one site, since whoever has one address there has all. */
function hostOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1')
  const groups = host.split(':')
  if (groups.length < 3 || host.startsWith('::')) return host
  return groups.slice(0, 4).join(':')
}
