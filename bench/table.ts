import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import type { Sample } from './measure.ts'

/** The samples of one row of the table. */
export interface Measured {
  readonly workload: string
  readonly clients: number
  readonly target: string
  readonly samples: readonly Sample[]
}

const COLUMNS = [
  'workload',
  'target',
  'requests/s',
  'p50 ms',
  'p99 ms',
  'CPU µs/command',
  'proxy / this',
  'nodes µs/command',
  'RSS MiB',
]

/** One Markdown table of medians, under a line that says what was measured, when, and where. */
export function renderTable(rows: readonly Measured[], rounds: number): string {
  const cells = rows.map(({ workload, target, samples }) => {
    const of = (field: keyof Sample) => median(samples.map((sample) => sample[field]))
    return [
      workload,
      target,
      Math.round(of('requestsPerSecond')).toString(),
      of('p50').toFixed(2),
      of('p99').toFixed(2),
      of('cpuPerCommand').toFixed(2),
      ratio(rows, workload, of('cpuPerCommand')),
      of('nodeCpuPerCommand').toFixed(2),
      of('resident').toFixed(0),
    ]
  })
  const how = `medians of ${rounds} alternating rounds`
  return `${describeRun(how)}\n\n${markdown(COLUMNS, cells)}`
}

/** What the proxy's CPU per command is to this: below 1 where the proxy needs less. */
function ratio(rows: readonly Measured[], workload: string, cpu: number): string {
  const proxy = rows.find((each) => each.workload === workload && each.target === 'proxy')
  if (proxy === undefined || cpu === 0) return '-'
  return (median(proxy.samples.map(({ cpuPerCommand }) => cpuPerCommand)) / cpu).toFixed(2)
}

/** A Markdown table; the first two columns are text, the others numbers. */
export function markdown(columns: readonly string[], rows: readonly string[][]): string {
  return [tableHead(columns, 2), ...rows.map(tableRow)].join('\n')
}

/** What stands above the rows of a Markdown table whose first columns, `texts` of them, are text, and the others numbers. */
export function tableHead(columns: readonly string[], texts = 0): string {
  const rule = columns.map((_, column) => (column < texts ? '---' : '--:'))
  return [columns, rule].map(tableRow).join('\n')
}

/** A row of a Markdown table. */
export function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** The middle of some numbers, or between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}

/** What was measured, when, where and how, in one line. */
export function describeRun(how: string): string {
  const file = new URL('../package.json', import.meta.url)
  const { name, version } = JSON.parse(readFileSync(file, 'utf8'))
  const server = execFileSync('redis-server', ['--version'], { encoding: 'utf8' })
  const cores = cpus()
  return [
    new Date().toISOString().slice(0, 10),
    `${name} ${version}`,
    `Node ${process.version}`,
    `redis ${/v=([\d.]+)/.exec(server)?.[1]}`,
    `${cores.length} x ${cores[0]?.model.trim()}`,
    `loopback, ${how}`,
  ].join('; ')
}
