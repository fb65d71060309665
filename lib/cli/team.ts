import type { Socket } from 'node:net'
import type { ReloadReport, ShutdownOptions, ThreadAnswer, ThreadQuestion } from '../index.ts'
import type { Configuration } from './configuration.ts'
import type { Log } from './log.ts'
import type { ProgramOption } from './program-options.ts'
import { type Place, Thread } from './thread.ts'

/** What the program does for those who serve. */
export interface Chief {
  reload(): Promise<ReloadReport>
  restart(): Promise<void>
  shutdown(asap: boolean): void
  kill(signal: NodeJS.Signals | number, thread: number | undefined): void
  /** Takes a client that a team which is leaving cannot serve any more. */
  accept(socket: Socket, id: number): void
  /** Asks all threads but the one that asks; undefined where there is no other. */
  ask(question: ThreadQuestion, asker: object): Promise<readonly ThreadAnswer[]> | undefined
  /** Clients of all threads. */
  readonly clients: number
}

/** Those who serve the clients: the main process alone, or a crew of processes. */
export interface Team {
  /** Clients that it serves. */
  readonly clients: number
  /** Resolves when it accepts clients. */
  start(): Promise<void>
  /** Resolves when it knows the cluster, or cannot reach it. */
  warm(): Promise<void>
  /** Serves a client under an id. */
  accept(socket: Socket, id: number): void
  /** Asks its threads, all but the one that asks. */
  ask(question: ThreadQuestion, asker: object): Promise<readonly ThreadAnswer[]>
  /** Puts options of another configuration in force. */
  configure(after: Configuration, options: readonly ProgramOption[]): Promise<void>
  /** The log file was moved away. */
  reopenLog(): void
  /** Ends the process of a thread by a signal. */
  kill(signal: NodeJS.Signals | number, thread: number): void
  /** Ends it; what is in flight is answered. */
  shutdown(how: Required<ShutdownOptions>): Promise<void>
}

/** One thread: the main process itself. */
export class Alone implements Team {
  readonly #thread: Thread
  readonly #chief: Chief
  readonly #clients: Set<number> = new Set()

  constructor(configuration: Configuration, place: Place, log: Log, chief: Chief) {
    this.#chief = chief
    this.#thread = new Thread(configuration, place, log, {
      reload: () => chief.reload(),
      restart: () => chief.restart(),
      shutdown: (asap) => chief.shutdown(asap),
      kill: (signal, thread) => chief.kill(signal, thread),
      ask: (question) => chief.ask(question, this),
    })
  }

  get clients(): number {
    return this.#clients.size
  }

  start(): Promise<void> {
    void this.#thread.warm()
    return Promise.resolve()
  }

  warm(): Promise<void> {
    return this.#thread.warm()
  }

  accept(socket: Socket, id: number): void {
    const elsewhere = this.#chief.clients - this.clients
    this.#clients.add(id)
    socket.once('close', () => this.#clients.delete(id))
    this.#thread.accept(socket, id, elsewhere)
  }

  async ask(question: ThreadQuestion, asker: object): Promise<readonly ThreadAnswer[]> {
    if (asker === this || question.to?.includes(0) === false) return []
    return [{ thread: 0, value: await this.#thread.answer(question) }]
  }

  configure(after: Configuration, options: readonly ProgramOption[]): Promise<void> {
    this.#thread.configure(after, options)
    return Promise.resolve()
  }

  /** It writes to the log of the main process. */
  reopenLog(): void {}

  kill(signal: NodeJS.Signals | number): void {
    process.kill(process.pid, signal)
  }

  shutdown(how: Required<ShutdownOptions>): Promise<void> {
    return this.#thread.shutdown(how)
  }
}
