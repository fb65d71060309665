/**
 * What CLUSTER SLOTS, SHARDS, NODES and INFO show, in the forms of Redis 7.0: the proxy as a cluster of one node, or, when clients are told
 * redirects, the nodes themselves.
 *
 * @module
 */

import { isIP } from 'node:net'
import { SLOT_COUNT } from '../../command/slot.ts'
import type { ReplyValue } from '../../resp/encode.ts'
import type { LocalCall, LocalServices, ShownNode } from './local.ts'

/** How far the port of the cluster bus lies above the one for clients; nobody listens there. */
const BUS_OFFSET = 10_000

/** The nodes to show: the servers of the cluster, or the proxy alone as the owner of all slots. */
function shownNodes({ client, services }: LocalCall): readonly ShownNode[] {
  if (services.nodes !== undefined) return services.nodes()
  const { host, port } = client.advertised
  const slots = [[0, SLOT_COUNT - 1]] as const
  return [
    {
      id: services.id,
      host,
      port,
      masterId: undefined,
      slots,
      epoch: 0,
      healthy: true,
      self: true,
    },
  ]
}

function replicasOf(master: ShownNode, nodes: readonly ShownNode[]): ShownNode[] {
  return nodes.filter(({ masterId }) => masterId === master.id)
}

function isMaster({ masterId }: ShownNode): boolean {
  return masterId === undefined
}

/** `CLUSTER SLOTS`: a row for each range; hosts are never empty, since clients skip a node without one. */
export function clusterSlots(call: LocalCall): ReplyValue {
  const nodes = shownNodes(call)
  const endpoint = ({ host, port, id }: ShownNode): ReplyValue => [host, port, id, new Map()]
  return nodes.filter(isMaster).flatMap((master) => {
    const members = [master, ...replicasOf(master, nodes)].map(endpoint)
    return master.slots.map(([first, last]) => [first, last, ...members])
  })
}

/** `CLUSTER SHARDS`: a shard for each master. */
export function clusterShards(call: LocalCall): ReplyValue {
  const nodes = shownNodes(call)
  return nodes.filter(isMaster).map(
    (master) =>
      new Map<ReplyValue, ReplyValue>([
        ['slots', master.slots.flat()],
        ['nodes', [master, ...replicasOf(master, nodes)].map((node) => shardNode(node, call))],
      ])
  )
}

function shardNode(node: ShownNode, { services }: LocalCall): ReplyValue {
  const { id, host, port } = node
  return new Map<ReplyValue, ReplyValue>([
    ['id', id],
    [services.tls ? 'tls-port' : 'port', port],
    ['ip', host],
    ['endpoint', host],
    ...(isIP(host) === 0 ? [['hostname', host] as const] : []),
    ['role', isMaster(node) ? 'master' : 'replica'],
    ['replication-offset', 0],
    ['health', node.healthy ? 'online' : 'fail'],
  ])
}

/** `CLUSTER NODES`: a line for each node, `id host:port@bus flags master ping pong epoch link slots`. */
export function clusterNodes(call: LocalCall): string {
  return shownNodes(call).map(nodeLine).join('')
}

function nodeLine({ id, host, port, masterId, slots, epoch, healthy, self }: ShownNode): string {
  const hostname = isIP(host) === 0 ? `,${host}` : ''
  const role = masterId === undefined ? 'master' : 'slave'
  const flags = `${self ? 'myself,' : ''}${role}${healthy ? '' : ',fail'}`
  const ranges = slots.map(([first, last]) => (first === last ? ` ${first}` : ` ${first}-${last}`))
  const address = `${host}:${port}@${port + BUS_OFFSET}${hostname}`
  return `${id} ${address} ${flags} ${masterId ?? '-'} 0 0 ${epoch} connected${ranges.join('')}\n`
}

/** `CLUSTER INFO`. */
export function clusterInfo({ healthy, nodes }: LocalServices): string {
  const shown = nodes?.() ?? []
  const fields: Readonly<Record<string, string | number>> = {
    cluster_state: healthy ? 'ok' : 'fail',
    cluster_slots_assigned: SLOT_COUNT,
    cluster_slots_ok: SLOT_COUNT,
    cluster_slots_pfail: 0,
    cluster_slots_fail: 0,
    cluster_known_nodes: Math.max(1, shown.length),
    cluster_size: Math.max(1, shown.filter((node) => node.slots.length > 0).length),
    cluster_current_epoch: Math.max(0, ...shown.map((node) => node.epoch)),
    cluster_my_epoch: 0,
    cluster_stats_messages_sent: 0,
    cluster_stats_messages_received: 0,
    total_cluster_links_buffer_limit_exceeded: 0,
  }
  return Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')
}
