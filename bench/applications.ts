import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { RealCluster } from '../test/support/real-cluster.ts'
import { cpuMicroseconds } from './process-usage.ts'
import { markdown, median } from './table.ts'
import type { Place } from './target.ts'

const CALLS = 40_000

interface Report {
  readonly callsPerSecond: number
  readonly p99: number
  readonly cpuPerCall: number
}

/** A table of client libraries straight to the nodes, and as plain clients through the proxy. */
export async function compareApplications(
  cluster: RealCluster,
  proxy: Place,
  rounds: number
): Promise<string> {
  const rows: string[][] = []
  for (const client of ['ioredis', 'node-redis']) {
    const reports = { cluster: [] as Report[], proxy: [] as Report[] }
    const proxyCpu: number[] = []
    for (let round = 0; round < rounds; round++) {
      reports.cluster.push(
        await run(
          client,
          'cluster',
          cluster.masters.map((node) => node.address)
        )
      )
      const before = cpuMicroseconds(proxy.pids)
      reports.proxy.push(await run(client, 'proxy', [`127.0.0.1:${proxy.port}`]))
      proxyCpu.push((cpuMicroseconds(proxy.pids) - before) / (CALLS * 1.5))
    }
    rows.push(rowOf(client, 'straight to the nodes', reports.cluster, '-'))
    rows.push(rowOf(client, 'through the proxy', reports.proxy, median(proxyCpu).toFixed(2)))
  }
  return markdown(
    ['client', 'way', 'calls/s', 'p99 ms', 'application CPU µs/call', 'proxy CPU µs/call'],
    rows
  )
}

async function run(client: string, place: string, addresses: readonly string[]): Promise<Report> {
  const file = fileURLToPath(new URL('./application.ts', import.meta.url))
  const options = ['--client', client, '--place', place, '--calls', String(CALLS)]
  const args = ['--import', 'tsx', file, ...options, ...addresses]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 120_000 })
  return JSON.parse(stdout) as Report
}

function rowOf(
  client: string,
  way: string,
  reports: readonly Report[],
  proxyCpu: string
): string[] {
  const of = (field: keyof Report) => median(reports.map((report) => report[field]))
  const calls = Math.round(of('callsPerSecond')).toString()
  return [client, way, calls, of('p99').toFixed(2), of('cpuPerCall').toFixed(2), proxyCpu]
}
