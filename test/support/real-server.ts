import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { connect, type RawClient } from './raw-client.ts'
import type { Argument, Reply } from './resp-frame.ts'

/** Settings of redis.conf by name; an empty value is passed as the empty string. */
export type ServerConfig = Readonly<Record<string, string | number>>

/** How to start a server. */
export interface ServerOptions {
  /** Settings beside the ones that every test server has: 127.0.0.1 only, no persistence, DEBUG allowed. */
  readonly config?: ServerConfig
  /** `requirepass` and `masterauth`; {@link RealServer.call} uses it. */
  readonly password?: string
}

const EVERY_SERVER: ServerConfig = {
  bind: '127.0.0.1',
  'protected-mode': 'no',
  save: '',
  appendonly: 'no',
  'enable-debug-command': 'yes',
  'repl-diskless-sync-delay': 0,
}

/** Attempts to start on a port that was free a moment ago. */
const START_ATTEMPTS = 5
const START_LIMIT_MS = 10_000
/** Characters of the log that are kept to explain a failed start. */
const LOG_LIMIT = 10_000

/** A `redis-server` process on a free port of 127.0.0.1, with a directory of its own. */
export class RealServer {
  readonly #directory: string
  readonly #options: ServerOptions
  #port = 0
  #process: ChildProcess | undefined
  #client: Promise<RawClient> | undefined
  #calls = 0

  constructor(directory: string, options: ServerOptions) {
    this.#directory = directory
    this.#options = options
  }

  get port(): number {
    return this.#port
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** Id of the process; 0 while there is none. */
  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get running(): boolean {
    return this.#process !== undefined
  }

  /** Starts the process on the given port, or on a free one, and waits until it accepts connections. */
  async start(port?: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = port ?? (await freePort())
      const log = await this.#launch()
      if (log === undefined) return
      const taken = port === undefined && log.includes('Address already in use')
      if (!taken || attempt === START_ATTEMPTS)
        throw new Error(`redis-server did not start:\n${log}`)
    }
  }

  /** Sends a command on a connection of its own and gives the decoded reply; rejects on an error reply. */
  async call(...args: Argument[]): Promise<Reply> {
    this.#client ??= this.#connect()
    const client = await this.#client
    const socket = client.stream as Socket
    // An idle connection must not keep the process of a failed test alive.
    socket.ref()
    this.#calls += 1
    try {
      return await client.ask(...args)
    } finally {
      this.#calls -= 1
      if (this.#calls === 0) socket.unref()
    }
  }

  /** Ends the process by a signal and waits until it is gone. Its data are lost. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    child.ref()
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  /** Stops the process without ending it: its connections stay open and silent. */
  suspend(): void {
    this.#process?.kill('SIGSTOP')
  }

  /** Lets a suspended process go on. */
  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Ends the process if it runs and starts it anew, in the same directory, on the same or the given port. */
  async restart(options: { port?: number } = {}): Promise<void> {
    await this.kill()
    await this.start(options.port ?? this.#port)
  }

  /** Ends the process and removes its directory. */
  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Fulfilled with undefined when the server is ready, with its log when it ended before. */
  #launch(): Promise<string | undefined> {
    const child = spawn('redis-server', this.#arguments(), {
      cwd: this.#directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    const release = dieTogether(child)
    return new Promise((resolve) => {
      let log = ''
      const limit = setTimeout(() => {
        log += `not ready after ${START_LIMIT_MS} ms`
        child.kill('SIGKILL')
      }, START_LIMIT_MS)
      const onOutput = (text: Buffer) => {
        if (log.length > LOG_LIMIT) return
        log += text
        if (!log.includes('Ready to accept connections')) return
        clearTimeout(limit)
        resolve(undefined)
      }
      const onEnd = () => {
        clearTimeout(limit)
        release()
        this.#forget()
        resolve(log)
      }
      child.stdout.on('data', onOutput)
      child.stderr.on('data', onOutput)
      child.once('exit', onEnd)
      child.once('error', (error) => {
        log += error.message
        onEnd()
      })
    })
  }

  #forget(): void {
    this.#process = undefined
    this.#client?.then((client) => client.stream.destroy()).catch(() => {})
    this.#client = undefined
  }

  #arguments(): string[] {
    const { config, password } = this.#options
    const secret: ServerConfig =
      password === undefined ? {} : { requirepass: password, masterauth: password }
    const settings = { ...EVERY_SERVER, ...secret, ...config, port: this.#port }
    return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  }

  async #connect(): Promise<RawClient> {
    const client = await connect(this.#port)
    client.stream.once('close', () => {
      this.#client = undefined
    })
    if (this.#options.password !== undefined) await client.ask('AUTH', this.#options.password)
    return client
  }
}

/** Starts a single server, by default without cluster mode. */
export async function startServer(options: ServerOptions = {}): Promise<RealServer> {
  const server = new RealServer(await mkdtemp(join(tmpdir(), 'redis-cluster-proxy-')), options)
  try {
    await server.start()
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/**
 * Binds the life of a server to this process, however it ends, without keeping it alive. A shell waits for the end of
 * a pipe that only this process holds open: it sees what no handler would, such as SIGKILL.
 */
function dieTogether(child: ChildProcess): () => void {
  if (child.pid === undefined) return () => {}
  const script = 'read _; kill -9 "$0" 2>/dev/null'
  const watchdog = spawn('sh', ['-c', script, String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  for (const handle of [child, child.stdout, child.stderr, watchdog, watchdog.stdin]) {
    ;(handle as { unref?: () => void } | null)?.unref?.()
  }
  return () => watchdog.kill('SIGKILL')
}
