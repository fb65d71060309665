import { Push, type ReplyValue } from '../resp/encode.ts'
import type { Client } from './client.ts'

const CHANNEL = '__redis__:invalidate'

function bytes(key: string): Buffer {
  return Buffer.from(key, 'latin1')
}

/** Whom a node tells of changed keys (`CLIENT TRACKING`). As a server, it tells after the reply to the command that changed them. */
export class TrackingTable {
  readonly #clients: ReadonlySet<Client>
  readonly #readers: Map<string, Set<Client>> = new Map()
  #current: Client | undefined
  #pending: (() => void)[] = []
  /** Changed keys that are told by prefix, and who changed them. */
  readonly #changed: Map<string, Client | undefined> = new Map()
  #holding = false

  /** `clients`: those of the node. */
  constructor(clients: ReadonlySet<Client>) {
    this.#clients = clients
  }

  /** Executes a command of a client; what is to be told waits for {@link flush}. */
  during<Result>(client: Client, execute: () => Result): Result {
    this.#current = client
    this.#holding = true
    try {
      return execute()
    } finally {
      this.#current = undefined
    }
  }

  /** Tells what waits. */
  flush(): void {
    this.#holding = false
    for (const tell of this.#pending.splice(0)) tell()
    if (this.#changed.size === 0) return
    const changed = [...this.#changed]
    this.#changed.clear()
    for (const client of this.#clients) this.#broadcast(client, changed)
  }

  #broadcast(client: Client, changed: readonly (readonly [string, Client | undefined])[]): void {
    for (const prefix of client.tracking?.prefixes ?? []) {
      const keys = changed
        .filter(([, by]) => !(client.tracking?.noLoop === true && by === client))
        .map(([key]) => key)
        .filter((key) => key.startsWith(prefix))
      if (keys.length > 0) this.#tell(client, keys.map(bytes))
    }
  }

  /** A client has read keys. */
  remember(client: Client, keys: readonly string[]): void {
    if (client.tracking === undefined || client.tracking.prefixes !== undefined) return
    for (const key of keys) {
      const readers = this.#readers.get(key)
      if (readers === undefined) this.#readers.set(key, new Set([client]))
      else readers.add(client)
    }
  }

  /** A key has got another value, or none. */
  changed(key: string): void {
    const readers = this.#readers.get(key)
    this.#readers.delete(key)
    for (const client of readers ?? []) {
      if (client.tracking?.noLoop === true && client === this.#current) continue
      this.#pending.push(() => this.#tell(client, [bytes(key)]))
    }
    this.#changed.set(key, this.#current)
    if (!this.#holding) this.flush()
  }

  /** All keys are gone. */
  cleared(): void {
    this.#readers.clear()
    this.#changed.clear()
    this.#pending = [...this.#clients].map((client) => () => this.#tell(client, null))
    if (!this.#holding) this.flush()
  }

  #tell(client: Client, keys: ReplyValue): void {
    const { tracking } = client
    if (tracking === undefined || !this.#clients.has(client)) return
    const { redirect } = tracking
    const target =
      redirect === 0 ? client : [...this.#clients].find((other) => other.id === redirect)
    if (target?.protocol === 3) target.stream.send(new Push(['invalidate', keys]))
    else if (target?.subscribed === true && redirect !== 0)
      target.stream.send(['message', CHANNEL, keys])
  }
}
