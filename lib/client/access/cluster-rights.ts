import type { Authenticator } from '../../cluster/authenticator.ts'
import type { Identity } from '../../cluster/identities.ts'
import type { CommandSpec } from '../../command/spec.ts'
import { replyText } from '../../errors.ts'
import { frameRequest } from '../../resp/request-reader.ts'
import { Account } from './account.ts'

/** Milliseconds after which the cluster is asked again. */
const FRESH = 5000

interface Known {
  readonly at: number
  readonly account: Promise<Account | undefined>
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
    const account = await this.#accountOf(identity)
    return account === undefined ? !spec.categories.has('@admin') : account.mayRun(spec)
  }

  /** Why a user may not subscribe to channels, as an error text; undefined when it may. While the cluster does not tell, it may not. */
  async refusal(
    identity: Identity,
    spec: CommandSpec,
    names: readonly Buffer[]
  ): Promise<string | undefined> {
    const account = await this.#accountOf(identity)
    if (account === undefined) return replyText.deniedChannel
    return account.refusal(spec, frameRequest([spec.name, ...names]))
  }

  #accountOf(identity: Identity): Promise<Account | undefined> {
    const now = performance.now()
    const known = this.#known.get(identity)
    if (known !== undefined && now - known.at < FRESH) return known.account
    const account = this.#ask(identity)
    this.#known.set(identity, { at: now, account })
    return account
  }

  async #ask(identity: Identity): Promise<Account | undefined> {
    const rules = await this.#authenticator.rulesOf(identity)
    return rules && new Account({ name: identity.user, nopass: true, ...rules })
  }
}
