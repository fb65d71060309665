import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/support/free-port.ts'
import { connect } from '../test/support/raw-client.ts'
import type { RealCluster } from '../test/support/real-cluster.ts'
import type { RealServer } from '../test/support/real-server.ts'
import { openFilesLimit } from './process-usage.ts'
import type { Workload } from './workload.ts'

/** Where to send a workload, and whose CPU to count. */
export interface Place {
  readonly port: number
  readonly host?: string
  readonly pids: readonly number[]
  /** Whether the load generator itself speaks to a cluster. */
  readonly cluster?: boolean
}

/** One of the things that are compared. */
export interface Target {
  readonly name: string
  /** Undefined when the target cannot carry the workload. */
  prepare(workload: Workload): Promise<Place | undefined>
}

const START_LIMIT_MS = 10_000
/** What a process of Node has open beside sockets, and more. */
const SPARE_FILES = 100
/** One more than any row has must find room: one that looks on. */
const MAX_CLIENTS = 20_000
/** As `npm start` and the program's first line have them. */
const NODE_FLAGS = [
  '--min-semi-space-size=16',
  '--max-inlined-bytecode-size=1000',
  '--max-inlined-bytecode-size-cumulative=4000',
]

/** The proxy as users run it: built, and a process of its own, with more for more threads. */
export async function proxyTarget(
  cluster: RealCluster,
  threads = 1,
  name = 'proxy',
  more: readonly string[] = []
): Promise<Target & { readonly place: Place }> {
  const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
  const addresses = cluster.masters.map((node) => node.address)
  const { port, child } = await startProcess((own) => [
    ...NODE_FLAGS,
    main,
    '--port',
    String(own),
    '--enable-cross-slot',
    '--maxclients',
    String(MAX_CLIENTS),
    '--threads',
    String(threads),
    ...more,
    ...addresses,
  ])
  const place = { port, pids: [child.pid as number] }
  return { name, place, prepare: async () => place }
}

/** The built proxy embedded in a program that listens to `command`. */
export async function observedTarget(cluster: RealCluster): Promise<Target> {
  const file = fileURLToPath(new URL('./observed.ts', import.meta.url))
  const addresses = cluster.masters.map((node) => node.address)
  const { port, child } = await startProcess((own) => [
    ...NODE_FLAGS,
    '--import',
    'tsx',
    file,
    '--port',
    String(own),
    ...addresses,
  ])
  return { name: 'observed', prepare: async () => ({ port, pids: [child.pid as number] }) }
}

/** The cluster itself; its three masters' CPU together. */
export function clusterTarget(cluster: RealCluster): Target & { readonly place: Place } {
  const pids = cluster.masters.map((node) => node.pid)
  const place = { port: cluster.masters[0]?.port ?? 0, pids, cluster: true }
  return { name: 'cluster', place, prepare: async () => place }
}

/** The forwarder of `forwarder.ts` in front of a single server, with a connection of its own for every client. */
export async function pipeTarget(server: RealServer): Promise<Target> {
  const { port, child } = await startProcess((own) => forwarder(own, server.port))
  const place = { port, pids: [child.pid as number] }
  const most = openFilesLimit() - SPARE_FILES
  return { name: 'pipe', prepare: async ({ clients }) => (2 * clients > most ? undefined : place) }
}

/** The same with one shared connection; it must know the lengths, so there is a process for each pair of them. */
export function forwarderTarget(server: RealServer): Target {
  const places = new Map<string, Place>()
  return {
    name: 'forwarder',
    prepare: async ({ bytes }) => {
      if (bytes === undefined) return undefined
      const lengths = [`--request-bytes=${bytes.request}`, `--reply-bytes=${bytes.reply}`]
      const known = places.get(lengths.join())
      if (known !== undefined) return known
      const started = await startProcess((own) => [...forwarder(own, server.port), ...lengths])
      const place = { port: started.port, pids: [started.child.pid as number] }
      places.set(lengths.join(), place)
      return place
    },
  }
}

/** Another proxy that runs already, given as `name=host:port,pid`. */
export function peerTarget(text: string): Target {
  const match = /^([^=]+)=([^=,]+):(\d+),(\d+)$/.exec(text)
  if (match === null) throw new Error(`--peer expects name=host:port,pid and got ${text}`)
  const [, name, host, port, pid] = match as unknown as [string, string, string, string, string]
  return {
    name,
    prepare: async () => ({ host, port: Number(port), pids: [Number(pid)] }),
  }
}

function forwarder(port: number, to: number): string[] {
  const file = fileURLToPath(new URL('./forwarder.ts', import.meta.url))
  return ['--import', 'tsx', file, `--port=${port}`, `--to=${to}`]
}

async function startProcess(
  args: (port: number) => string[]
): Promise<{ port: number; child: ChildProcess }> {
  const port = await freePort()
  const child = spawn(process.execPath, args(port), { stdio: ['ignore', 'ignore', 'inherit'] })
  process.once('exit', () => child.kill('SIGKILL'))
  child.unref()
  const limit = Date.now() + START_LIMIT_MS
  for (;;) {
    try {
      await (await connect(port)).end()
      return { port, child }
    } catch (cause) {
      if (child.exitCode !== null || Date.now() > limit) {
        throw new Error(`did not start: node ${args(port).join(' ')}`, { cause })
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
