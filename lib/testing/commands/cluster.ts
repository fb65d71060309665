import { type ReplyValue, Verbatim } from '../../resp/encode.ts'
import type { NodeState } from '../node-state.ts'
import { position } from '../numbers.ts'
import { refuse } from '../refusal.ts'
import { SLOT_COUNT, slotOfBytes } from '../slot.ts'
import { bulks, type Call, type CommandRow, family, KEYS, row } from './call.ts'

/** The second port that a server listens on for its peers; kept within what a port may be. */
function busPort(port: number): number {
  return port + 10000 <= 65535 ? port + 10000 : port - 10000
}

function replicasOf(node: NodeState, master: NodeState): NodeState[] {
  return node.cluster.replicasOf(master).filter((replica) => !replica.failed)
}

function slots({ node }: Call): ReplyValue {
  const entry = (one: NodeState): ReplyValue => [
    one.advertised.host,
    one.advertised.port,
    one.id,
    new Map(),
  ]
  const owners = node.cluster.members.map((owner) => ({ owner, ranges: node.rangesOf(owner) }))
  const rows = owners.flatMap(({ owner, ranges }) =>
    ranges.map(([first, last]) => ({ first, last, owner }))
  )
  rows.sort((a, b) => a.first - b.first)
  return rows.map(({ first, last, owner }) => [
    first,
    last,
    entry(owner),
    ...replicasOf(node, owner).map(entry),
  ])
}

function shardNode(one: NodeState): ReplyValue {
  const { host, port } = one.advertised
  return new Map<ReplyValue, ReplyValue>([
    ['id', one.id],
    ['port', port],
    ['ip', host ?? one.endpoint.host],
    ['endpoint', host ?? ''],
    ['role', one.master === undefined ? 'master' : 'replica'],
    ['replication-offset', 0],
    ['health', one.failed ? 'fail' : one.loading ? 'loading' : 'online'],
  ])
}

function shards({ node }: Call): ReplyValue {
  const owners = node.cluster.members.filter(
    (one) => one.master === undefined || node.rangesOf(one).length > 0
  )
  return owners.map((owner) => {
    const members = [owner, ...node.cluster.replicasOf(owner)]
    return new Map<ReplyValue, ReplyValue>([
      ['slots', node.rangesOf(owner).flat()],
      ['nodes', members.map(shardNode)],
    ])
  })
}

function slotWords(node: NodeState, owner: NodeState): string[] {
  const ranges = node
    .rangesOf(owner)
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
  if (owner !== node) return ranges
  const leaving = Array.from(node.migrating, ([slot, to]) => `[${slot}->-${to.id}]`)
  const coming = Array.from(node.importing, ([slot, from]) => `[${slot}-<-${from.id}]`)
  return [...ranges, ...leaving, ...coming]
}

function nodeLine(node: NodeState, one: NodeState): string {
  const { host, port } = one.advertised
  const role = one.master === undefined ? 'master' : 'slave'
  const flags = [...(one === node ? ['myself'] : []), role, ...(one.failed ? ['fail'] : [])].join(
    ','
  )
  const words = [
    one.id,
    `${host ?? one.endpoint.host}:${port}@${busPort(port)}`,
    flags,
    one.master?.id ?? '-',
    '0',
    '0',
    String(one.master?.configEpoch ?? one.configEpoch),
    one.failed ? 'disconnected' : 'connected',
    ...slotWords(node, one),
  ]
  return words.join(' ')
}

function nodes({ node }: Call): ReplyValue {
  return new Verbatim(node.cluster.members.map((one) => `${nodeLine(node, one)}\n`).join(''))
}

function info({ node }: Call): ReplyValue {
  const owners = node.cluster.members.filter((one) => node.rangesOf(one).length > 0)
  const assigned = SLOT_COUNT - node.unassigned
  const fields: readonly [string, string | number][] = [
    ['cluster_state', node.healthy ? 'ok' : 'fail'],
    ['cluster_slots_assigned', assigned],
    ['cluster_slots_ok', assigned],
    ['cluster_slots_pfail', 0],
    ['cluster_slots_fail', 0],
    ['cluster_known_nodes', node.cluster.members.length],
    ['cluster_size', owners.length],
    ['cluster_current_epoch', node.cluster.currentEpoch],
    ['cluster_my_epoch', node.master?.configEpoch ?? node.configEpoch],
  ]
  return new Verbatim(fields.map(([name, value]) => `${name}:${value}\r\n`).join(''))
}

function slotArgument(text: string): number {
  const slot = position(text)
  return slot >= 0 && slot < SLOT_COUNT ? slot : refuse('ERR Invalid slot')
}

function keysInSlot({ args, node }: Call): ReplyValue {
  const slot = slotArgument(args[2]!)
  const most = position(args[3]!)
  return most < 0
    ? refuse('ERR Invalid number of keys')
    : bulks(node.data.keysInSlot(slot).slice(0, most))
}

function replicas({ args, node }: Call): ReplyValue {
  const master =
    node.cluster.members.find((one) => one.id === args[2]) ?? refuse(`ERR Unknown node ${args[2]}`)
  if (master.master !== undefined) refuse('ERR The specified node is not a master')
  return node.cluster.replicasOf(master).map((one) => nodeLine(node, one))
}

const rows: readonly CommandRow[] = family('cluster', [
  row('cluster|slots', 2, 'stale', KEYS.none, slots),
  row('cluster|shards', 2, 'stale', KEYS.none, shards, { since: '7.0.0' }),
  row('cluster|nodes', 2, 'stale', KEYS.none, nodes),
  row('cluster|info', 2, 'stale', KEYS.none, info),
  row('cluster|myid', 2, 'stale', KEYS.none, ({ node }) => node.id),
  row('cluster|replicas', 3, 'admin stale', KEYS.none, replicas),
  row('cluster|keyslot', 3, 'stale', KEYS.none, ({ args }) => slotOfBytes(args[2]!)),
  row(
    'cluster|countkeysinslot',
    3,
    'stale',
    KEYS.none,
    ({ args, node }) => node.data.keysInSlot(slotArgument(args[2]!)).length
  ),
  row('cluster|getkeysinslot', 4, 'stale', KEYS.none, keysInSlot),
])

/** CLUSTER, as the node that is asked sees it. */
export const cluster: readonly CommandRow[] = family('cluster', [
  row('cluster', -2, '', KEYS.none, () => null, { subcommands: rows }),
])
