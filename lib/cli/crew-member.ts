import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import {
  ProxyError,
  type ReloadReport,
  type ShutdownOptions,
  type ThreadAnswer,
  type ThreadQuestion,
} from '../index.ts'
import { Channel } from './channel.ts'
import { type Change, type HandedClient, markedEnvironment, type Start } from './child.ts'

/** What the program does for a thread, as in {@link Main}; `member` is the one that asks. */
export interface CrewHooks {
  reload(): Promise<ReloadReport>
  restart(): Promise<void>
  shutdown(asap: boolean): void
  kill(signal: NodeJS.Signals | number, thread: number | undefined): void
  ask(question: ThreadQuestion, member: CrewMember): Promise<readonly ThreadAnswer[]> | undefined
  /** It was told by a signal to end, and must not get clients any more; tells how it is to end. */
  leaving(member: CrewMember): Required<ShutdownOptions>
}

/**
 * As in the first line of the program. Young objects of a busy proxy fit in, which the default of Node would have copied; and what a command
 * goes through becomes one piece of machine code, for which it is a little too long by default.
 */
const NODE_FLAGS = [
  '--min-semi-space-size=16',
  '--max-inlined-bytecode-size=1000',
  '--max-inlined-bytecode-size-cumulative=4000',
]
/** Milliseconds in which a process begins to serve. */
const START_TIME = 60_000
/** Looks in a row without an answer that tell of a thread that hangs. */
const HANGING = 3
/** Milliseconds that the others wait for a thread's answer. */
const ANSWER_TIME = 2000
/** Milliseconds that a reload waits for a thread; one that hangs does as it was told when it comes to itself. */
const CONFIGURE_TIME = 10_000
/** Milliseconds beyond the time for what is in flight, after which a thread is killed. */
const LAST_WAIT = 2000

/** One thread of a crew, as the main process sees it. */
export class CrewMember {
  readonly index: number
  readonly channel: Channel
  /** Resolves when its process is gone, or could not be made: with the code, the signal or what went wrong. */
  readonly ended: Promise<string>
  readonly #process: ChildProcess
  readonly #clients: Set<number> = new Set()
  /** Clients on their way to it. */
  readonly #handed: Map<number, Socket> = new Map()
  readonly #startedAt: number = performance.now()
  #state: 'starting' | 'serving' | 'ending' = 'starting'
  #unanswered = 0

  constructor(index: number, hooks: CrewHooks) {
    this.index = index
    const execArgv = [
      ...process.execArgv.filter((each) => !NODE_FLAGS.includes(each)),
      ...NODE_FLAGS,
    ]
    this.#process = fork(process.argv[1]!, [], {
      execArgv,
      env: markedEnvironment(),
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        const how = String(signal ?? code)
        // What it said last may not have been heard yet.
        if (this.#process.connected) this.#process.once('disconnect', () => resolve(how))
        else resolve(how)
      })
      // A signal or a message that does not reach it is an error too, and none that ends it.
      this.#process.on('error', ({ message }) => {
        if (this.#process.pid === undefined) resolve(message)
      })
    })
    this.channel = new Channel(this.#process, {
      taken: (id: number) => this.#taken(id),
      gone: (id: number) => this.#clients.delete(id),
      reload: () => hooks.reload(),
      restart: () => hooks.restart(),
      shutdown: (asap: boolean) => hooks.shutdown(asap),
      kill: ({ signal, thread }: { signal: NodeJS.Signals | number; thread: number | undefined }) =>
        hooks.kill(signal, thread),
      everyone: (question: ThreadQuestion) => hooks.ask(question, this),
      leaving: () => hooks.leaving(this),
    })
  }

  /** Clients that it has, or will have in a moment. */
  get clients(): number {
    return this.#clients.size
  }

  /** Milliseconds since its process was started. */
  get age(): number {
    return performance.now() - this.#startedAt
  }

  /** Whether it accepts clients. */
  get serving(): boolean {
    return this.#state === 'serving'
  }

  /** Looks at it in a row that it did not answer. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** Whether it does not answer, so that nobody waits for it. */
  get hangs(): boolean {
    return this.#unanswered >= HANGING
  }

  /** Looks whether it answers. */
  look(): void {
    if (this.#state === 'starting') return
    this.#unanswered++
    if (this.#unanswered > 1) return
    this.channel.ask('look').then(
      () => {
        this.#unanswered = 0
      },
      // It is gone.
      () => {}
    )
  }

  /** Resolves when it serves; rejects with what it says else. */
  async start(start: Start): Promise<void> {
    const gone = this.ended.then((how) => {
      throw new ProxyError('CLOSED', `its process ended: ${how}`)
    })
    try {
      await Promise.race([this.channel.ask('start', start, START_TIME), gone])
      if (this.#state === 'starting') this.#state = 'serving'
    } catch (error) {
      this.#process.kill('SIGKILL')
      throw error
    }
  }

  /** Hands a client over. */
  accept(socket: Socket, client: HandedClient): void {
    this.#clients.add(client.id)
    this.#handed.set(client.id, socket)
    this.channel.tell('client', client, socket)
  }

  /** It has a client. Until then the socket is kept open here: what is on its way to a process that dies would be lost, and its client would wait for ever. */
  #taken(id: number): void {
    this.#handed.get(id)?.destroy()
    this.#handed.delete(id)
  }

  /** The clients that its process did not get any more, since it ended. */
  stranded(): (readonly [id: number, socket: Socket])[] {
    return [...this.#handed].filter(([, socket]) => !socket.destroyed)
  }

  /** What it answers another thread; undefined if it does not, in time. One that starts is told, and has nothing to say yet; as is one that hangs. */
  ask(question: ThreadQuestion): Promise<ThreadAnswer | undefined> {
    const answer = this.channel.ask<unknown>('question', question, ANSWER_TIME).then(
      (value) => (value === undefined ? undefined : { thread: this.index, value }),
      () => undefined
    )
    return this.#state === 'starting' || this.hangs ? Promise.resolve(undefined) : answer
  }

  /** Puts options in force; one that is gone needs none. */
  async configure(change: Change): Promise<void> {
    try {
      await this.channel.ask('configure', change, CONFIGURE_TIME)
    } catch (error) {
      if (!(error instanceof ProxyError) || error.code !== 'CLOSED') throw error
    }
  }

  /** It gets no clients any more. */
  leave(): void {
    this.#state = 'ending'
  }

  /** Sends its process a signal. */
  kill(signal: NodeJS.Signals | number): void {
    this.#process.kill(signal)
  }

  /** Has it answer what is in flight, and end; resolves when its process is gone. */
  async end(how: Required<ShutdownOptions>): Promise<void> {
    this.#state = 'ending'
    this.channel.tell('end', how)
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), how.timeout + LAST_WAIT)
    await this.ended
    clearTimeout(timer)
  }
}
