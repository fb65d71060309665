import type { Socket } from 'node:net'
import {
  createClusterProxy,
  ProxyError,
  type ReloadReport,
  type ThreadAnswer,
  type ThreadQuestion,
} from '../index.ts'
import { createFakeCluster, type FakeCluster } from '../testing/index.ts'
import type { Configuration } from './configuration.ts'
import { Crew } from './crew.ts'
import { type InheritedSocket, inheritedSockets } from './inherited-sockets.ts'
import { doorsOf, Listeners } from './listeners.ts'
import { followLog, type Log, logOf } from './log.ts'
import { writePidfile } from './pidfile.ts'
import { LOG_LEVELS, type ProgramOption, threadsOf } from './program-options.ts'
import { Alone, type Chief, type Team } from './team.ts'

const DAEMON_PIDFILE = '/var/run/redis-cluster-proxy.pid'
/** Milliseconds that a restart waits for the new threads to know the cluster. */
const WARM_TIME = 10_000

/** The proxy as a process: its sockets, its threads, its log, its pid file, its end. */
export class Program {
  readonly log: Log
  readonly #read: () => Configuration
  readonly #daemon: boolean
  readonly #inherited: readonly InheritedSocket[]
  readonly #file: string
  readonly #listeners: Listeners = new Listeners((socket) => this.#accept(socket))
  /** What all threads were told, for those that start later. */
  readonly #lasting: Map<string, ThreadQuestion> = new Map()
  #configuration: Configuration
  #embedded: FakeCluster | undefined
  #nodes: readonly string[] = []
  #team: Team | undefined
  /** Teams that another has taken over from, with clients as yet. */
  readonly #leaving: Set<Team> = new Set()
  #lastId = 0
  #ending: Promise<void> | undefined

  /** `read` reads the configuration, now and at each reload; it throws when something is wrong with it. */
  constructor(read: () => Configuration, file: string, daemon: boolean) {
    this.#read = read
    this.#file = file
    this.#daemon = daemon
    this.#inherited = inheritedSockets(process.env, process.pid)
    this.#configuration = read()
    this.log = logOf(this.#configuration, daemon)
  }

  /** Whether it is to run in the background. Throws `INVALID_OPTION` where it cannot. */
  get daemonize(): boolean {
    const wanted = this.#configuration.value<boolean>('daemonize')
    if (!wanted || this.#inherited.length === 0) return wanted
    throw new ProxyError(
      'INVALID_OPTION',
      'daemonize: sockets are handed to this process (LISTEN_FDS), which must not leave it to another; expected no'
    )
  }

  /** Checks the whole configuration, without listening or dialling. Throws `INVALID_OPTION`. */
  static check(configuration: Configuration): void {
    const nodes = configuration.value<readonly string[]>('cluster')
    doorsOf(configuration, nodes.length === 0)
    const options = configuration.libraryOptions()
    createClusterProxy({ ...options, nodes: nodes.length === 0 ? '127.0.0.1:1' : nodes })
  }

  /** Starts to serve; resolves when all sockets listen. */
  async start(): Promise<void> {
    const configuration = this.#configuration
    Program.check(configuration)
    const given = configuration.value<readonly string[]>('cluster')
    const doors = doorsOf(configuration, given.length === 0, this.#inherited)
    if (given.length === 0) this.#embedded = await createFakeCluster({ masters: 3 })
    this.#nodes = this.#embedded?.addresses ?? given
    const threads = this.#threadsOf(configuration)
    this.#team = this.#makeTeam(configuration, threads === 1)
    try {
      await this.#listeners.open(doors, configuration)
      await this.#team.start()
      const pidfile = configuration.path('pidfile') ?? (this.#daemon ? DAEMON_PIDFILE : undefined)
      if (pidfile !== undefined) writePidfile(pidfile)
    } catch (error) {
      await this.#close(0)
      throw error
    }
    const names = doors.map(({ name }) => name).join(', ')
    const many = threads === 1 ? '' : `, with ${threads} threads`
    this.log.write(
      'success',
      `redis-cluster-proxy listens on ${names} in front of ${this.#behind()}${many}`
    )
  }

  /** What to try first, for who started it to see how it is. */
  hints(): string {
    if (this.#embedded === undefined || this.#configuration.value('port') === 0) return ''
    const port = this.#configuration.value<number>('port')
    return (
      `Try:  redis-cli -p ${port} set greeting hello\n` +
      `      redis-cli -p ${port} get greeting\n` +
      `A cluster of your own:  npm start -- 127.0.0.1:7000 127.0.0.1:7001\n`
    )
  }

  #behind(): string {
    return this.#embedded === undefined
      ? `the cluster at ${this.#nodes.join(', ')}`
      : `an embedded cluster of ${this.#embedded.masters.length} masters, whose data end with this process`
  }

  #threadsOf(configuration: Configuration): number {
    return threadsOf(configuration.value('threads'), this.#embedded !== undefined)
  }

  /** `alone`: the main process serves too. */
  #makeTeam(configuration: Configuration, alone: boolean): Team {
    const bind = configuration.value<readonly string[]>('bind')[0]
    const host = bind === undefined || /^(?:0\.0\.0\.0|::)$/.test(bind) ? '127.0.0.1' : bind
    const place = {
      count: this.#threadsOf(configuration),
      nodes: this.#nodes,
      configFile: this.#file,
      processId: process.pid,
      listening: { host, port: configuration.value<number>('port') },
    }
    const chief = this.#chief()
    if (alone) return new Alone(configuration, { ...place, index: 0 }, this.log, chief)
    const lasting = (): readonly ThreadQuestion[] => [...this.#lasting.values()]
    return new Crew(configuration, { place, silent: this.#daemon, lasting }, this.log, chief)
  }

  #chief(): Chief {
    const clients = (): number => this.#teams().reduce((sum, team) => sum + team.clients, 0)
    const changing = (): boolean => this.#leaving.size > 0
    return {
      reload: () => this.reload(),
      restart: () => this.restart(),
      shutdown: (asap) => void this.end(asap),
      kill: (signal, thread) => {
        if (thread === undefined) process.kill(process.pid, signal)
        else this.#team?.kill(signal, thread)
      },
      ask: (question, asker) => this.#ask(question, asker),
      get clients() {
        return clients()
      },
      get changing() {
        return changing()
      },
    }
  }

  #teams(): Team[] {
    return this.#team === undefined ? [] : [this.#team, ...this.#leaving]
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {})
    this.#lastId++
    if (this.#team === undefined) socket.destroy()
    else this.#team.accept(socket, this.#lastId)
  }

  async #ask(question: ThreadQuestion, asker: object): Promise<readonly ThreadAnswer[]> {
    if (question.lasting !== undefined) this.#note(question.lasting, question)
    return (await Promise.all(this.#teams().map((team) => team.ask(question, asker)))).flat()
  }

  #note(name: string, question: ThreadQuestion): void {
    this.#lasting.set(name, question)
    const level = LOG_LEVELS.find((each) => each === String(question.args.at(-1)).toLowerCase())
    if (name === 'log-level' && level !== undefined) this.log.settings.level = level
  }

  /** Reads the configuration again and puts in force what can change while it runs: all of it, or nothing. */
  async reload(): Promise<ReloadReport> {
    const before = this.#configuration
    const after = this.#read()
    Program.check(after)
    const differing = after.differences(before)
    // TLS cannot be switched on or off, but its certificates can change.
    const live = differing.filter(
      ({ name, runtime }) =>
        runtime === true &&
        (!/tls$/.test(name) ||
          (before.value(name) !== undefined && after.value(name) !== undefined))
    )
    this.#configuration = after
    await Promise.all(this.#teams().map((team) => team.configure(after, live)))
    for (const { name } of live) {
      followLog(this.log.settings, name, after)
      this.#lasting.delete(name)
    }
    const names = (options: readonly ProgramOption[]): string[] => options.map(({ name }) => name)
    const needsRestart = names(differing.filter((option) => !live.includes(option)))
    return { changed: names(live), needsRestart }
  }

  /** The log file was moved away. */
  reopenLog(): void {
    this.log.reopen()
    for (const team of this.#teams()) team.reopenLog()
  }

  /**
   * New threads take over, with the code and the configuration as they are now; those before end when their clients are gone, or are sent away.
   * The sockets listen all along. Rejects, and leaves all as it is, when the new threads do not come up.
   */
  async restart(): Promise<void> {
    const after = this.#read()
    Program.check(after)
    const team = this.#makeTeam(after, false)
    try {
      await team.start()
      await within(WARM_TIME, team.warm())
    } catch (error) {
      await team.shutdown({ timeout: 0, successor: false })
      throw error
    }
    const before = this.#team!
    this.#configuration = after
    this.#lasting.clear()
    this.#team = team
    this.#leaving.add(before)
    this.log.write('info', 'new threads serve; those before end when their clients are gone')
    const timeout = after.value<number>('shutdown-timeout')
    void before.shutdown({ timeout, successor: true }).then(() => this.#leaving.delete(before))
  }

  /** Whether it is ending. */
  get ending(): boolean {
    return this.#ending !== undefined
  }

  /** Ends the process: when all is answered, or at once. */
  end(asap: boolean): Promise<void> {
    if (asap) {
      // What was answered before is on its way first.
      setImmediate(() => setImmediate(() => process.exit(0)))
    }
    this.#ending ??= this.#drain()
    return this.#ending
  }

  async #drain(): Promise<void> {
    this.log.write('info', 'shutting down: what is in flight is answered, nobody new is let in')
    await this.#close(this.#configuration.value('shutdown-timeout'))
    this.log.write('info', 'bye')
  }

  async #close(timeout: number): Promise<void> {
    this.#listeners.close()
    await Promise.all(this.#teams().map((team) => team.shutdown({ timeout, successor: false })))
    await this.#embedded?.close()
  }
}

/** Waits for something, but not longer than some milliseconds. */
async function within(ms: number, something: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([something, limit])
  clearTimeout(timer)
}
