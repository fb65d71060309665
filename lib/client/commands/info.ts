/**
 * INFO: the state of the proxy itself, in the sections and fields that clients and tools read from a server; and ROLE.
 *
 * @module
 */

import { release, totalmem, type } from 'node:os'
import type { ServerSoftware } from '../../cluster/catalogue-learner.ts'
import { LANES } from '../../cluster/lanes.ts'
import { type ReplyValue, Verbatim } from '../../resp/encode.ts'
import type { MasterAnswer } from '../../router/survey.ts'
import { word } from './argument.ts'
import { human } from './byte-size.ts'
import {
  type ClusterSection,
  clusterSections,
  type Fields,
  questionFor,
} from './cluster-sections.ts'
import { command } from './container.ts'
import { type Counters, inAll, withCounters } from './counters.ts'
import type { Share } from './everywhere.ts'
import type { LocalCall, LocalCommands } from './local.ts'

/** What stands in a section; counters are those of all threads. */
type SectionFields = (call: LocalCall, counters: Counters) => Fields

/** Section by its name in the request, in the order of the reply. */
const SECTIONS: ReadonlyMap<string, [title: string, fields: SectionFields]> = new Map<
  string,
  [string, SectionFields]
>([
  ['server', ['Server', server]],
  ['clients', ['Clients', clients]],
  ['memory', ['Memory', memory]],
  ['persistence', ['Persistence', persistence]],
  ['stats', ['Stats', stats]],
  ['replication', ['Replication', replication]],
  ['cpu', ['CPU', cpu]],
  ['cluster', ['Cluster', cluster]],
])

const EVERY_SECTION: readonly string[] = ['default', 'all', 'everything']

/** Milliseconds that the masters are given where nobody asked for what they say: ready checks of clients must not wait for them. */
const PATIENCE = 100

/**
 * `INFO [section ...]`; a section that is not known adds nothing. What only the masters can tell is left out where it was not asked for by its name and
 * they do not answer at once; asked for by name it is whole, or an error.
 */
function info(
  shares: readonly Share<Counters>[],
  call: LocalCall
): ReplyValue | Promise<ReplyValue> {
  const wanted = new Set(call.args.slice(1).map(word))
  const every = wanted.size === 0 || EVERY_SECTION.some((name) => wanted.has(name))
  const chosen = [...SECTIONS].filter(([name]) => every || wanted.has(name))
  const counters = inAll(shares)
  const texts = chosen.map(([, [title, fields]]) => section(title, fields(call, counters)))
  const named = clusterSections(wanted)
  const further = clusterSections(wanted.size === 0 ? new Set(['default']) : wanted, true)
  const optional = named.length === 0
  if (further.length === 0 || (optional && !call.services.healthy)) {
    return new Verbatim(texts.join('\r\n'))
  }
  const answers = call.services.askMasters(
    questionFor(further),
    optional,
    call.session.identity?.base ?? LANES.resp2
  )
  return withClusterSections(texts, further, optional, answers)
}

async function withClusterSections(
  texts: readonly string[],
  sections: readonly ClusterSection[],
  optional: boolean,
  answers: Promise<readonly MasterAnswer[]>
): Promise<ReplyValue> {
  const known = await (optional ? soon(answers, PATIENCE) : answers)
  const more =
    known === undefined ? [] : sections.map(({ title, fields }) => section(title, fields(known)))
  return new Verbatim([...texts, ...more].join('\r\n'))
}

/** What a promise gives within some milliseconds; undefined if it does not, or fails. */
async function soon<Value>(promise: Promise<Value>, ms: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([promise.catch(() => undefined), limit])
  } finally {
    clearTimeout(timer)
  }
}

function section(title: string, fields: Fields): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}:${value}\r\n`)
  return `# ${title}\r\n${lines.join('')}`
}

function server({ client, services }: LocalCall): Fields {
  const now = Date.now()
  const uptime = Math.max(0, Math.floor((now - services.startedAt) / 1000))
  return {
    redis_version: services.serverVersion,
    ...otherSoftware(services.software),
    // Cluster-aware clients are served too, but none must believe that it has to follow redirects.
    redis_mode: 'standalone',
    os: `${type()} ${release()} ${process.arch}`,
    arch_bits: /64|s390x/.test(process.arch) ? 64 : 32,
    node_version: process.versions.node,
    process_id: services.admin.program.processId ?? process.pid,
    run_id: services.id,
    tcp_port: client.advertised.port,
    server_time_usec: now * 1000,
    uptime_in_seconds: uptime,
    uptime_in_days: Math.floor(uptime / 86_400),
    executable: process.execPath,
    config_file: '',
  }
}

/** What is no Redis itself says so beside the version of Redis that it is like, as Valkey does. */
function otherSoftware({ name, version }: ServerSoftware): Fields {
  if (name === 'redis') return {}
  return { server_name: name, [`${name}_version`]: version, server_mode: 'standalone' }
}

function clients({ services }: LocalCall, counters: Counters): Fields {
  return {
    connected_clients: counters.clients,
    cluster_connections: 0,
    maxclients: services.maxClients,
    client_recent_max_input_buffer: counters.largestInput,
    client_recent_max_output_buffer: counters.largestOutput,
    blocked_clients: counters.blockedClients,
    tracking_clients: counters.trackingClients,
  }
}

function memory(_call: LocalCall, { used, resident }: Counters): Fields {
  const total = totalmem()
  return {
    used_memory: used,
    used_memory_human: human(used),
    used_memory_rss: resident,
    used_memory_rss_human: human(resident),
    total_system_memory: total,
    total_system_memory_human: human(total),
    maxmemory: 0,
    maxmemory_human: '0B',
    maxmemory_policy: 'noeviction',
    mem_fragmentation_ratio: (resident / used).toFixed(2),
  }
}

/** Ready checks read `loading`. */
function persistence(): Fields {
  return { loading: 0, async_loading: 0, rdb_bgsave_in_progress: 0, aof_enabled: 0 }
}

function stats(_call: LocalCall, counters: Counters): Fields {
  return {
    total_connections_received: counters.connections,
    total_commands_processed: counters.commands,
    total_net_input_bytes: counters.bytesRead,
    total_net_output_bytes: counters.bytesWritten,
    rejected_connections: counters.rejectedConnections,
    redirects_followed: counters.redirects,
    coalesced_reads: counters.coalesced,
  }
}

function replication({ services }: LocalCall): Fields {
  return {
    role: 'master',
    connected_slaves: 0,
    master_failover_state: 'no-failover',
    master_replid: services.id,
    master_repl_offset: 0,
  }
}

function cpu(_call: LocalCall, { cpuSystem, cpuUser }: Counters): Fields {
  return {
    used_cpu_sys: (cpuSystem / 1e6).toFixed(6),
    used_cpu_user: (cpuUser / 1e6).toFixed(6),
  }
}

function cluster({ services: { totals } }: LocalCall): Fields {
  return {
    cluster_enabled: 0,
    proxied_masters: totals.masters,
    proxied_replicas: totals.replicas,
  }
}

/** Handlers of INFO and ROLE, which agree about the role. */
export const infoCommands: LocalCommands = {
  info: command('info', -1, withCounters(info)),
  role: command('role', 1, () => ['master', 0, []]),
}
