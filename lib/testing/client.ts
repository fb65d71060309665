import type { ProtocolVersion, ReplyValue } from '../resp/encode.ts'
import type { Keyspace } from './keyspace.ts'

/** One command that waits in a transaction. */
export interface QueuedCommand {
  /** Keys as one character per byte. */
  readonly keys: readonly string[]
  readonly isWrite: boolean
  /** Executes it; never throws, never blocks. */
  run(): ReplyValue
}

/** What a client can do with its stream. */
export interface ClientStream {
  /** Writes a value that answers no command. */
  send(value: ReplyValue): void
  /** Ends the connection once all replies are written. */
  close(): void
  /** Ends the connection at once. */
  kill(): void
  /** Ends a blocking command, as if its time were over or with an error; false if there is none. */
  wake(error: boolean): boolean
  /** `host:port` of the other side. */
  readonly remoteAddress: string
  /** `host:port` of this side. */
  readonly localAddress: string
}

/** The kinds of subscriptions, each with its own count. */
export type SubscriptionKind = 'channels' | 'patterns' | 'shardChannels'

/** What a client chose with `CLIENT TRACKING ON`. */
export interface TrackingChoice {
  /** Number of the client that is told in its place; 0 for itself. */
  readonly redirect: number
  /** Prefixes of `BCAST`; undefined for the keys that it reads. */
  readonly prefixes: readonly string[] | undefined
  readonly noLoop: boolean
}

/** What a node knows of one connection, apart from its bytes. */
export class Client {
  readonly id: number
  readonly stream: ClientStream
  protocol: ProtocolVersion = 2
  name = ''
  user = 'default'
  authenticated: boolean
  libName = ''
  libVersion = ''
  readonly: boolean = false
  /** Set by ASKING for the command that follows. */
  asking = false
  replyMode: 'on' | 'off' | 'skip' | 'skipNext' = 'on'
  /** Commands since MULTI, or undefined outside of a transaction. */
  queue: QueuedCommand[] | undefined
  /** Whether a command was refused since MULTI, so that EXEC must fail. */
  dirty = false
  /** Watched keys with the version that they had. */
  readonly watched: Map<string, { readonly data: Keyspace; readonly version: number }> = new Map()
  /** `CLIENT TRACKING`; undefined while off. */
  tracking: TrackingChoice | undefined = undefined
  readonly channels: Set<string> = new Set()
  readonly patterns: Set<string> = new Set()
  readonly shardChannels: Set<string> = new Set()

  constructor(id: number, authenticated: boolean, stream: ClientStream) {
    this.id = id
    this.authenticated = authenticated
    this.stream = stream
  }

  /** Whether a RESP2 client may use nothing but the subscription commands. */
  get subscribed(): boolean {
    return this.channels.size + this.patterns.size + this.shardChannels.size > 0
  }

  /** Leaves a transaction, if there is one. */
  leaveTransaction(): void {
    this.queue = undefined
    this.dirty = false
    this.watched.clear()
  }

  /** Back to the state of a new connection (`RESET`). */
  reset(authenticated: boolean): void {
    this.leaveTransaction()
    for (const kind of ['channels', 'patterns', 'shardChannels'] as const) this[kind].clear()
    this.protocol = 2
    this.name = ''
    this.user = 'default'
    this.authenticated = authenticated
    this.readonly = false
    this.asking = false
    this.replyMode = 'on'
    this.tracking = undefined
  }
}
