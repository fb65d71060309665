/**
 * The proxy as a cluster of one node, in the forms of CLUSTER SLOTS, SHARDS, NODES and INFO of Redis 7.0.
 *
 * @module
 */

import { isIP } from 'node:net'
import { SLOT_COUNT } from '../../command/slot.ts'
import type { ReplyValue } from '../../resp/encode.ts'
import type { LocalCall, LocalClient, LocalServices } from './local.ts'

/** How far the port of the cluster bus lies above the one for clients; nobody listens there. */
const BUS_OFFSET = 10_000

/** `CLUSTER SLOTS`: one range; its host is never empty, since clients skip a node without one. */
export function clusterSlots({ client, services }: LocalCall): ReplyValue {
  const { host, port } = client.advertised
  return [[0, SLOT_COUNT - 1, [host, port, services.id, new Map()]]]
}

/** `CLUSTER SHARDS`: one shard with one node. */
export function clusterShards({ client, services }: LocalCall): ReplyValue {
  const { host, port } = client.advertised
  const node = new Map<ReplyValue, ReplyValue>([
    ['id', services.id],
    [services.tls ? 'tls-port' : 'port', port],
    ['ip', host],
    ['endpoint', host],
    ...(isIP(host) === 0 ? [['hostname', host] as const] : []),
    ['role', 'master'],
    ['replication-offset', 0],
    ['health', 'online'],
  ])
  return [
    new Map<ReplyValue, ReplyValue>([
      ['slots', [0, SLOT_COUNT - 1]],
      ['nodes', [node]],
    ]),
  ]
}

/** `CLUSTER NODES`: one line, `id host:port@bus flags master ping pong epoch link slots`. */
export function clusterNodes(
  { advertised: { host, port } }: LocalClient,
  services: LocalServices
): string {
  const hostname = isIP(host) === 0 ? `,${host}` : ''
  const address = `${host}:${port}@${port + BUS_OFFSET}${hostname}`
  return `${services.id} ${address} myself,master - 0 0 0 connected 0-${SLOT_COUNT - 1}\n`
}

/** `CLUSTER INFO`. */
export function clusterInfo({ healthy }: LocalServices): string {
  const fields: Readonly<Record<string, string | number>> = {
    cluster_state: healthy ? 'ok' : 'fail',
    cluster_slots_assigned: SLOT_COUNT,
    cluster_slots_ok: SLOT_COUNT,
    cluster_slots_pfail: 0,
    cluster_slots_fail: 0,
    cluster_known_nodes: 1,
    cluster_size: 1,
    cluster_current_epoch: 0,
    cluster_my_epoch: 0,
    cluster_stats_messages_sent: 0,
    cluster_stats_messages_received: 0,
    total_cluster_links_buffer_limit_exceeded: 0,
  }
  return Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')
}
