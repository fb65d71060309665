import type { Authenticator } from '../../cluster/authenticator.ts'
import type { Identity } from '../../cluster/identities.ts'
import type { CommandSpec } from '../../command/spec.ts'
import { Account } from './account.ts'

/** Milliseconds after which the cluster is asked again. */
const FRESH = 5000

interface Known {
  readonly at: number
  readonly accounts: Promise<readonly Account[]>
}

/** What users of the cluster may have the proxy itself do: what the cluster would let them do there. */
export class ClusterRights {
  readonly #authenticator: Authenticator
  readonly #known: WeakMap<Identity, Known> = new WeakMap()

  constructor(authenticator: Authenticator) {
    this.#authenticator = authenticator
  }

  /** Whether a user may run a command. While the cluster does not tell, nobody administers the proxy. */
  async mayRun(identity: Identity, spec: CommandSpec): Promise<boolean> {
    const accounts = await this.#accountsOf(identity)
    if (accounts.length === 0) return !spec.categories.has('@admin')
    return accounts.some((account) => account.mayRun(spec))
  }

  #accountsOf(identity: Identity): Promise<readonly Account[]> {
    const now = performance.now()
    const known = this.#known.get(identity)
    if (known !== undefined && now - known.at < FRESH) return known.accounts
    const accounts = this.#ask(identity)
    this.#known.set(identity, { at: now, accounts })
    return accounts
  }

  /** One for the user, and one for each of its selectors: any of them will do. */
  async #ask(identity: Identity): Promise<readonly Account[]> {
    const rules = await this.#authenticator.rulesOf(identity)
    return rules.map((commands) => new Account({ name: identity.user, nopass: true, commands }))
  }
}
