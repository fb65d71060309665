import { createHash } from 'node:crypto'
import { type ProxyError, replyText } from '../errors.ts'
import { LANES } from './lanes.ts'
import type { ClusterNode } from './node.ts'
import { askOn } from './question.ts'

/** How often a node is asked again whose connection is lost meanwhile. */
const ATTEMPTS = 3

/** What a node says to a password: its refusal, or undefined when it is right. */
type Verdict = string | undefined

interface Waiting {
  readonly request: readonly (string | Buffer)[]
  readonly verdict: Promise<Verdict>
  readonly tell: (verdict: Verdict) => void
}

/**
 * The passwords to be tried on one node, one at a time. A server of 7.2 to 8, and Valkey to 8, answers a wrong password with nothing at all while a reply to
 * an earlier command of the same connection is still to be written (`addAuthErrReply`; redis issue 15640): of AUTHs that are on their way together, a wrong one would
 * get the answer of the next. Those that wait for the same user and password wait for one and the same trial.
 */
export class Trials {
  readonly #node: ClusterNode
  /** Oldest first, by a digest of what is tried. */
  readonly #waiting: Map<string, Waiting> = new Map()
  #busy = false

  constructor(node: ClusterNode) {
    this.#node = node
  }

  /** Sends an AUTH when all before it are answered. */
  try(request: readonly (string | Buffer)[]): Promise<Verdict> {
    const key = keyOf(request)
    let waiting = this.#waiting.get(key)
    if (waiting === undefined) {
      waiting = { request, ...verdictOf() }
      this.#waiting.set(key, waiting)
    }
    if (!this.#busy) void this.#work()
    return waiting.verdict
  }

  async #work(): Promise<void> {
    this.#busy = true
    for (const [key, { request, tell }] of this.#waiting) {
      // From now on nobody may join: the node may be looking at it already.
      this.#waiting.delete(key)
      const { verdict, answered } = await this.#ask(request)
      tell(verdict)
      if (!answered) this.#giveUp(verdict)
    }
    this.#busy = false
  }

  async #ask(
    request: readonly (string | Buffer)[]
  ): Promise<{ verdict: Verdict; answered: boolean }> {
    for (let attempt = 1; ; attempt++) {
      try {
        await askOn(this.#node.lane(LANES.trial), request)
        return { verdict: undefined, answered: true }
      } catch (error) {
        const { code, message } = error as ProxyError
        if (code === 'NODE_REPLY') return { verdict: message, answered: true }
        if (code !== 'NODE_LOST' || attempt === ATTEMPTS) {
          return { verdict: replyText.unreachable(message), answered: false }
        }
      }
    }
  }

  /** The node cannot be asked: those that have waited for it meanwhile need not wait as long again, one after the other. */
  #giveUp(verdict: Verdict): void {
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { tell } of all) tell(verdict)
  }
}

function verdictOf(): Pick<Waiting, 'verdict' | 'tell'> {
  let tell!: Waiting['tell']
  const verdict = new Promise<Verdict>((resolve) => {
    tell = resolve
  })
  return { verdict, tell }
}

/** No password stays in a table; lengths keep a user's name and a password apart. */
function keyOf(request: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const word of request) hash.update(`${word.length} `).update(word)
  return hash.digest('base64')
}
