import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpuMicroseconds, residentMebibytes } from './process-usage.ts'
import type { Place } from './target.ts'
import type { Workload } from './workload.ts'

/** What one run showed. */
export interface Sample {
  readonly requestsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  /** Milliseconds. */
  readonly p99: number
  /** Microseconds, user and system, of the processes under test. */
  readonly cpuPerCommand: number
  /** The same of the nodes behind. */
  readonly nodeCpuPerCommand: number
  /** MiB, at the end of the run. */
  readonly resident: number
}

const RUN_LIMIT_MS = 120_000

/** Sends a workload to a place and measures both ends; `nodes`: the servers' process ids. */
export async function measure(
  workload: Workload,
  place: Place,
  nodes: readonly number[]
): Promise<Sample> {
  const before = cpuMicroseconds(place.pids)
  const nodesBefore = cpuMicroseconds(nodes)
  const [requestsPerSecond, p50, p99] = await load(workload, place)
  const cpu = cpuMicroseconds(place.pids) - before
  return {
    requestsPerSecond,
    p50,
    p99,
    cpuPerCommand: cpu / workload.requests,
    nodeCpuPerCommand: (cpuMicroseconds(nodes) - nodesBefore) / workload.requests,
    resident: residentMebibytes(place.pids),
  }
}

/** Runs redis-benchmark; gives requests per second, and p50 and p99 in milliseconds. */
export async function load(workload: Workload, place: Place): Promise<[number, number, number]> {
  const options = [
    ...['-h', place.host ?? '127.0.0.1', '-p', String(place.port)],
    ...['-c', String(workload.clients), '-P', String(workload.pipeline)],
    ...['-n', String(workload.requests), '-r', String(workload.keys)],
    '--csv',
    ...(place.cluster ? ['--cluster'] : []),
    ...(workload.resp3 === true ? ['-3'] : []),
    ...(workload.value === undefined ? [] : ['-x']),
  ]
  // To a cluster, redis-benchmark puts a tag of the right node in the place of this one.
  const command = workload.command(place.cluster ? 'key:{tag}' : 'key')
  const child = spawn('redis-benchmark', [...options, ...command], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: RUN_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  let output = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  child.stderr.on('data', (text) => {
    output += text
  })
  child.stdin.end(workload.value)
  const [code] = await once(child, 'close')
  const row = output.split('\n').find((line) => /^"[^"]+","[\d.]+",/.test(line))
  if (code !== 0 || row === undefined || /Error from server/.test(output)) {
    throw new Error(`${workload.title}: redis-benchmark failed\n${output}`)
  }
  const fields = row.split('","').map((field) => Number(field.replace('"', '')))
  return [fields[1] as number, fields[4] as number, fields[6] as number]
}
