/**
 * Sections of INFO that are made of what the masters say: numbers added up where a sum means something.
 *
 * @module
 */

import type { MasterAnswer } from '../../router/survey.ts'

/** Lines of a section. */
export type Fields = Readonly<Record<string, string | number>>

/** A section that the masters have to be asked for. */
export interface ClusterSection {
  readonly title: string
  /** The section that they are asked for. */
  readonly question: 'keyspace' | 'all'
  /** The words that stand for several sections, of which it is one. */
  readonly partOf: readonly string[]
  readonly fields: (answers: readonly MasterAnswer[]) => Fields
}

const SECTIONS: Readonly<Record<string, ClusterSection>> = {
  commandstats: {
    title: 'Commandstats',
    question: 'all',
    partOf: ['all', 'everything'],
    fields: (answers) => summed(answers, 'cmdstat_'),
  },
  errorstats: {
    title: 'Errorstats',
    question: 'all',
    partOf: ['all', 'everything'],
    fields: (answers) => summed(answers, 'errorstat_'),
  },
  keyspace: {
    title: 'Keyspace',
    question: 'keyspace',
    partOf: ['default', 'all', 'everything'],
    fields: (answers) => summed(answers, 'db'),
  },
  nodes: { title: 'Nodes', question: 'all', partOf: ['everything'], fields: nodes },
}

/** The sections that these words name, or, with `groups`, that they are part of besides. */
export function clusterSections(words: ReadonlySet<string>, groups = false): ClusterSection[] {
  return Object.entries(SECTIONS)
    .filter(
      ([name, { partOf }]) => words.has(name) || (groups && partOf.some((word) => words.has(word)))
    )
    .map(([, section]) => section)
}

/** The one section that tells enough for all of these. */
export function questionFor(sections: readonly ClusterSection[]): string {
  return sections.some(({ question }) => question === 'all') ? 'all' : 'keyspace'
}

/** The lines of a text of INFO, by name. */
function linesOf(text: string): Map<string, string> {
  const lines = text.split('\r\n').map((line) => /^([^#:][^:]*):(.*)$/.exec(line))
  return new Map(
    lines.flatMap((match) => (match === null ? [] : [[match[1]!, match[2]!] as const]))
  )
}

/** Lines such as `db0:keys=1,expires=0,avg_ttl=0`: the numbers of all masters added up. */
function summed(answers: readonly MasterAnswer[], prefix: string): Fields {
  const sums = new Map<string, Map<string, number>>()
  for (const { text } of answers) {
    for (const [name, line] of linesOf(text)) {
      if (!name.startsWith(prefix) || !line.includes('=')) continue
      const sum = sums.get(name) ?? new Map<string, number>()
      sums.set(name, sum)
      addLine(sum, line)
    }
  }
  const lines = Array.from(sums, ([name, sum]) => [name, lineOf(sum)] as const)
  return Object.fromEntries(lines)
}

function addLine(sum: Map<string, number>, line: string): void {
  const fields = new Map(line.split(',').map((field) => splitOnce(field, '=')))
  // An average counts by what it is the average of.
  const weight = Number(fields.get('expires') ?? 0)
  for (const [field, text] of fields) {
    const value = field === 'avg_ttl' ? Number(text) * weight : Number(text)
    sum.set(field, (sum.get(field) ?? 0) + value)
  }
}

function lineOf(sum: ReadonlyMap<string, number>): string {
  const expires = sum.get('expires') ?? 0
  const calls = sum.get('calls') ?? 0
  return Array.from(sum, ([field, value]) => {
    if (field === 'avg_ttl') return `avg_ttl=${expires === 0 ? 0 : Math.round(value / expires)}`
    if (field !== 'usec_per_call') return `${field}=${value}`
    return `usec_per_call=${(calls === 0 ? 0 : (sum.get('usec') ?? 0) / calls).toFixed(2)}`
  }).join(',')
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** What is added up over the masters. */
const ADDED = [
  'used_memory',
  'used_memory_rss',
  'maxmemory',
  'connected_clients',
  'connected_slaves',
  'total_connections_received',
  'total_commands_processed',
  'instantaneous_ops_per_sec',
  'expired_keys',
  'evicted_keys',
  'keyspace_hits',
  'keyspace_misses',
]

/** What is told of each master. */
const TOLD = ['redis_version', 'uptime_in_seconds', 'role', 'connected_slaves', 'connected_clients']
const MEASURED = ['used_memory', 'total_commands_processed', 'instantaneous_ops_per_sec', 'loading']

/** The sums, each with `nodes_` before its name, and a line for each master. */
function nodes(answers: readonly MasterAnswer[]): Fields {
  const all = answers.map(({ node, text }) => ({ node, lines: linesOf(text) }))
  const fields: Record<string, string | number> = { nodes: answers.length }
  for (const name of ADDED) {
    fields[`nodes_${name}`] = all.reduce((sum, { lines }) => sum + Number(lines.get(name) ?? 0), 0)
  }
  for (const [i, { node, lines }] of all.entries()) {
    const told = [...TOLD, ...MEASURED]
      .filter((name) => lines.has(name))
      .map((name) => `,${name}=${lines.get(name)}`)
    const keys = /^keys=\d+,expires=\d+/.exec(lines.get('db0') ?? '')?.[0] ?? 'keys=0,expires=0'
    fields[`node${i}`] = `address=${node}${told.join('')},${keys}`
  }
  return fields
}
