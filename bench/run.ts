/**
 * Measures the proxy in front of a real cluster of three masters, beside the cluster without a proxy, two bare byte
 * forwarders in front of a single server, and any proxy that runs already.
 *
 *     npm run bench -- [--rounds 5] [--requests 200000] [--pipelines 1,16,64] [--only proxy,forwarder]
 *                      [--large] [--mget] [--peer name=host:port,pid ...]
 *
 * Targets are `proxy`, `cluster` (CPU and memory of its three masters together), `forwarder` (all clients share one
 * connection to the server) and `pipe` (a connection for every client); the memory of the last two holds a TypeScript
 * loader. A peer must stand in front of the same cluster: `--wait` prints its addresses and waits for Enter before measuring.
 *
 * @module
 */

import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startCluster } from '../test/support/real-cluster.ts'
import { startServer } from '../test/support/real-server.ts'
import { fill } from './fill.ts'
import { measure, type Sample } from './measure.ts'
import { renderTable } from './table.ts'
import {
  clusterTarget,
  forwarderTarget,
  peerTarget,
  pipeTarget,
  proxyTarget,
  type Target,
} from './target.ts'
import { type Workload, workloads } from './workload.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '200000' },
    pipelines: { type: 'string', default: '1,16,64' },
    only: { type: 'string', default: '' },
    large: { type: 'boolean', default: false },
    mget: { type: 'boolean', default: false },
    peer: { type: 'string', multiple: true, default: [] },
    wait: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const rows = workloads({
  pipelines: values.pipelines.split(',').map(Number),
  requests: Number(values.requests),
  large: values.large,
  mget: values.mget,
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await using cluster = await startCluster({ masters: 3, replicas: 0 })
await using server = await startServer()
const direct = clusterTarget(cluster)
await fill([...cluster.masters, server], direct.place, rows, values.large)
if (values.wait) {
  console.error(`cluster: ${cluster.addresses.join(' ')}; press Enter to go on`)
  await once(process.stdin, 'data')
  process.stdin.destroy()
}
console.log(renderTable(await measureAll(await targets()), rounds))

async function targets(): Promise<Target[]> {
  const wanted = values.only.split(',').filter((name) => name !== '')
  const makers: [string, () => Target | Promise<Target>][] = [
    ['proxy', () => proxyTarget(cluster)],
    ['cluster', () => direct],
    ['forwarder', () => forwarderTarget(server)],
    ['pipe', () => pipeTarget(server)],
  ]
  const chosen = makers.filter(([name]) => wanted.length === 0 || wanted.includes(name))
  const made = await Promise.all(chosen.map(([, make]) => make()))
  return [...made, ...values.peer.map(peerTarget)]
}

async function measureAll(compared: readonly Target[]) {
  const samples = new Map<string, Sample[]>()
  const keyOf = (row: Workload, target: Target) => `${row.title}\n${target.name}`
  // Round 0 is for warming up: what is compiled then is no cost of a command.
  for (let round = 0; round <= rounds; round++) {
    // Every other round goes backwards, so that no target always follows the same one.
    const order = round % 2 === 0 ? compared : [...compared].reverse()
    for (const row of rows) {
      for (const target of order) {
        const place = await target.prepare(row)
        if (place === undefined) continue
        const sample = await measure(row, place)
        if (round === 0) continue
        const list = samples.get(keyOf(row, target)) ?? []
        samples.set(keyOf(row, target), [...list, sample])
      }
    }
    console.error(round === 0 ? 'warmed up' : `round ${round} of ${rounds} is done`)
  }
  return rows.flatMap((row) =>
    compared.flatMap((target) => {
      const list = samples.get(keyOf(row, target))
      return list === undefined ? [] : [{ workload: row.title, target: target.name, samples: list }]
    })
  )
}
