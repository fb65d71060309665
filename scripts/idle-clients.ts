/**
 * Measures what idle clients cost: opens 10,000 of them at the built proxy, each of which sends one PING, and prints the resident
 * memory of its process; then the same at a bare `net.Server`, since that much is Node's own, and at the proxy with two threads. Fails above the limit of
 * memory, or when the proxy takes longer to end with all of them than it may.
 *
 *     npm run build && node --import tsx scripts/idle-clients.ts
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { createFakeCluster } from '../lib/testing/index.ts'
import { freePort } from '../test/support/free-port.ts'

const CLIENTS = 10_000
const LIMIT_MIB = 400
/** A proxy of two threads has two more processes. */
const LIMIT_THREADS_MIB = 600
/** Time in which a proxy ends that has all clients. */
const LIMIT_END_MS = 10_000
/** Connections that are being made at a time. */
const AT_A_TIME = 200
const OPEN_FILES = CLIENTS + 2000
/** Time in which a process of many young objects comes to rest, milliseconds. */
const REST_MS = 3000

const BARE = `
const server = require('node:net').createServer((socket) => {
  socket.on('data', () => socket.write('+PONG\\r\\n'))
  socket.on('error', () => {})
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 511 }, () => console.log('listens on 127.0.0.1:' + server.address().port + ' '))
`

/** So many files may be open only if it is asked for before the process starts. */
const UNLIMITED = ['-c', `ulimit -n ${OPEN_FILES} || exit 1; exec "$@"`, 'bash', process.execPath]

if (process.env.IDLE_CLIENTS === undefined) {
  const env = { ...process.env, IDLE_CLIENTS: String(CLIENTS) }
  const again = [...UNLIMITED, '--import', 'tsx', 'scripts/idle-clients.ts']
  process.exit(spawnSync('bash', again, { stdio: 'inherit', env }).status ?? 1)
}

const cluster = await createFakeCluster({ masters: 3 })
const bare = await measure('a bare net.Server', ['-e', BARE])
const proxy = await measure('the proxy', await proxyOf(1))
const threads = await measure('the proxy with 2 threads', await proxyOf(2))
await cluster.close()
const more = ((proxy.full - proxy.empty - (bare.full - bare.empty)) * 1024) / CLIENTS
console.log(`per client ${more.toFixed(1)} KiB more than a bare net.Server`)
const right =
  check('memory, MiB', proxy.full, LIMIT_MIB) &&
  check('memory with 2 threads, MiB', threads.full, LIMIT_THREADS_MIB) &&
  check('end, ms', proxy.end, LIMIT_END_MS) &&
  check('end with 2 threads, ms', threads.end, LIMIT_END_MS)
process.exit(right ? 0 : 1)

function check(what: string, value: number, limit: number): boolean {
  console.log(`${what}: ${value.toFixed(0)}, ${value < limit ? 'below' : 'NOT below'} ${limit}`)
  return value < limit
}

async function proxyOf(count: number): Promise<string[]> {
  const port = await freePort()
  const words = ['--bind', '127.0.0.1', '--port', String(port), '--threads', String(count)]
  return ['dist/cli/main.js', ...words, ...cluster.addresses]
}

interface Figures {
  /** MiB before the first client, and with all of them. */
  readonly empty: number
  readonly full: number
  /** Milliseconds to end with all of them. */
  readonly end: number
}

async function measure(name: string, program: readonly string[]): Promise<Figures> {
  const child = spawn('bash', [...UNLIMITED, ...program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const clients: Socket[] = []
  try {
    const port = await listening(child)
    const empty = residentMemory(child)
    await openAll(port, clients)
    const full = residentMemory(child)
    await new Promise((resolve) => setTimeout(resolve, REST_MS))
    const later = residentMemory(child)
    const each = ((full - empty) * 1024) / CLIENTS
    console.log(
      `${name}: ${empty.toFixed(1)} MiB empty, ${full.toFixed(1)} MiB with ${CLIENTS} idle clients ` +
        `(${later.toFixed(1)} MiB ${REST_MS / 1000} s later), ${each.toFixed(1)} KiB per client`
    )
    const start = performance.now()
    child.kill('SIGTERM')
    await once(child, 'exit')
    const end = performance.now() - start
    return { empty, full: Math.max(full, later), end }
  } finally {
    for (const client of clients) client.destroy()
    child.kill('SIGKILL')
  }
}

function listening(child: ChildProcess): Promise<number> {
  let output = ''
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (text) => {
      output += text
      const port = /listens on \S+:(\d+) /.exec(output)?.[1]
      if (port !== undefined) resolve(Number(port))
    })
    child.once('exit', () => reject(new Error(`it ended before it listened: ${output}`)))
  })
}

/** Resident memory of a process and those that it started, in MiB. */
function residentMemory(child: ChildProcess): number {
  const pid = String(child.pid)
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', pid, '--ppid', pid], { encoding: 'utf8' })
  return stdout.split('\n').reduce((sum, line) => sum + Number(line), 0) / 1024
}

async function openAll(port: number, clients: Socket[]): Promise<void> {
  const openOne = async (): Promise<void> => {
    while (clients.length < CLIENTS) {
      const socket = createConnection({ port, host: '127.0.0.1' })
      clients.push(socket)
      socket.write('PING\r\n')
      const [pong] = await once(socket, 'data')
      if (String(pong) !== '+PONG\r\n') throw new Error(`PING was answered ${String(pong)}`)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, openOne))
}
