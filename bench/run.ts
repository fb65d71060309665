/**
 * Measures the proxy in front of a real cluster, beside the cluster without a proxy, two bare byte forwarders in front of a single
 * server, and any proxy that runs already.
 *
 *     npm run bench -- [--rows get-p1,mget,*64k] [--rounds 5] [--requests 200000] [--pipelines 1,16,64] [--masters 3] [--threads 1]
 *                      [--clients 1,10,100,1000,10000] [--only proxy,forwarder] [--peer name=host:port,pid ...] [--wait]
 *                      [--plot file.svg] [--applications] [--list]
 *     npm run bench -- --soak 10 [--threads 1] [--masters 3]
 *
 * Rows: `get-` and `set-` with `p<pipeline>`, `p<pipeline>-resp3`, `c<clients>`, `64k` and `1m`; `hot-` with `p<pipeline>`, `c1000` and `64k`: one
 * key for all clients; `mget`, `mset` and `exists` of ten keys. `--list` prints them; without `--rows` those by pipeline and with 1,000 clients
 * are measured.
 *
 * Targets are `proxy`, `coalesce` (the proxy with that option), `observed` (the proxy embedded, with a listener for `command`), `cluster` (CPU
 * and memory of its masters together), `forwarder` (all clients share one connection to the server) and `pipe` (a connection for every client); the memory of all but the first and
 * the cluster holds a TypeScript loader. A peer must stand in front of the same cluster: `--wait` prints its addresses and waits for Enter
 * before measuring. `--plot` draws throughput and p99 of the rows `get-c*`; `--applications` compares client libraries straight to the nodes
 * with the same through the proxy. For 10,000 clients the limit of open files must be raised (`ulimit -n`); `pipe`
 * needs two for each, and is left out where there are fewer.
 *
 * `--soak` compares nothing: it loads the proxy for so many minutes with short runs of different rows in turns, reads its memory at the end of each
 * minute, when all clients are gone, and tells by how much it grew.
 *
 * @module
 */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startCluster } from '../test/support/real-cluster.ts'
import { startServer } from '../test/support/real-server.ts'
import { compareApplications } from './applications.ts'
import { fill } from './fill.ts'
import { measure, type Sample } from './measure.ts'
import { renderPlot } from './plot.ts'
import { soak, soakRows } from './soak.ts'
import { type Measured, renderTable } from './table.ts'
import {
  clusterTarget,
  forwarderTarget,
  observedTarget,
  peerTarget,
  pipeTarget,
  proxyTarget,
  type Target,
} from './target.ts'
import { selectRows, type Workload, workloads } from './workload.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '200000' },
    pipelines: { type: 'string', default: '1,16,64' },
    only: { type: 'string', default: '' },
    rows: { type: 'string', default: '' },
    masters: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' },
    clients: { type: 'string', default: '1,10,100,1000,10000' },
    plot: { type: 'string' },
    soak: { type: 'string' },
    applications: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    peer: { type: 'string', multiple: true, default: [] },
    wait: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const pipelines = numbers(values.pipelines)
const all = workloads({
  pipelines,
  requests: Number(values.requests),
  clients: numbers(values.clients),
})
if (values.list) {
  for (const { id, title } of all) console.log(`${id.padEnd(16)} ${title}`)
  process.exit(0)
}
const minutes = Number(values.soak ?? 1)
if (!(minutes >= 1)) throw new Error(`--soak expects minutes, at least 1, and got ${values.soak}`)
const rows = values.soak === undefined ? selectRows(all, chosenIds()) : soakRows()

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await using cluster = await startCluster({ masters: Number(values.masters), replicas: 0 })
await using server = await startServer()
const direct = clusterTarget(cluster)
await fill([...cluster.masters, server], direct.place, rows)
if (values.wait) {
  console.error(`cluster: ${cluster.addresses.join(' ')}; press Enter to go on`)
  await once(process.stdin, 'data')
  process.stdin.destroy()
}
const nodes = [...direct.place.pids, server.pid]
if (values.soak === undefined) await compare()
else {
  const { place } = await proxyTarget(cluster, Number(values.threads))
  await soak(place, rows, minutes)
}

async function compare(): Promise<void> {
  const measured = await measureAll(await targets())
  console.log(renderTable(measured, rounds))
  if (values.plot !== undefined) {
    const byClients = measured.filter(({ workload }) =>
      /^GET, \d+ clients, pipeline 1$/.test(workload)
    )
    writeFileSync(values.plot, renderPlot(byClients))
  }
  if (values.applications) {
    const { place } = await proxyTarget(cluster)
    console.log(`\n${await compareApplications(cluster, place, rounds)}`)
  }
}

function numbers(text: string): number[] {
  return text.split(',').map(Number)
}

/** What `--rows` says, and what the plot needs. */
function chosenIds(): string[] {
  const byDefault = [
    ...pipelines.flatMap((p) => [`get-p${p}`, `set-p${p}`]),
    'get-c1000',
    'set-c1000',
  ]
  const known = byDefault.filter((id) => all.some((row) => row.id === id))
  const wanted = values.rows === '' ? known : values.rows.split(',')
  return values.plot === undefined ? wanted : [...wanted, 'get-c*']
}

async function targets(): Promise<Target[]> {
  const wanted = values.only.split(',').filter((name) => name !== '')
  const makers: [string, () => Target | Promise<Target>][] = [
    ['proxy', () => proxyTarget(cluster, Number(values.threads))],
    ['coalesce', () => proxyTarget(cluster, Number(values.threads), 'coalesce', ['--coalesce'])],
    ['observed', () => observedTarget(cluster)],
    ['cluster', () => direct],
    ['forwarder', () => forwarderTarget(server)],
    ['pipe', () => pipeTarget(server)],
  ]
  const chosen = makers.filter(([name]) => wanted.length === 0 || wanted.includes(name))
  const made = await Promise.all(chosen.map(([, make]) => make()))
  return [...made, ...values.peer.map(peerTarget)]
}

async function measureAll(compared: readonly Target[]): Promise<Measured[]> {
  const samples = new Map<string, Sample[]>()
  const keyOf = (row: Workload, target: Target) => `${row.id}\n${target.name}`
  // Round 0 is for warming up: what is compiled then is no cost of a command.
  for (let round = 0; round <= rounds; round++) {
    // Every other round goes backwards, so that no target always follows the same one.
    const order = round % 2 === 0 ? compared : [...compared].reverse()
    for (const row of rows) {
      for (const target of order) {
        const place = await target.prepare(row)
        if (place === undefined) continue
        const sample = await measure(row, place, nodes)
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
      if (list === undefined) return []
      return [{ workload: row.title, clients: row.clients, target: target.name, samples: list }]
    })
  )
}
