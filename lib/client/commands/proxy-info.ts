/**
 * `PROXY INFO`: the fields of the official proxy, in its order.
 *
 * @module
 */

import { release, totalmem, type } from 'node:os'
import type { ProgramValue } from '../../program-hooks.ts'
import { type ReplyValue, Verbatim } from '../../resp/encode.ts'
import type { NodeAddress } from '../../settings.ts'
import { version } from '../../version.ts'
import { human } from './byte-size.ts'
import { type Counters, inAll, withCounters } from './counters.ts'
import type { Share } from './everywhere.ts'
import type { LocalCall, LocalHandler } from './local.ts'
import { badSubcommand } from './proxy-refusal.ts'

type Fields = Readonly<Record<string, string | number>>
type Section = (call: LocalCall, shares: readonly Share<Counters>[]) => Fields

const SECTIONS: ReadonlyMap<string, readonly [title: string, fields: Section]> = new Map([
  ['proxy', ['Proxy', proxy]],
  ['memory', ['Memory', memory]],
  ['clients', ['Clients', clients]],
  ['cluster', ['Cluster', cluster]],
])

const EVERY: readonly string[] = ['default', 'all', 'everything']

/** `PROXY INFO [section]`. */
export const proxyInfo: LocalHandler = withCounters(info)

function info(shares: readonly Share<Counters>[], call: LocalCall): ReplyValue {
  const wanted = call.args[2]?.toString('latin1').toLowerCase() ?? 'default'
  const names = EVERY.includes(wanted) ? [...SECTIONS.keys()] : [wanted]
  const found = names.map((name) => SECTIONS.get(name))
  if (found.includes(undefined)) return badSubcommand(call)
  const texts = found.map((section) => {
    const [title, fields] = section!
    const lines = Object.entries(fields(call, shares)).map(
      ([name, value]) => `${name}:${value}\r\n`
    )
    return `# ${title}\r\n${lines.join('')}`
  })
  return new Verbatim(texts.join('\r\n'))
}

/** An option of the program's own as text; `otherwise` where there is none. */
function own({ services }: LocalCall, name: string, otherwise: string | number): string | number {
  const setting = services.admin.program.settings?.find((each) => each.name === name)
  const value: ProgramValue = setting?.get()
  return typeof value === 'string' || typeof value === 'number' ? value : otherwise
}

function proxy(call: LocalCall): Fields {
  const { services } = call
  const { admin } = services
  const uptime = Math.max(0, Math.floor((Date.now() - services.startedAt) / 1000))
  const { credentials } = admin.settings
  const user = typeof credentials === 'object' ? (credentials.username ?? 'default') : 'default'
  return {
    proxy_version: version,
    proxy_git_sha1: '00000000',
    proxy_git_dirty: 0,
    proxy_git_branch: '',
    os: `${type()} ${release()} ${process.arch}`,
    arch_bits: /64|s390x/.test(process.arch) ? 64 : 32,
    multiplexing_api: 'libuv',
    // What Redis says when another compiler made it.
    gcc_version: '0.0.0',
    process_id: admin.program.processId ?? process.pid,
    threads: own(call, 'threads', 1),
    tcp_port: own(call, 'port', admin.listening.port),
    uptime_in_seconds: uptime,
    uptime_in_days: Math.floor(uptime / 86_400),
    config_file: admin.program.configFile ?? '',
    acl_user: user,
    unix_socket: own(call, 'unixsocket', ''),
    unix_socket_permissions: own(call, 'unixsocketperm', 0),
  }
}

function memory(_call: LocalCall, shares: readonly Share<Counters>[]): Fields {
  const { used } = inAll(shares)
  const total = totalmem()
  return {
    used_memory: used,
    used_memory_human: human(used),
    total_system_memory: total,
    total_system_memory_human: human(total),
  }
}

/** The official proxy's own spelling, which its dashboards read; and the right one. */
const THREAD_FIELDS = ['clinets', 'clients'] as const

function clients({ services }: LocalCall, shares: readonly Share<Counters>[]): Fields {
  // While one thread takes over from another there are two of a number.
  const counts: number[] = []
  for (const { thread, value } of shares) counts[thread] = (counts[thread] ?? 0) + value.clients
  const each = THREAD_FIELDS.flatMap((word) =>
    counts.map((count, thread) => [`thread_${thread}_${word}`, count] as const)
  )
  return {
    connected_clients: inAll(shares).clients,
    max_clients: services.maxClients,
    ...Object.fromEntries(each),
  }
}

function cluster({ services: { admin } }: LocalCall): Fields {
  const entries = admin.settings.nodes.map(addressText)
  return { address: entries.join(','), entry_node: admin.entry ?? entries[0]! }
}

function addressText(address: NodeAddress): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`
}
