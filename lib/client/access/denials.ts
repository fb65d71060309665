import type { CommandSpec } from '../../command/spec.ts'
import type { RequestView } from '../../resp/request-reader.ts'
import type { Account, DenialReason } from './account.ts'

/** One entry of ACL LOG. */
export interface Denial {
  count: number
  readonly reason: DenialReason
  readonly context: 'toplevel' | 'multi'
  /** Name of the command, the key or the channel; bytes of it that are no UTF-8 are kept. */
  readonly object: Buffer
  readonly user: string
  /** When it was last, milliseconds since the epoch. */
  at: number
  /** The client as CLIENT LIST shows it. */
  client: string
}

/** What a denial has of a client. */
export interface DeniedClient {
  readonly session: { readonly user: string }
  /** Commands since MULTI; -1 without. */
  readonly queuedCommands: number
}

/** Entries that are kept, as by a server by default (`acllog-max-len`). */
const MOST_ENTRIES = 128
/** Milliseconds within which the same denial is counted, and no new entry (`ACL_LOG_GROUPING_MAX_TIME_DELTA`). */
const GROUPING = 60_000

/** What users of the proxy's own were not let do, the latest first. */
export class Denials<Client extends DeniedClient> {
  #entries: Denial[] = []
  readonly #describe: (client: Client) => string

  /** `describe` gives a client as CLIENT LIST shows it. */
  constructor(describe: (client: Client) => string) {
    this.#describe = describe
  }

  /** Why a request is not for a client, as {@link Account.refusal}; noted if it is not. */
  refusal(
    client: Client,
    account: Account,
    spec: CommandSpec,
    view: RequestView
  ): string | undefined {
    const refusal = account.refusal(spec, view)
    const blamed = refusal === undefined ? undefined : account.blamed(refusal, spec, view)
    if (blamed !== undefined) this.note(client, blamed.reason, blamed.object)
    return refusal
  }

  /** A client was not let do something; `user` is whom it wanted to be, where that was it. */
  note(
    client: Client,
    reason: DenialReason,
    object: Buffer,
    user: string = client.session.user
  ): void {
    const at = Date.now()
    const context = client.queuedCommands >= 0 ? 'multi' : 'toplevel'
    const index = this.#entries.findIndex(
      (each) =>
        at - each.at <= GROUPING &&
        each.reason === reason &&
        each.context === context &&
        each.user === user &&
        each.object.equals(object)
    )
    const [found] = index < 0 ? [] : this.#entries.splice(index, 1)
    const entry = found ?? {
      count: 0,
      reason,
      context,
      object: Buffer.from(object),
      user,
      at,
      client: '',
    }
    entry.count++
    entry.at = at
    entry.client = this.#describe(client).trimEnd()
    this.#entries.unshift(entry)
    if (this.#entries.length > MOST_ENTRIES) this.#entries.pop()
  }

  /** The latest ones. */
  latest(count: number): readonly Denial[] {
    return this.#entries.slice(0, count)
  }

  clear(): void {
    this.#entries = []
  }
}
