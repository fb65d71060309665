import type { Socket } from 'node:net'
import { resolve as absolute } from 'node:path'
import {
  createClusterProxy,
  ProxyError,
  type ReloadReport,
  type ThreadAnswer,
  type ThreadQuestion,
} from '../index.ts'
import { createFakeCluster, type FakeCluster } from '../testing/index.ts'
import { changesOf, restarted } from './changes.ts'
import type { Configuration } from './configuration.ts'
import { Crew } from './crew.ts'
import { checkEntryPoints } from './entry-points.ts'
import { type InheritedSocket, inheritedSockets } from './inherited-sockets.ts'
import { Lasting } from './lasting.ts'
import { doorsOf, Listeners } from './listeners.ts'
import { followLog, type Log, logOf } from './log.ts'
import { openFilesLimit, tooFewFiles } from './open-files.ts'
import { pidfileOf, writePidfile } from './pidfile.ts'
import { LOG_LEVELS, type ProgramOption, threadsOf } from './program-options.ts'
import { areServed } from './successor.ts'
import { Alone, type Chief, type Team } from './team.ts'
import type { Place } from './thread.ts'

/** Milliseconds that a restart waits for the new threads to know the cluster. */
const WARM_TIME = 10_000

/** The proxy as a process: its sockets, its threads, its log, its pid file, its end. */
export class Program {
  readonly log: Log
  readonly #read: () => Configuration
  readonly #daemon: boolean
  readonly #inherited: readonly InheritedSocket[]
  readonly #file: string
  readonly #listeners: Listeners
  readonly #lasting: Lasting = new Lasting()
  /** In force; what waits for a restart is not in it. */
  #configuration: Configuration
  #listening: Place['listening'] = { host: '127.0.0.1', port: 0 }
  #embedded: FakeCluster | undefined
  #team: Team | undefined
  /** Starts, to take over from the team. */
  #coming: Team | undefined
  /** Teams that another has taken over from, with clients as yet. */
  readonly #leaving: Set<Team> = new Set()
  #lastId = 0
  /** Reloads and restarts, one after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #ending: Promise<void> | undefined

  /** `read` reads the configuration, now and at each reload; it throws when something is wrong with it. */
  constructor(read: () => Configuration, file: string, daemon: boolean) {
    this.#read = read
    this.#file = file
    this.#daemon = daemon
    this.#inherited = inheritedSockets(process.env, process.pid)
    this.#configuration = read()
    this.log = logOf(this.#configuration, daemon)
    this.#listeners = new Listeners((socket) => this.#onConnection(socket), this.log)
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
  static check(configuration: Configuration, file: string): void {
    const nodes = configuration.value<readonly string[]>('cluster')
    doorsOf(configuration, nodes.length === 0)
    const options = configuration.libraryOptions()
    try {
      createClusterProxy({ ...options, nodes: nodes.length === 0 ? '127.0.0.1:1' : nodes })
    } catch (error) {
      throw configuration.located(error)
    }
    checkEntryPoints(configuration, file)
  }

  /** Starts to serve; resolves when all sockets listen. */
  async start(): Promise<void> {
    const configuration = this.#configuration
    Program.check(configuration, this.#file)
    const given = configuration.value<readonly string[]>('cluster')
    const doors = doorsOf(configuration, given.length === 0, this.#inherited)
    if (given.length === 0) this.#embedded = await createFakeCluster({ masters: 3 })
    const nodes = this.#embedded?.addresses ?? given
    const threads = this.#threadsOf(configuration)
    const named = doors[0]?.options.host ?? '::'
    const host = /^(?:0\.0\.0\.0|::)$/.test(named) ? '127.0.0.1' : named
    const path = configuration.path('unixsocket')
    const port = configuration.value<number>('port')
    const listening = { host, port, path: path && absolute(path) }
    this.#listening = listening
    this.#team = this.#makeTeam(configuration, nodes, threads === 1)
    try {
      await this.#listeners.open(doors, configuration)
      // Sockets that were handed to this process have an address of their own.
      if (this.#inherited.length > 0) Object.assign(listening, this.#listeners.address)
      await this.#team.start()
      this.#writePidfile(configuration)
    } catch (error) {
      await this.#close(0, false)
      throw error
    }
    const few = tooFewFiles(configuration.value('maxclients'), threads, openFilesLimit())
    if (few !== undefined) this.log.write('warning', few)
    const names = doors.map(({ name }) => name).join(', ')
    const many = threads === 1 ? '' : `, with ${threads} threads`
    this.log.write(
      'success',
      `redis-cluster-proxy listens on ${names} in front of ${this.#behind(nodes)}${many}`
    )
  }

  #writePidfile(configuration: Configuration): void {
    const pidfile = pidfileOf(configuration)
    if (pidfile === undefined) return
    try {
      writePidfile(pidfile)
    } catch (error) {
      if (configuration.path('pidfile') !== undefined) configuration.blame('pidfile', error)
      // Nobody asked for it, and only root may write where it would be.
      this.log.write('warning', `there is no pid file: ${(error as Error).message}`)
    }
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

  #behind(nodes: readonly string[]): string {
    return this.#embedded === undefined
      ? `the cluster at ${nodes.join(', ')}`
      : `an embedded cluster of ${this.#embedded.masters.length} masters, whose data end with this process`
  }

  #threadsOf(configuration: Configuration): number {
    return threadsOf(configuration.value('threads'), this.#embedded !== undefined)
  }

  /** `alone`: the main process serves too. */
  #makeTeam(configuration: Configuration, nodes: readonly string[], alone: boolean): Team {
    // What was set in the threads before is not what new ones begin with.
    const former = this.#lasting.settings()
    const place = {
      count: this.#threadsOf(configuration),
      nodes,
      configFile: this.#file,
      processId: process.pid,
      listening: this.#listening,
    }
    const chief = this.#chief()
    if (alone) return new Alone(configuration, { ...place, index: 0 }, this.log, chief)
    const lasting = (): readonly ThreadQuestion[] => this.#lasting.told(former)
    return new Crew(configuration, { place, silent: this.#daemon, lasting }, this.log, chief)
  }

  #chief(): Chief {
    const clients = (): number => this.#teams().reduce((sum, team) => sum + team.clients, 0)
    return {
      reload: () => this.reload(),
      restart: () => this.restart(),
      shutdown: (asap) => void this.end(asap),
      kill: (signal, thread) => {
        if (thread === undefined) process.kill(process.pid, signal)
        else this.#team?.kill(signal, thread)
      },
      accept: (socket, id) => this.#accept(socket, id),
      ask: (question, asker) => this.#ask(question, asker),
      get clients() {
        return clients()
      },
    }
  }

  #teams(): Team[] {
    return this.#team === undefined ? [] : [this.#team, ...this.#leaving]
  }

  #onConnection(socket: Socket): void {
    socket.on('error', () => {})
    this.#lastId++
    this.#accept(socket, this.#lastId)
  }

  #accept(socket: Socket, id: number): void {
    if (this.#team === undefined || this.ending) socket.destroy()
    else this.#team.accept(socket, id)
  }

  #ask(question: ThreadQuestion, asker: object): Promise<readonly ThreadAnswer[]> | undefined {
    this.#note(question)
    // Those who start are told, and have no clients to tell of.
    const started = this.#coming?.ask(question, asker)
    const teams = this.#teams()
    // A thread that is a team by itself need not wait for nobody.
    if (started === undefined && teams.every((team) => team === asker)) return undefined
    return Promise.all(teams.map((team) => team.ask(question, asker))).then((each) => each.flat())
  }

  #note(question: ThreadQuestion): void {
    this.#lasting.note(question)
    if (question.lasting !== 'log-level') return
    const level = LOG_LEVELS.find((each) => each === String(question.args.at(-1)).toLowerCase())
    if (level !== undefined) this.log.settings.level = level
  }

  /** Reads the configuration again and puts in force what can change while it runs: all of it, or nothing. */
  reload(): Promise<ReloadReport> {
    return this.#inTurn(() => this.#reload())
  }

  #inTurn<Value>(run: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #reload(): Promise<ReloadReport> {
    const after = this.#readAgain()
    const { live, waiting, inForce } = changesOf(this.#configuration, after)
    Program.check(inForce, this.#file)
    this.#configuration = inForce
    for (const { name } of live) {
      followLog(this.log.settings, name, inForce)
      this.#lasting.forget(name)
    }
    await Promise.all(this.#teams().map((team) => team.configure(inForce, live)))
    const names = (options: readonly ProgramOption[]): string[] => options.map(({ name }) => name)
    return { changed: names(live), needsRestart: names(waiting) }
  }

  /** The configuration as it is written now. */
  #readAgain(): Configuration {
    const after = this.#read()
    Program.check(after, this.#file)
    return after
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
  restart(): Promise<void> {
    return this.#inTurn(() => this.#restart())
  }

  async #restart(): Promise<void> {
    const read = this.#readAgain()
    const after = restarted(this.#configuration, read, this.#embedded !== undefined)
    Program.check(after, this.#file)
    const nodes = this.#embedded?.addresses ?? after.value<readonly string[]>('cluster')
    const former = this.#lasting.settings()
    const team = this.#makeTeam(after, nodes, false)
    this.#coming = team
    try {
      this.#refuseWhenEnding()
      await team.start()
      this.#refuseWhenEnding()
      await within(WARM_TIME, team.warm())
      this.#refuseWhenEnding()
    } catch (error) {
      await team.shutdown({ timeout: 0, successor: false })
      throw error
    } finally {
      this.#coming = undefined
    }
    this.#takeOver(team, after, former)
  }

  #refuseWhenEnding(): void {
    if (this.ending) throw new ProxyError('CLOSED', 'the proxy is shutting down')
  }

  #takeOver(team: Team, after: Configuration, former: ReadonlySet<ThreadQuestion>): void {
    const before = this.#team!
    this.#configuration = after
    this.#lasting.forgetAll(former)
    for (const name of ['log-level', 'log-format']) followLog(this.log.settings, name, after)
    for (const question of this.#lasting.settings()) this.#note(question)
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
    // Before they are closed; then it cannot be this process that answers there.
    const addresses = this.#inherited.length > 0 ? this.#listeners.addresses : []
    this.#listeners.close()
    const successor = await areServed(addresses)
    if (successor) this.log.write('info', 'another process serves the inherited sockets')
    await this.#close(this.#configuration.value('shutdown-timeout'), successor)
    this.log.write('info', 'bye')
  }

  async #close(timeout: number, successor: boolean): Promise<void> {
    this.#listeners.close()
    const teams = this.#coming === undefined ? this.#teams() : [...this.#teams(), this.#coming]
    await Promise.all(teams.map((team) => team.shutdown({ timeout, successor })))
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
