import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type ClusterProxy,
  type ClusterProxyOptions,
  createClusterProxy,
  type ProgramHooks,
  type ReloadReport,
  type ShutdownOptions,
  type ThreadAnswer,
  type ThreadHooks,
  type ThreadQuestion,
} from '../index.ts'
import type { Configuration } from './configuration.ts'
import { EventLog } from './event-log.ts'
import { liveSettings } from './live-settings.ts'
import { followLog, type Log } from './log.ts'
import type { ProgramOption } from './program-options.ts'

/** What a thread needs to know of the program, beside the configuration. */
export interface Place {
  /** The number of the thread, from 0. */
  readonly index: number
  /** How many threads there are. */
  readonly count: number
  /** Entry points to the cluster. */
  readonly nodes: readonly string[]
  readonly configFile: string
  /** The main process. */
  readonly processId: number
  /** Where the program listens. */
  readonly listening: NonNullable<ProgramHooks['listening']>
}

/** What the main process does for a thread. */
export interface Main {
  reload(): Promise<ReloadReport>
  restart(): Promise<void>
  shutdown(asap: boolean): void
  kill(signal: NodeJS.Signals | number, thread: number | undefined): void
  /** Asks all other threads; undefined where there are none. */
  ask(question: ThreadQuestion): Promise<readonly ThreadAnswer[]> | undefined
}

/** One proxy with its clients, in the main process or in one of its own. */
export class Thread {
  readonly #log: Log
  readonly #main: Main
  readonly #place: Place
  readonly #proxy: ClusterProxy
  readonly #events: EventLog
  readonly #ids: WeakMap<Duplex, number> = new WeakMap()
  #configuration: Configuration
  #answer: ((question: ThreadQuestion) => unknown) | undefined
  #elsewhere = 0

  constructor(configuration: Configuration, place: Place, log: Log, main: Main) {
    this.#configuration = configuration
    this.#place = place
    this.#log = log
    this.#main = main
    this.#proxy = createClusterProxy({
      ...configuration.libraryOptions(),
      nodes: place.nodes,
      program: this.#hooks(configuration.value('enable-debug-command')),
    })
    this.#events = new EventLog(this.#proxy, log, {
      queries: configuration.value('dump-queries'),
      buffer: configuration.value('dump-buffer'),
      queues: configuration.value('dump-queues'),
    })
  }

  #hooks(debug: boolean): ProgramHooks {
    const { configFile, processId, listening, count } = this.#place
    const main = this.#main
    const settings = liveSettings({
      configuration: () => this.#configuration,
      threads: count,
      log: this.#log.settings,
      dumps: () => this.#events.dumps,
      onChange: () => this.#events.follow(),
    })
    return {
      settings,
      configFile,
      processId,
      listening,
      reload: () => main.reload(),
      restart: () => main.restart(),
      shutdown: (asap) => main.shutdown(asap),
      log: (level, message) => this.#log.write(level, message),
      threads: this.#threadHooks(),
      ...(debug ? { kill: (signal, thread) => main.kill(signal, thread) } : {}),
    }
  }

  #threadHooks(): ThreadHooks {
    const { index, count } = this.#place
    const main = this.#main
    const elsewhere = (): number => this.#elsewhere
    return {
      index,
      count,
      get clientsElsewhere() {
        return elsewhere()
      },
      ask: (question) => main.ask(question),
      idOf: (stream) => this.#ids.get(stream),
      onQuestion: (answer) => {
        this.#answer = answer
      },
    }
  }

  /** Looks for the cluster, before the first client comes; resolves when it is known, or cannot be reached. */
  warm(): Promise<void> {
    return this.#proxy.refresh().catch(() => {})
  }

  /** Serves a client under an id; `elsewhere`: how many clients the other threads have. */
  accept(socket: Socket, id: number, elsewhere: number): void {
    this.#elsewhere = elsewhere
    this.#ids.set(socket, id)
    // Its end of sending is not the end of its receiving.
    socket.allowHalfOpen = true
    this.#proxy.emit('connection', socket)
    socket.resume()
  }

  /** What it answers another thread. */
  answer(question: ThreadQuestion): unknown {
    return this.#answer?.(question)
  }

  /** Puts options of another configuration in force. What `PROXY CONFIG SET` has changed stays, unless they are among these. */
  configure(after: Configuration, options: readonly ProgramOption[]): void {
    this.#proxy.reconfigure(changesOf(options, after))
    this.#configuration = after
    const { dumps } = this.#events
    for (const { name } of options) {
      followLog(this.#log.settings, name, after)
      if (name.startsWith('dump-')) Object.assign(dumps, { [name.slice(5)]: after.value(name) })
    }
    this.#events.follow()
  }

  /** Ends it; what is in flight is answered. */
  shutdown(how: ShutdownOptions): Promise<void> {
    return this.#proxy.shutdown(how)
  }
}

/** What of the library's options changes; undefined is back to its default. */
function changesOf(
  options: readonly ProgramOption[],
  after: Configuration
): Partial<ClusterProxyOptions> {
  const all = after.libraryOptions()
  const names = options.map(({ name, library }) => (/^auth/.test(name) ? 'credentials' : library))
  const known = names.filter((name) => name !== undefined)
  return Object.fromEntries(known.map((name) => [name, all[name]]))
}
