import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { ReloadReport, ShutdownOptions, ThreadAnswer, ThreadQuestion } from '../index.ts'
import { Channel } from './channel.ts'
import { type HandedClient, markedEnvironment, type Start } from './child.ts'

/** What the program does for a thread, as in {@link Main}; `member` is the one that asks. */
export interface CrewHooks {
  reload(): Promise<ReloadReport>
  restart(): Promise<void>
  shutdown(asap: boolean): void
  kill(signal: NodeJS.Signals | number, thread: number | undefined): void
  ask(question: ThreadQuestion, member: CrewMember): Promise<readonly ThreadAnswer[]>
}

/** Young objects of a busy proxy fit in; the default of Node would have them copied. */
const SEMI_SPACE = '--min-semi-space-size=16'
/** Milliseconds that the others wait for a thread's answer. */
const ANSWER_TIME = 2000
/** Milliseconds beyond the time for what is in flight, after which a thread is killed. */
const LAST_WAIT = 2000

/** One thread of a crew, as the main process sees it. */
export class CrewMember {
  readonly index: number
  readonly channel: Channel
  /** Resolves when its process is gone: with the code or the signal. */
  readonly ended: Promise<string>
  readonly #process: ChildProcess
  readonly #clients: Set<number> = new Set()
  /** Clients on their way to it. */
  readonly #handed: Map<number, Socket> = new Map()
  readonly #startedAt: number = performance.now()
  #state: 'starting' | 'serving' | 'ending' = 'starting'

  constructor(index: number, hooks: CrewHooks) {
    this.index = index
    const execArgv = [
      ...process.execArgv.filter((each) => !each.startsWith(SEMI_SPACE)),
      SEMI_SPACE,
    ]
    this.#process = fork(process.argv[1]!, [], {
      execArgv,
      env: markedEnvironment(),
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.ended = once(this.#process, 'exit').then(([code, signal]) => String(signal ?? code))
    this.channel = new Channel(this.#process, {
      taken: (id: number) => this.#handed.delete(id),
      gone: (id: number) => this.#clients.delete(id),
      reload: () => hooks.reload(),
      restart: () => hooks.restart(),
      shutdown: (asap: boolean) => hooks.shutdown(asap),
      kill: ({ signal, thread }: { signal: NodeJS.Signals | number; thread: number | undefined }) =>
        hooks.kill(signal, thread),
      everyone: (question: ThreadQuestion) => hooks.ask(question, this),
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

  /** Resolves when it serves; rejects with what it says else. */
  async start(start: Start): Promise<void> {
    try {
      await this.channel.ask('start', start)
      this.#state = 'serving'
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

  /** The clients that its process did not get any more, since it ended. */
  stranded(): (readonly [id: number, socket: Socket])[] {
    // A socket that was sent has no handle here; it was lost with the process, and is closed.
    return [...this.#handed].filter(([, socket]) => !socket.pending && !socket.destroyed)
  }

  /** What it answers another thread; undefined if it does not, in time. */
  async ask(question: ThreadQuestion): Promise<ThreadAnswer | undefined> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), ANSWER_TIME)
    })
    const answer = this.channel.ask<unknown>('question', question).then(
      (value) => (value === undefined ? undefined : { thread: this.index, value }),
      () => undefined
    )
    const given = await Promise.race([answer, late])
    clearTimeout(timer)
    return given
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
