import type { ProxyUser, Settings } from '../../settings.ts'
import { Account, digestOf } from './account.ts'

/** The user of clients that give a password only, or none at all. */
export const DEFAULT_USER = 'default'

/** The users of the proxy's own. */
export class Accounts {
  readonly #accounts: ReadonlyMap<string, Account>
  /** Whose password is compared with where there is no such user, so that both take as long. */
  readonly #nobody: Account = new Account({
    name: '',
    passwordSha256: digestOf('').toString('hex'),
  })

  /** Without a user `default` of their own, `password` is that of one who may do everything. */
  constructor(users: readonly ProxyUser[], password: string | undefined) {
    const named = new Map(users.map((user) => [user.name, new Account(user)]))
    if (!named.has(DEFAULT_USER) && password !== undefined) {
      const passwordSha256 = digestOf(password).toString('hex')
      named.set(DEFAULT_USER, new Account({ name: DEFAULT_USER, rights: 'admin', passwordSha256 }))
    }
    this.#accounts = named
  }

  /** Who clients are that have not authenticated; undefined if they must. */
  get unasked(): Account | undefined {
    const account = this.find(DEFAULT_USER)
    return account?.nopass === true && account.enabled ? account : undefined
  }

  find(name: string): Account | undefined {
    return this.#accounts.get(name)
  }

  /** All of them, by name. */
  all(): readonly Account[] {
    return [...this.#accounts.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  /** The user that a name and a password make; undefined when they are wrong. */
  authenticate(name: string, password: Uint8Array): Account | undefined {
    const account = this.find(name)
    const right = (account ?? this.#nobody).accepts(digestOf(password))
    return right && account !== undefined ? account : undefined
  }
}

/** The accounts that settings stand for; undefined while there are no users: then every client may do everything. */
export function accountsOf({
  users,
  password,
}: Pick<Settings, 'users' | 'password'>): Accounts | undefined {
  return users === undefined || users.length === 0 ? undefined : new Accounts(users, password)
}
