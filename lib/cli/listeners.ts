/**
 * The sockets that the program listens on; whom they let in is handed to a thread.
 *
 * @module
 */

import { once } from 'node:events'
import { chmodSync, existsSync, statSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import { dirname } from 'node:path'
import { ProxyError } from '../index.ts'
import { type Configuration, refused } from './configuration.ts'
import type { InheritedSocket } from './inherited-sockets.ts'
import type { Log } from './log.ts'

/** Where to listen. */
interface Door {
  readonly options: net.ListenOptions & { readonly fd?: number }
  /** As it is told. */
  readonly name: string
}

/**
 * Where a configuration says to listen. `embedded`: without an address of its own only this machine is let in. Inherited sockets take the place of port and
 * addresses.
 */
export function doorsOf(
  configuration: Configuration,
  embedded: boolean,
  inherited: readonly InheritedSocket[] = []
): readonly Door[] {
  const port = configuration.value<number>('port')
  const backlog = configuration.value<number>('tcp-backlog')
  const bind = configuration.value<readonly string[]>('bind')
  const path = configuration.path('unixsocket')
  if (path !== undefined) checkLength(path, configuration)
  const hosts = bind.length > 0 ? hostsOf(bind) : [embedded ? '127.0.0.1' : undefined]
  const tcp = hosts.map((host) => ({
    options: { port, backlog, ...addressOptions(host, hosts.length > 1) },
    name: `${host === undefined ? '*' : host.includes(':') ? `[${host}]` : host}:${port}`,
  }))
  const given = inherited.map(({ fd, name }) => ({
    options: { fd, backlog },
    name: `the inherited socket ${name || fd}`,
  }))
  const doors = given.length > 0 ? given : port === 0 ? [] : tcp
  if (path !== undefined) return [...doors, { options: { path, backlog }, name: path }]
  if (doors.length > 0) return doors
  throw refused(
    configuration.originOf('port'),
    '0 switches TCP off, and there is no unixsocket: nothing to listen on, expected one of both'
  )
}

/** Addresses in the spellings of Redis and of node lists: `*` is all of them, IPv6 may stand in brackets. */
function hostsOf(bind: readonly string[]): readonly (string | undefined)[] {
  const hosts = bind.map((each) => (each === '*' ? undefined : each.replace(/^\[(.*)\]$/, '$1')))
  return hosts.includes(undefined) ? [undefined] : [...new Set(hosts)]
}

/** Alone `::` serves IPv4 too, as Node has it; beside others it would take their port from them. */
function addressOptions(host: string | undefined, others: boolean): net.ListenOptions {
  if (host === undefined) return {}
  return others && net.isIPv6(host) ? { host, ipv6Only: true } : { host }
}

/** The listening sockets of the program. */
export class Listeners {
  readonly #servers: net.Server[] = []
  readonly #onConnection: (socket: net.Socket) => void
  readonly #log: Log

  /** `onConnection` gets sockets of which nothing is read as yet. */
  constructor(onConnection: (socket: net.Socket) => void, log: Log) {
    this.#onConnection = onConnection
    this.#log = log
  }

  /** The address of the first TCP socket; undefined without one. */
  get address(): { readonly host: string; readonly port: number } | undefined {
    const [first] = this.addresses
    if (first === undefined) return undefined
    const any = /^(?:0\.0\.0\.0|::)$/.test(first.address)
    return { host: any ? '127.0.0.1' : first.address, port: first.port }
  }

  /** The addresses of all TCP sockets. */
  get addresses(): readonly net.AddressInfo[] {
    return this.#servers
      .map((server) => server.address())
      .filter((address) => address !== null && typeof address === 'object')
  }

  /** Listens on all doors; rejects with what the first that cannot be opened says. */
  async open(doors: readonly Door[], configuration: Configuration): Promise<void> {
    const keepAlive = configuration.value<number>('tcpkeepalive')
    for (const { options, name } of doors) {
      if (options.path !== undefined) await removeStale(options.path)
      const server = this.#addServer(keepAlive)
      await listen(server, options, name)
      // Such as too many open files: who comes next may be let in again.
      server.on('error', ({ message }) => {
        this.#log.write('error', `a connection was not accepted: ${message}`, { door: name })
      })
      const mode = configuration.value<number>('unixsocketperm')
      if (options.path !== undefined && mode !== 0) chmodSync(options.path, mode)
    }
  }

  #addServer(keepAlive: number): net.Server {
    const server = net.createServer({
      allowHalfOpen: true,
      // It may be another process that reads.
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: keepAlive > 0,
      keepAliveInitialDelay: keepAlive * 1000,
    })
    server.on('connection', this.#onConnection)
    this.#servers.push(server)
    return server
  }

  /** Lets nobody in any more; who is in stays. */
  close(): void {
    for (const server of this.#servers) server.close()
  }
}

async function listen(server: net.Server, options: Door['options'], name: string): Promise<void> {
  const listening = once(server, 'listening')
  try {
    // What is no socket is refused at once, another failure comes as an event.
    server.listen(options)
    await listening
  } catch (cause) {
    const reason = (cause as Error).message
    if (options.fd === undefined) {
      const why = options.path === undefined ? reason : whyNot(options.path, reason)
      throw Object.assign(cause as Error, { message: `cannot listen on ${name}: ${why}` })
    }
    listening.catch(() => {})
    throw new ProxyError('INVALID_OPTION', `${name} is none that listens: ${reason}`, { cause })
  }
}

/** Why there is no socket at a path: libuv says that permission is denied where a directory is missing, and that a file is in use. */
function whyNot(path: string, reason: string): string {
  const folder = dirname(path)
  if (!existsSync(folder)) return `there is no directory ${folder}`
  const other = statSync(path, { throwIfNoEntry: false })?.isSocket() === false
  return other ? 'there is something of this name already, which is no socket' : reason
}

/** The system cuts a longer path off without a word: `sun_path` of unix(7), and a zero byte at its end. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103

function checkLength(path: string, configuration: Configuration): void {
  const length = Buffer.byteLength(path)
  if (length <= LONGEST_PATH || process.platform === 'win32') return
  const origin = configuration.originOf('unixsocket')
  throw refused(origin, `got a path of ${length} bytes, expected at most ${LONGEST_PATH}`)
}

/** A socket's file outlives a process that was killed. One that somebody listens on, or may, stays. */
async function removeStale(path: string): Promise<void> {
  const isSocket = statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
  if (!isSocket) return
  const inUse = await new Promise<boolean>((resolve) => {
    const socket = net.connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED'))
  })
  if (!inUse) unlinkSync(path)
}
