/**
 * What a Node application pays: GET of 64 bytes by one client library, 64 calls at a time, straight to the nodes or through a proxy.
 *
 *     application.ts --client ioredis|node-redis --place cluster|proxy --calls N host:port ...
 *
 * Prints one JSON object: calls per second, p99 in milliseconds, microseconds of CPU of this process per call.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'

const CONCURRENCY = 64
const KEYS = 100_000

const { values, positionals } = parseArgs({
  options: { client: { type: 'string' }, place: { type: 'string' }, calls: { type: 'string' } },
  allowPositionals: true,
})

interface Application {
  get(key: string): Promise<string | null>
  end(): unknown
}

async function ioredis(): Promise<Application> {
  const nodes = positionals.map((name) => {
    const [host, port] = name.split(':')
    return { host: host as string, port: Number(port) }
  })
  const client = values.place === 'cluster' ? new Cluster(nodes) : new Redis(nodes[0]!)
  await client.get('key:000000000000')
  return { get: (key) => client.get(key), end: () => client.disconnect() }
}

async function nodeRedis(): Promise<Application> {
  const urls = positionals.map((name) => ({ url: `redis://${name}` }))
  const client =
    values.place === 'cluster' ? createCluster({ rootNodes: urls }) : createClient(urls[0]!)
  await client.connect()
  return { get: (key) => client.get(key), end: () => client.destroy() }
}

/** Calls one after the other, of `left` in all, until none is left. */
async function caller(app: Application, left: { calls: number }, taken: number[]): Promise<void> {
  while (left.calls-- > 0) {
    const key = `key:${String(Math.floor(Math.random() * KEYS)).padStart(12, '0')}`
    const begun = performance.now()
    await app.get(key)
    taken.push(performance.now() - begun)
  }
}

async function run(app: Application, calls: number): Promise<number[]> {
  const taken: number[] = []
  const left = { calls }
  await Promise.all(Array.from({ length: CONCURRENCY }, () => caller(app, left, taken)))
  return taken.sort((a, b) => a - b)
}

const application = await (values.client === 'ioredis' ? ioredis() : nodeRedis())
const most = Number(values.calls)
// Once to warm up.
await run(application, most / 2)
const before = process.cpuUsage()
const start = performance.now()
const durations = await run(application, most)
const seconds = (performance.now() - start) / 1000
const { user, system } = process.cpuUsage(before)
console.log(
  JSON.stringify({
    callsPerSecond: most / seconds,
    p99: durations[Math.floor(most * 0.99)],
    cpuPerCall: (user + system) / most,
  })
)
application.end()
