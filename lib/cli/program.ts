import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import {
  type ClusterProxy,
  type ClusterProxyOptions,
  createClusterProxy,
  type ProgramHooks,
  type ReloadReport,
} from '../index.ts'
import { createFakeCluster, type FakeCluster } from '../testing/index.ts'
import type { Configuration } from './configuration.ts'
import { EventLog } from './event-log.ts'
import { doorsOf, Listeners } from './listeners.ts'
import { liveSettings } from './live-settings.ts'
import { Log, type LogSettings } from './log.ts'
import type { ProgramOption } from './program-options.ts'

const DAEMON_PIDFILE = '/var/run/redis-cluster-proxy.pid'

/** The proxy as a process: its sockets, its log, its pid file, its end. */
export class Program {
  readonly #read: () => Configuration
  readonly #daemon: boolean
  readonly #log: Log
  readonly #file: string
  #configuration: Configuration
  #embedded: FakeCluster | undefined
  #proxy: ClusterProxy | undefined
  #listeners: Listeners | undefined
  #events: EventLog | undefined
  #pidfile: string | undefined
  #ending: Promise<void> | undefined

  /** `read` reads the configuration, now and at each reload; it throws when something is wrong with it. */
  constructor(read: () => Configuration, file: string, daemon: boolean) {
    this.#read = read
    this.#file = file
    this.#daemon = daemon
    this.#configuration = read()
    const logfile = this.#configuration.path('logfile')
    this.#log = new Log(logfile, daemon, logSettings(this.#configuration))
  }

  /** Whether the process that started this one has it run in the background. */
  get daemonize(): boolean {
    return this.#configuration.value('daemonize')
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
    const doors = doorsOf(configuration, given.length === 0)
    if (given.length === 0) this.#embedded = await createFakeCluster({ masters: 3 })
    const nodes = this.#embedded?.addresses ?? given
    const proxy = createClusterProxy({
      ...configuration.libraryOptions(),
      nodes,
      program: this.#hooks(),
    })
    this.#proxy = proxy
    this.#events = new EventLog(proxy, this.#log, dumpsOf(configuration))
    this.#listeners = new Listeners(proxy)
    try {
      await this.#listeners.open(doors, configuration)
      this.#writePidfile()
    } catch (error) {
      await this.#close(0)
      throw error
    }
    const threads = configuration.value<number>('threads')
    if (threads > 1) this.#log.write('warning', `threads ${threads}: only 1 is used as yet`)
    const names = doors.map(({ name }) => name).join(', ')
    this.#log.write(
      'success',
      `redis-cluster-proxy listens on ${names} in front of ${this.#behind(nodes)}`
    )
    this.#handleSignals()
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

  #hooks(): ProgramHooks {
    const configuration = this.#configuration
    const debug = configuration.value<boolean>('enable-debug-command')
    return {
      settings: liveSettings({
        configuration: () => this.#configuration,
        log: this.#log.settings,
        dumps: () => this.#events!.dumps,
        onChange: () => this.#events!.follow(),
      }),
      configFile: this.#file,
      reload: async () => this.reload(),
      shutdown: (asap) => void this.end(asap),
      log: (level, message) => this.#log.write(level, message),
      ...(debug ? { kill: (signal) => void process.kill(process.pid, signal) } : {}),
    }
  }

  /** Reads the configuration again and puts in force what can change while it runs: all of it, or nothing. */
  reload(): ReloadReport {
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
    this.#proxy!.reconfigure(changesOf(live, after))
    this.#configuration = after
    // What PROXY CONFIG SET has changed stays, unless the configuration now says something else.
    for (const { name } of live) this.#follow(name, after)
    this.#events!.follow()
    const names = (options: readonly ProgramOption[]): string[] => options.map(({ name }) => name)
    const needsRestart = names(differing.filter((option) => !live.includes(option)))
    return { changed: names(live), needsRestart }
  }

  #follow(name: string, after: Configuration): void {
    const { settings } = this.#log
    const { dumps } = this.#events!
    if (name === 'log-level') settings.level = after.value('log-level')
    if (name === 'log-format') settings.format = after.value('log-format')
    if (name.startsWith('dump-')) Object.assign(dumps, { [name.slice(5)]: after.value(name) })
  }

  #handleSignals(): void {
    const log = this.#log
    process.on('SIGTERM', () => void this.end(false))
    process.on('SIGINT', () => {
      if (this.#ending === undefined) void this.end(false)
      else process.exit(130)
    })
    process.on('SIGHUP', () => {
      try {
        const { changed, needsRestart } = this.reload()
        log.write('info', 'the configuration was read again', {
          changed: changed.join() || 'nothing',
          needsRestart: needsRestart.join() || 'nothing',
        })
      } catch (error) {
        log.write('error', `the configuration stays as it was: ${(error as Error).message}`)
      }
    })
    process.on('SIGUSR1', () => {
      try {
        log.reopen()
      } catch (error) {
        log.write('error', `the log file stays open: ${(error as Error).message}`)
      }
    })
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
    this.#log.write('info', 'shutting down: what is in flight is answered, nobody new is let in')
    await this.#close(this.#configuration.value('shutdown-timeout'))
    this.#log.write('info', 'bye')
  }

  async #close(timeout: number): Promise<void> {
    this.#listeners?.close()
    await this.#proxy?.shutdown({ timeout })
    await this.#embedded?.close()
  }

  /** Removed at the end, if it still names this process. */
  #writePidfile(): void {
    const path = this.#configuration.path('pidfile') ?? (this.#daemon ? DAEMON_PIDFILE : undefined)
    if (path === undefined) return
    writeFileSync(path, `${process.pid}\n`)
    this.#pidfile = path
    process.on('exit', () => {
      try {
        if (Number(readFileSync(this.#pidfile!, 'utf8')) === process.pid) unlinkSync(path)
      } catch {
        // Somebody else removed it.
      }
    })
  }
}

function logSettings(configuration: Configuration): LogSettings {
  return {
    level: configuration.value('log-level'),
    format: configuration.value('log-format'),
    colors: process.stdout.isTTY === true && !configuration.value<boolean>('disable-colors'),
  }
}

function dumpsOf(configuration: Configuration): EventLog['dumps'] {
  return {
    queries: configuration.value('dump-queries'),
    buffer: configuration.value('dump-buffer'),
    queues: configuration.value('dump-queues'),
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
