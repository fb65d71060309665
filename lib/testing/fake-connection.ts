import type { Socket } from 'node:net'
import { ErrorReply, encodeReply, type ReplyValue } from '../resp/encode.ts'
import { argumentsOf, BROKEN, MORE, RequestReader } from '../resp/request-reader.ts'
import { Client, type ClientStream } from './client.ts'
import { type CommandRow, NO_REPLY, Wait } from './commands/call.ts'
import type { FaultAction, Words } from './faults.ts'
import type { NodeState } from './node-state.ts'
import { Output } from './output.ts'
import { type Outcome, processCommand } from './processor.ts'
import { redirectTo } from './redirection.ts'
import { Refusal } from './refusal.ts'
import { slotOfBytes } from './slot.ts'

/** What a connection needs of its node. */
export interface ConnectionHost {
  readonly state: NodeState
  readonly rows: ReadonlyMap<string, CommandRow>
  isPaused(): boolean
  /** Milliseconds that replies are held back. */
  latency(): number
  /** Called for each command, before anything else; what it answers happens instead. */
  received(connection: FakeConnection, command: Words): FaultAction | undefined
  /** Called after commands were executed, so that blocked clients may be served. */
  executed(): void
  closed(connection: FakeConnection): void
}

const UNBLOCKED =
  'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'

/** One client's connection to a fake node. */
export class FakeConnection implements ClientStream {
  readonly client: Client
  readonly remoteAddress: string
  readonly localAddress: string
  /** When it was blocked last, in milliseconds; who waits longest is served first. */
  blockedAt = 0
  readonly #host: ConnectionHost
  readonly #socket: Socket
  readonly #output: Output
  readonly #reader: RequestReader = new RequestReader()
  readonly #chunks: Buffer[] = []
  #waiting: { readonly wait: Wait; readonly timer: NodeJS.Timeout | undefined } | undefined
  #state: 'open' | 'ending' | 'closed' = 'open'
  #pumping = false

  constructor(host: ConnectionHost, socket: Socket) {
    const { state } = host
    this.#host = host
    this.#socket = socket
    this.#output = new Output(socket, () => host.latency())
    this.remoteAddress = `${socket.remoteAddress}:${socket.remotePort}`
    this.localAddress = `${socket.localAddress}:${socket.localPort}`
    this.client = new Client(state.cluster.nextClientId(), !state.users.has('default'), this)
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk)
      this.pump()
    })
    socket.on('error', () => this.kill())
    socket.on('close', () => this.#onClose())
  }

  /** Executes what has arrived, unless the node is paused or the client is blocked. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    let executed = 0
    while (
      !this.#host.isPaused() &&
      this.#waiting === undefined &&
      this.#state === 'open' &&
      this.#step()
    )
      executed++
    this.#pumping = false
    if (this.#state !== 'closed') this.#output.flush()
    if (executed > 0) this.#host.executed()
  }

  /** Takes one command, or else one chunk; false when there is neither. */
  #step(): boolean {
    this.#reader.authenticated = this.client.authenticated
    const found = this.#reader.next()
    if (found === MORE) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) this.#reader.feed(chunk)
      return chunk !== undefined
    }
    if (found === BROKEN) {
      this.#output.write(
        encodeReply(
          new ErrorReply(`ERR Protocol error: ${this.#reader.error}`),
          this.client.protocol
        )
      )
      this.close()
      return false
    }
    this.#command(argumentsOf(this.#reader.request))
    return true
  }

  #command(args: readonly Buffer[]): void {
    const words = args.map((arg) => arg.toString())
    const fault = this.#host.received(this, words)
    if (fault?.kind === 'drop' && fault.moment === 'before') {
      this.#drop()
      return
    }
    const scripted = fault?.kind === 'answer' ? fault.bytes(words) : undefined
    if (fault?.kind === 'answer' && scripted !== undefined) {
      this.#output.write(Buffer.from(scripted))
      if (fault.close) this.close()
      return
    }
    const latin1 = args.map((arg) => arg.toString('latin1'))
    const { state, rows } = this.#host
    const outcome = state.tracking.during(this.client, () =>
      processCommand(state, this.client, rows, latin1)
    )
    if (fault?.kind === 'drop') this.#drop()
    else this.#settle(outcome)
    state.tracking.flush()
  }

  #settle(outcome: Outcome): void {
    if (outcome instanceof Wait) {
      const { timeout, expired } = outcome
      const timer = timeout === 0 ? undefined : setTimeout(() => this.#wake(expired), timeout)
      this.#waiting = { wait: outcome, timer }
      this.blockedAt = performance.now()
    } else this.#reply(outcome)
  }

  /** Writes a reply, unless CLIENT REPLY silenced it. */
  #reply(outcome: ReplyValue | typeof NO_REPLY): void {
    const mode = this.client.replyMode
    if (mode === 'skip') this.client.replyMode = 'on'
    if (mode === 'skipNext') this.client.replyMode = 'skip'
    if (outcome !== NO_REPLY && mode === 'on')
      this.#output.write(encodeReply(outcome, this.client.protocol))
  }

  #wake(reply: ReplyValue): void {
    clearTimeout(this.#waiting?.timer)
    this.#waiting = undefined
    this.#reply(reply)
    this.pump()
    // What served this client may serve another: BLMOVE pushes.
    this.#host.executed()
  }

  /** Serves a blocked client, or tells it that its slot is gone. */
  retry(): void {
    const wait = this.#waiting?.wait
    if (wait === undefined) return
    const lost = this.#lostSlot(slotOfBytes(wait.keys[0]!))
    const reply = lost === undefined ? this.#attempt(wait) : new ErrorReply(lost)
    if (reply !== undefined) this.#wake(reply)
  }

  /** A key that has got another type does not wake its client. */
  #attempt(wait: Wait): ReplyValue | undefined {
    try {
      return wait.attempt()
    } catch (error) {
      if (error instanceof Refusal) return undefined
      throw error
    }
  }

  #lostSlot(slot: number): string | undefined {
    const { state } = this.#host
    const owner = state.ownerOf(slot)
    if (!state.healthy) return 'CLUSTERDOWN The cluster is down'
    if (owner === undefined) return 'CLUSTERDOWN Hash slot not served'
    if (owner === state || state.importing.has(slot)) return undefined
    return redirectTo('MOVED', slot, owner)
  }

  /** A client that is blocked when its master becomes a replica is told so, and disconnected. */
  unblock(): void {
    if (this.#waiting === undefined) return
    this.close()
    this.#wake(new ErrorReply(UNBLOCKED))
  }

  wake(error: boolean): boolean {
    if (this.#waiting === undefined) return false
    const { expired } = this.#waiting.wait
    this.#wake(error ? new ErrorReply('UNBLOCKED client unblocked via CLIENT UNBLOCK') : expired)
    return true
  }

  /** Whether the client waits in a blocking command. */
  get blocked(): boolean {
    return this.#waiting !== undefined
  }

  send(value: ReplyValue): void {
    this.#output.write(encodeReply(value, this.client.protocol))
    if (!this.#pumping) this.#output.flush()
  }

  /** Writes any bytes at once. */
  sendRaw(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#socket.write(bytes)
  }

  close(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    setImmediate(() => this.#output.end())
  }

  kill(): void {
    this.#output.discard()
    this.#socket.destroy()
    this.#onClose()
  }

  /** Ends the connection; the replies to earlier commands of the batch are still sent. */
  #drop(): void {
    this.#output.flush()
    this.#onClose()
    this.#socket.destroySoon()
  }

  #onClose(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearTimeout(this.#waiting?.timer)
    this.#waiting = undefined
    this.#output.discard()
    this.#host.closed(this)
  }
}
