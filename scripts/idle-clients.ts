/**
 * Measures what idle clients cost: opens 10,000 of them at the built proxy, each of which sends one PING, and prints the resident
 * memory of its process; then the same at a bare `net.Server`, since that much is Node's own. Fails above the limit.
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
const proxy = await measure('the proxy', [
  ...['dist/cli/main.js', '--bind', '127.0.0.1', '--port', String(await freePort())],
  ...cluster.addresses,
])
await cluster.close()
const more = ((proxy.full - proxy.empty - (bare.full - bare.empty)) * 1024) / CLIENTS
console.log(`per client ${more.toFixed(1)} KiB more than a bare net.Server`)
const right = proxy.full < LIMIT_MIB
console.log(`${right ? 'below' : 'NOT below'} the limit of ${LIMIT_MIB} MiB`)
process.exit(right ? 0 : 1)

interface Figures {
  /** MiB before the first client, and with all of them. */
  readonly empty: number
  readonly full: number
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
    return { empty, full: Math.max(full, later) }
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

/** Resident memory of a process in MiB. */
function residentMemory(child: ChildProcess): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(child.pid)], { encoding: 'utf8' })
  return Number(stdout) / 1024
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
