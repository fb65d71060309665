import { replyText } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { Identity } from './identities.ts'
import type { ClusterNode } from './node.ts'
import { ask } from './question.ts'
import type { SlotCache } from './slot-cache.ts'
import { Trials } from './trials.ts'

/** The user `default` is who a connection is that has not authenticated. */
const DEFAULT = 'default'

/** What becomes of a password that was tried: the nodes' refusal, or who the client is; no identity means the proxy's own. */
export type Trial =
  | { readonly error: string }
  | { readonly error: undefined; readonly user: string; readonly own: boolean }

/** Tries the users and passwords of clients on the cluster, and tells what users may do there. */
export class Authenticator {
  readonly #cache: SlotCache
  readonly #settings: Pick<Settings, 'credentials'>
  readonly #discover: () => Promise<void>
  readonly #trials: WeakMap<ClusterNode, Trials> = new WeakMap()

  /** `discover` looks for the cluster, where it is not known yet. */
  constructor(
    cache: SlotCache,
    settings: Pick<Settings, 'credentials'>,
    discover: () => Promise<void>
  ) {
    this.#discover = discover
    this.#cache = cache
    this.#settings = settings
  }

  /** Has all masters that can be reached look at a user and a password, or a password alone; the first refusal decides. */
  async try(user: Buffer | undefined, password: Buffer): Promise<Trial> {
    if (this.#cache.masters().length === 0) await this.#discover().catch(() => {})
    const masters = this.#masters()
    if (masters.length === 0) return { error: replyText.slotNotServed }
    const request = user === undefined ? ['AUTH', password] : ['AUTH', user, password]
    const answers = await Promise.all(masters.map((node) => this.#trialsOn(node).try(request)))
    const refusal = answers.find((answer) => answer !== undefined)
    if (refusal !== undefined) return { error: refusal }
    const name = user?.toString() ?? DEFAULT
    return { error: undefined, user: name, own: name === (await this.#ownName()) }
  }

  #trialsOn(node: ClusterNode): Trials {
    const found = this.#trials.get(node)
    if (found !== undefined) return found
    const trials = new Trials(node)
    this.#trials.set(node, trials)
    return trials
  }

  /** The user that the proxy itself is; undefined while the host application does not tell. */
  async #ownName(): Promise<string | undefined> {
    const { credentials } = this.#settings
    try {
      const own = typeof credentials === 'function' ? await credentials() : credentials
      return own?.username ?? DEFAULT
    } catch {
      return undefined
    }
  }

  #masters(): readonly ClusterNode[] {
    return this.#cache.masters().filter(({ status }) => status !== 'down')
  }

  /** Which commands the cluster lets a user run, in words of the ACL: its own ones, and those of each selector. None if the proxy may not know. */
  async rulesOf({ user }: Identity): Promise<readonly (readonly string[])[]> {
    const [master] = this.#masters()
    if (master === undefined) return []
    try {
      const reply = await ask(master, 'ACL', 'GETUSER', user)
      const selectors = field(reply, 'selectors')
      const all = [reply, ...(Array.isArray(selectors) ? selectors : [])]
      return all
        .map((each) => field(each, 'commands'))
        .filter((commands) => typeof commands === 'string')
        .map((commands) => commands.split(' ').filter((word) => word !== ''))
    } catch {
      return []
    }
  }
}

/** A field of a reply that tells pairs of names and values. */
function field(reply: unknown, name: string): unknown {
  const fields = Array.isArray(reply) ? reply : []
  const at = fields.indexOf(name)
  return at < 0 ? undefined : fields[at + 1]
}
