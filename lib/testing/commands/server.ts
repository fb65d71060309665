import { type ReplyValue, Verbatim } from '../../resp/encode.ts'
import { matchesGlob } from '../glob.ts'
import type { NodeState } from '../node-state.ts'
import { integer } from '../numbers.ts'
import { refuse } from '../refusal.ts'
import { bulk, type Call, type CommandRow, family, KEYS, row } from './call.ts'

type Fields = Readonly<Record<string, string | number>>

function replication(node: NodeState): Fields {
  const { master } = node
  if (master === undefined) {
    const replicas = node.cluster.replicasOf(node)
    const lines = replicas.map((one, i) => [
      `slave${i}`,
      `ip=${one.advertised.host},port=${one.advertised.port},state=online,offset=${one.offset},lag=0`,
    ])
    return {
      role: 'master',
      connected_slaves: replicas.length,
      ...Object.fromEntries(lines),
      master_repl_offset: node.offset,
    }
  }
  const { host, port } = master.advertised
  const link = master.failed ? 'down' : 'up'
  return {
    role: 'slave',
    master_host: host ?? master.endpoint.host,
    master_port: port,
    master_link_status: link,
    slave_repl_offset: node.offset,
    slave_read_only: 1,
    master_repl_offset: node.offset,
  }
}

const started = Date.now()

/** The sections of INFO that clients read. */
const SECTIONS: Readonly<Record<string, (node: NodeState) => Fields>> = {
  Server: (node) => ({
    redis_version: node.cluster.version,
    redis_mode: 'cluster',
    os: process.platform,
    arch_bits: 64,
    process_id: process.pid,
    run_id: node.id,
    tcp_port: node.endpoint.port,
    uptime_in_seconds: Math.floor((Date.now() - started) / 1000),
  }),
  Clients: (node) => ({
    connected_clients: node.clients.size,
    maxclients: 10000,
    blocked_clients: 0,
  }),
  Memory: () => ({ used_memory: 1000000, used_memory_human: '976.56K', maxmemory: 0 }),
  Persistence: (node) => ({ loading: Number(node.loading), async_loading: 0 }),
  Stats: () => ({ total_connections_received: 0, total_commands_processed: 0 }),
  Replication: replication,
  CPU: () => ({ used_cpu_sys: 0, used_cpu_user: 0 }),
  Modules: () => ({}),
  Errorstats: () => ({}),
  Cluster: () => ({ cluster_enabled: 1 }),
  Keyspace: (node): Fields => {
    const keys = node.data.keys()
    const expires = keys.filter((key) => node.data.expiresAt(key) !== undefined).length
    return keys.length === 0 ? {} : { db0: `keys=${keys.length},expires=${expires},avg_ttl=0` }
  },
}

function info({ args, node }: Call): ReplyValue {
  const wanted = args.slice(1).map((section) => section.toLowerCase())
  const all =
    wanted.length === 0 ||
    wanted.some((section) => ['all', 'default', 'everything'].includes(section))
  const texts = Object.entries(SECTIONS)
    .filter(([name]) => all || wanted.includes(name.toLowerCase()))
    .map(([name, fieldsOf]) => {
      const lines = Object.entries(fieldsOf(node)).map(([field, value]) => `${field}:${value}\r\n`)
      return `# ${name}\r\n${lines.join('')}`
    })
  return new Verbatim(texts.join('\r\n'))
}

function settingsOf(node: NodeState): Readonly<Record<string, string>> {
  return {
    appendonly: 'no',
    'cluster-enabled': 'yes',
    'cluster-require-full-coverage': node.cluster.fullCoverage ? 'yes' : 'no',
    databases: '16',
    maxclients: '10000',
    maxmemory: '0',
    'maxmemory-policy': 'noeviction',
    'notify-keyspace-events': '',
    port: String(node.endpoint.port),
    'proto-max-bulk-len': '536870912',
    requirepass: node.users.get('default') ?? '',
    save: '',
    timeout: '0',
  }
}

function configGet({ args, node }: Call): ReplyValue {
  const patterns = args.slice(2).map((pattern) => pattern.toLowerCase())
  const found = Object.entries(settingsOf(node)).filter(([name]) =>
    patterns.some((one) => matchesGlob(one, name))
  )
  return new Map(found.map(([name, value]) => [name, bulk(value)]))
}

function time(): ReplyValue {
  const now = Date.now()
  return [String(Math.floor(now / 1000)), String((now % 1000) * 1000)]
}

function wait({ args, node }: Call): ReplyValue {
  integer(args[1]!)
  if (integer(args[2]!, 'ERR timeout is not an integer or out of range') < 0n)
    refuse('ERR timeout is negative')
  if (node.master !== undefined)
    refuse(
      'ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.'
    )
  return node.cluster.replicasOf(node).filter((replica) => !replica.lagging && !replica.failed)
    .length
}

const configRows: readonly CommandRow[] = family('server', [
  row('config|get', -3, 'admin noscript loading stale', KEYS.none, configGet),
])

/** Commands on the server. */
export const server: readonly CommandRow[] = family('server', [
  row('info', -1, 'loading stale', KEYS.none, info, {
    tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  }),
  row('config', -2, '', KEYS.none, () => null, { subcommands: configRows }),
  row('time', 1, 'loading stale fast', KEYS.none, time, { tips: ['nondeterministic_output'] }),
  row('wait', 3, 'noscript', KEYS.none, wait, {
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
  }),
])
