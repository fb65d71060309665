import { createHash } from 'node:crypto'
import type { Login } from './greeting.ts'
import { IDENTITIES, LANES_EACH } from './lanes.ts'

/** Milliseconds that the connections of an identity are kept when its last client has left. */
const LINGER = 10_000

/** A user of the cluster that clients are, beside the one that the proxy is. Its commands go over lanes of its own. */
export interface Identity {
  /** From 1; no two have the same as long as one of them has a connection. */
  readonly number: number
  /** The user's name. */
  readonly user: string
  /** The number of its first lane: what `LANES` says is added to it. */
  readonly base: number
}

interface Held extends Identity {
  readonly key: string
  readonly login: Login
  readonly secret: Buffer
  clients: number
  /** Clock reading of when the last client left. */
  since: number
}

/** The identities in use. The same user with another password is another one: the former may not be right any more. */
export class Identities {
  readonly #held: Map<number, Held> = new Map()
  /** Numbers of those that were forgotten, and have connections as yet. */
  readonly #ending: Set<number> = new Set()
  #last = 0

  /** How many there are. */
  get size(): number {
    return this.#held.size
  }

  /** One more client is the user. */
  acquire(user: string, password: Uint8Array): Identity {
    const secret = Buffer.from(password)
    const key = `${createHash('sha256').update(secret).digest('hex')} ${user}`
    let found = [...this.#held.values()].find((held) => held.key === key)
    if (found === undefined) {
      const number = this.#free()
      const login = { username: user, password: secret }
      const base = number * LANES_EACH
      found = { number, user, base, key, login, secret, clients: 0, since: 0 }
      this.#held.set(number, found)
    }
    found.clients++
    return found
  }

  #free(): number {
    do this.#last = (this.#last % (IDENTITIES - 1)) + 1
    while (this.#held.has(this.#last) || this.#ending.has(this.#last))
    return this.#last
  }

  /** It is needed beyond its clients: what is subscribed to on its connections. */
  hold({ number }: Identity): void {
    const held = this.#held.get(number)
    if (held !== undefined) held.clients++
  }

  /** A client is the user no more, or who held it needs it no more. */
  release({ number }: Identity, now: number): void {
    const held = this.#held.get(number)
    if (held === undefined) return
    held.clients--
    held.since = now
  }

  /** What a connection of an identity begins with; undefined when that has ended. */
  login(number: number): Login | undefined {
    return this.#held.get(number)?.login
  }

  /** The identity with a number. */
  find(number: number): Identity | undefined {
    return this.#held.get(number)
  }

  /** Forgets those that nobody has been for a while, and gives them. */
  expire(now: number): readonly Identity[] {
    if (this.#held.size === 0) return []
    const ended = [...this.#held.values()].filter(
      ({ clients, since }) => clients === 0 && now - since >= LINGER
    )
    for (const { number, secret } of ended) {
      this.#held.delete(number)
      this.#ending.add(number)
      secret.fill(0)
    }
    return ended
  }

  /** The last connection of a forgotten one is closed. */
  closed({ number }: Identity): void {
    this.#ending.delete(number)
  }
}
