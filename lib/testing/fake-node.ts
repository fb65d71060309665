import { EventEmitter } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import type { CommandRow } from './commands/call.ts'
import { deliver } from './commands/pubsub.ts'
import { FakeConnection } from './fake-connection.ts'
import {
  type Answer,
  type AnswerOptions,
  type CommandMatcher,
  type DropOptions,
  type Fault,
  type FaultAction,
  FaultList,
  matcher,
  type Words,
} from './faults.ts'
import { Interpreter, type PlainReply } from './interpreter.ts'
import type { AnnouncedEndpoint, NodeState } from './node-state.ts'
import { waitForCommand } from './wait.ts'

/** How many commands {@link FakeNode.received} remembers. */
const LOG_LIMIT = 10000

/** A command that a node received. */
export interface ReceivedCommand {
  /** Number of the connection, the same that `CLIENT ID` tells; unique in the cluster, and growing. */
  readonly connection: number
  /** The words of the command as text (UTF-8), the name first as the client wrote it. */
  readonly command: readonly string[]
}

/** The connections of a node at one moment. */
export interface NodeConnections {
  /** How many are open. */
  readonly count: number
  /** How many of them wait in a blocking command. */
  readonly blocked: number
  /** Ends them all at once. */
  kill(): void
}

/** Events of a {@link FakeNode}. */
export interface FakeNodeEvents {
  /** A command was received; it is not executed yet. */
  command: [received: ReceivedCommand]
  /** A client connected; the number is its connection's. */
  connect: [connection: number]
  /** A client's connection ended. */
  disconnect: [connection: number]
}

/** One character for each byte of UTF-8, as arguments have it. */
function latin1(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** One node of a fake cluster: a real TCP server in this process. Made by `createFakeCluster` and `addNode`. */
export class FakeNode extends EventEmitter<FakeNodeEvents> {
  /** @internal */
  readonly state: NodeState
  readonly #rows: ReadonlyMap<string, CommandRow>
  readonly #faults: FaultList = new FaultList()
  readonly #connections: Set<FakeConnection> = new Set()
  readonly #log: ReceivedCommand[] = []
  readonly #interpreter: Interpreter
  #server: Server | undefined
  #paused = false
  /** Whether it was demoted while paused, which its blocked clients have not been told. */
  #demoted = false
  #latency = 0
  #serving: 'no' | 'yes' | 'again' = 'no'

  /** @internal */
  constructor(state: NodeState, rows: ReadonlyMap<string, CommandRow>, latency: number) {
    super()
    this.state = state
    this.#rows = rows
    this.#latency = latency
    this.#interpreter = new Interpreter(state, rows)
  }

  /** The node's id: 40 hexadecimal digits. */
  get id(): string {
    return this.state.id
  }

  /** The host on which it listens. */
  get host(): string {
    return this.state.endpoint.host
  }

  /** The port on which it listens, or listened last. */
  get port(): number {
    return this.state.endpoint.port
  }

  /** `host:port` where it really listens, whatever it announces. */
  get address(): string {
    return `${this.host}:${this.port}`
  }

  /** Whether it is a master or a replica right now. */
  get role(): 'master' | 'replica' {
    return this.state.master === undefined ? 'master' : 'replica'
  }

  /** Whether it accepts connections. */
  get listening(): boolean {
    return this.#server !== undefined
  }

  /** The last commands in the order in which they came, at most 10,000. Empty the array to start afresh. */
  get received(): ReceivedCommand[] {
    return this.#log
  }

  /** Each ASKING that was followed by something else than the command that it was meant for, as text. */
  get violations(): readonly string[] {
    return this.state.violations
  }

  /** Open connections of clients: how many, how many of them are blocked in a command, and how to end them all. */
  get connections(): NodeConnections {
    const connections = [...this.#connections]
    return {
      count: connections.length,
      blocked: connections.filter((one) => one.blocked).length,
      kill: () => {
        for (const one of connections) one.kill()
      },
    }
  }

  /** Listens: on the former port, on the one given, or on a free one for 0. Rejects if the port is taken. */
  async start(options: { port?: number } = {}): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer({ noDelay: true }, (socket) => this.#connect(socket))
    const { host } = this.state.endpoint
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options.port ?? this.state.endpoint.port, host, resolve)
    })
    this.#server = server
    this.state.endpoint = { host, port: (server.address() as AddressInfo).port }
    this.state.failed = false
  }

  #connect(socket: ConstructorParameters<typeof FakeConnection>[1]): void {
    const connection = new FakeConnection(
      {
        state: this.state,
        rows: this.#rows,
        isPaused: () => this.#paused,
        latency: () => this.#latency,
        received: (from, command) => this.#receive(from, command),
        executed: () => this.serveBlocked(),
        closed: (from) => this.#disconnect(from),
      },
      socket
    )
    this.#connections.add(connection)
    this.state.clients.add(connection.client)
    this.emit('connect', connection.client.id)
  }

  #disconnect(connection: FakeConnection): void {
    this.#connections.delete(connection)
    this.state.clients.delete(connection.client)
    this.emit('disconnect', connection.client.id)
  }

  #receive(connection: FakeConnection, command: Words): FaultAction | undefined {
    const received = { connection: connection.client.id, command }
    this.#log.push(received)
    if (this.#log.length > LOG_LIMIT) this.#log.shift()
    this.emit('command', received)
    return this.#faults.take(command)
  }

  /** Gives blocked clients what has come for them. @internal */
  serveBlocked(): void {
    if (this.#paused) return
    if (this.#serving !== 'no') {
      this.#serving = 'again'
      return
    }
    do {
      this.#serving = 'yes'
      const blocked = [...this.#connections].filter((one) => one.blocked)
      blocked.sort((a, b) => a.blockedAt - b.blockedAt)
      for (const connection of blocked) connection.retry()
    } while (this.#serving !== 'yes')
    this.#serving = 'no'
  }

  /** Disconnects blocked clients, as a master does that becomes a replica. @internal */
  unblockAll(): void {
    this.#demoted = this.#paused
    if (this.#paused) return
    for (const connection of [...this.#connections]) connection.unblock()
  }

  /** Stops listening and ends all connections, like a crash; the data stay. The others report the node as failed. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.state.failed = true
    this.connections.kill()
    if (server !== undefined) await new Promise((resolve) => server.close(resolve))
  }

  /** From now on accepts connections and bytes but executes nothing, like a process that got SIGSTOP. */
  pause(): void {
    this.#paused = true
  }

  /** Ends {@link FakeNode.pause}: executes what has arrived meanwhile. */
  resume(): void {
    this.#paused = false
    if (this.#demoted) this.unblockAll()
    for (const connection of [...this.#connections]) connection.pump()
    this.serveBlocked()
  }

  /** Executes at once but sends each reply that many milliseconds later, in order; 0 ends it. */
  delay(milliseconds: number): void {
    this.#latency = milliseconds
  }

  /**
   * Drops the connection of the next matching command, before it is executed or after, but always without its reply.
   * Replies to earlier commands are sent.
   */
  dropConnections(options: DropOptions): Fault {
    return this.#faults.add(
      { kind: 'drop', moment: options.before === undefined ? 'after' : 'before' },
      options
    )
  }

  /** Answers matching commands with any bytes instead of executing them; empty bytes mean that no reply ever comes. */
  answer(when: CommandMatcher, answer: Answer, options: AnswerOptions = {}): Fault {
    const bytes = (command: Words): Uint8Array | undefined => {
      const made = typeof answer === 'function' ? answer(command) : answer
      return typeof made === 'string' ? Buffer.from(made) : made
    }
    return this.#faults.add(
      { kind: 'answer', bytes, close: options.close ?? false },
      { when, times: options.times }
    )
  }

  /**
   * Tells another address in CLUSTER SLOTS, SHARDS and NODES, and in the redirects of all nodes; what is left out stays
   * real, and without an argument all is real again. See {@link AnnouncedEndpoint} for hosts that are none.
   */
  announce(endpoint?: Partial<AnnouncedEndpoint>): void {
    const { state } = this
    this.state.announced = endpoint && {
      get host() {
        return endpoint.host === undefined ? state.endpoint.host : endpoint.host
      },
      get port() {
        return endpoint.port ?? state.endpoint.port
      },
    }
  }

  /**
   * Sends a message to the subscribers of this node alone, as servers do with keyspace notifications (`__keyspace@0__:key`): the bus of the cluster
   * does not pass those on. Says how many got it.
   */
  notify(channel: string, message: string): number {
    return deliver(this.state, latin1(channel), latin1(message))
  }

  /** Whether it answers LOADING, as a server does that reads its data from disk. */
  loading(loading: boolean): void {
    this.state.loading = loading
  }

  /** Asks new connections for a password of a user (default `default`); undefined asks no more. */
  setPassword(password: string | undefined, user = 'default'): void {
    if (password === undefined) this.state.users.delete(user)
    else this.state.users.set(user, password)
  }

  /** Whether a replica keeps the data that it has now, while its master goes on; false lets it catch up. */
  lag(lagging: boolean): void {
    this.state.lagging = lagging
  }

  /** Writes bytes that answer nothing, to all connections or to the newest one. */
  sendRaw(bytes: string | Uint8Array, options: { to?: 'all' | 'last' } = {}): void {
    const connections = [...this.#connections]
    const chosen = options.to === 'last' ? connections.slice(-1) : connections
    for (const one of chosen) one.sendRaw(Buffer.from(bytes as string))
  }

  /** The next matching command that comes. Rejects with `NODE_TIMEOUT` after `timeout` milliseconds, default 5000. */
  waitFor(when: CommandMatcher, options: { timeout?: number } = {}): Promise<ReceivedCommand> {
    return waitForCommand([this], matcher(when), options.timeout)
  }

  /**
   * Executes a command right here, with no socket between. Gives the reply as plain values: text, numbers, null, arrays,
   * and maps as flat arrays. Throws `NODE_REPLY` with the server's text for an error.
   */
  execute(...command: readonly (string | number)[]): PlainReply {
    const reply = this.#interpreter.execute(command.map(String))
    this.serveBlocked()
    return reply
  }
}
