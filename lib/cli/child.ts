/**
 * The process of one thread, as it sees itself: it does what the main process says, and ends with it.
 *
 * @module
 */

import type { Socket } from 'node:net'
import type { ShutdownOptions, ThreadQuestion } from '../index.ts'
import { Channel } from './channel.ts'
import { Configuration, type Given } from './configuration.ts'
import { type Log, logCrashes, logOf } from './log.ts'
import { optionNamed } from './program-options.ts'
import { type Place, Thread } from './thread.ts'

/** Marks the process of a thread for itself. */
const MARK = 'REDIS_CLUSTER_PROXY_THREAD'

/** What a thread is started with. */
export interface Start {
  readonly place: Place
  readonly given: Given
  /** Whether nothing is logged where there is no log file. */
  readonly silent: boolean
  /** What the other threads were told before, and hold. */
  readonly lasting: readonly ThreadQuestion[]
}

/** A client that is handed over; its socket goes with it. */
export interface HandedClient {
  readonly id: number
  /** How many clients the other threads have. */
  readonly elsewhere: number
}

/** What changes in a running thread. */
export interface Change {
  readonly given: Given
  /** Names of the options whose new value is to be in force. */
  readonly options: readonly string[]
}

/** The environment of a thread's process. */
export function markedEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, [MARK]: 'yes' }
}

/** Whether this is the process of a thread; asked once, since it forgets. */
export function isThread(): boolean {
  const marked = process.env[MARK] !== undefined && process.send !== undefined
  delete process.env[MARK]
  return marked
}

/** Serves as a thread, until the main process has it end, or is gone. */
export function serveAsThread(): void {
  let thread: Thread | undefined
  let log: Log | undefined
  let ending = false
  const end = async (how: ShutdownOptions): Promise<void> => {
    ending = true
    await thread?.shutdown(how)
    process.exit(0)
  }
  const channel: Channel = new Channel(process, {
    start: (start: Start) => {
      const configuration = Configuration.of(start.given)
      log = logOf(configuration, start.silent)
      logCrashes(log)
      thread = started(start, configuration, log, channel)
    },
    warm: () => thread!.warm(),
    client: ({ id, elsewhere }: HandedClient, socket: Socket | undefined) => {
      channel.tell('taken', id)
      // A client that left at once has no socket any more.
      if (socket === undefined) {
        channel.tell('gone', id)
        return
      }
      // At the end they all go, which nobody needs to be told one by one.
      socket.once('close', () => ending || channel.tell('gone', id))
      thread!.accept(socket, id, elsewhere)
    },
    // That it answers at all is what is asked.
    look: () => {},
    question: (question: ThreadQuestion) => thread?.answer(question),
    configure: ({ given, options }: Change) =>
      thread?.configure(
        Configuration.of(given),
        options.map((name) => optionNamed(name)!)
      ),
    reopen: () => reopened(log),
    end: (how: ShutdownOptions) => void end(how),
  })
  // Nobody is left who could tell it to be quick.
  process.on('disconnect', () => (ending ? process.exit(0) : void end({ timeout: 0 })))
  process.on('SIGTERM', async () => {
    // When the main process has answered, no client is on its way to here any more.
    const how = channel.ask<ShutdownOptions>('leaving', undefined, LEAVE_TIME)
    await end(await how.catch(() => ({ timeout: DEFAULT_END })))
  })
  // They are the main process's business; a terminal sends them to all.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
    process.on(signal, () => {})
  }
}

/** Milliseconds for what is in flight, when the thread is told to end by a signal and the main process does not say how long it has. */
const DEFAULT_END = 10_000
/** Milliseconds that it then waits for the main process. */
const LEAVE_TIME = 2000

function reopened(log: Log | undefined): void {
  try {
    log?.reopen()
  } catch (error) {
    log?.write('error', `the log file stays open: ${(error as Error).message}`)
  }
}

function started(start: Start, configuration: Configuration, log: Log, channel: Channel): Thread {
  const thread = new Thread(configuration, start.place, log, {
    reload: () => channel.ask('reload'),
    restart: () => channel.ask('restart'),
    shutdown: (asap) => channel.tell('shutdown', asap),
    kill: (signal, number) => channel.tell('kill', { signal, thread: number }),
    ask: (question) => channel.ask('everyone', question),
  })
  for (const question of start.lasting) thread.answer(question)
  void thread.warm()
  return thread
}
