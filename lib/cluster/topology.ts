import { SLOT_COUNT } from '../command/slot.ts'
import type { Topology, TopologyChangeEvent, TopologyNode, TopologyReason } from '../events.ts'

/** One node as a reply of the cluster describes it, its address as announced. */
export interface AnnouncedNode {
  id: string
  host: string
  port: number
  role: 'master' | 'replica'
  masterId: string | undefined
  slots: [number, number][]
  epoch: number
  healthy: boolean
}

/** The topology of a cluster before the first answer. */
export const EMPTY_TOPOLOGY: Topology = { version: 0, nodes: [], coveredSlots: 0 }

type Reply = unknown

function text(value: Reply): string {
  return value === null || value === undefined ? '' : String(value)
}

/** Pairs of name and value in a flat array, as RESP2 writes a map. */
function fields(value: Reply): Map<string, Reply> {
  const map = new Map<string, Reply>()
  if (!Array.isArray(value)) return map
  for (let i = 0; i + 1 < value.length; i += 2) map.set(text(value[i]), value[i + 1])
  return map
}

function host(value: Reply): string {
  const name = text(value)
  return name === '?' ? '' : name
}

function slotRange(first: Reply, last: Reply): [number, number] | undefined {
  const range: [number, number] = [Number(first), Number(last)]
  const right = range.every((slot) => Number.isInteger(slot) && slot >= 0 && slot < SLOT_COUNT) && range[0] <= range[1]
  return right ? range : undefined
}

/**
 * Reads `CLUSTER SHARDS` (Redis 7 and later). `secure` takes a node's TLS port where it tells one.
 * The preferred endpoint may be empty, `?` or null: then the host is that of the node asked.
 */
export function readShards(reply: Reply, secure: boolean): AnnouncedNode[] {
  const nodes: AnnouncedNode[] = []
  if (!Array.isArray(reply)) return nodes
  for (const shard of reply.map(fields)) {
    const flat = shard.get('slots')
    const slots: [number, number][] = []
    if (Array.isArray(flat)) {
      for (let i = 0; i + 1 < flat.length; i += 2) {
        const range = slotRange(flat[i], flat[i + 1])
        if (range !== undefined) slots.push(range)
      }
    }
    const members = shard.get('nodes')
    const described = (Array.isArray(members) ? members : []).map(fields)
    const masterId = text(described.find((node) => text(node.get('role')) === 'master')?.get('id'))
    for (const node of described) {
      const master = text(node.get('role')) === 'master'
      nodes.push({
        id: text(node.get('id')),
        host: host(node.get('endpoint')),
        port: Number((secure ? node.get('tls-port') : undefined) ?? node.get('port') ?? node.get('tls-port')),
        role: master ? 'master' : 'replica',
        masterId: master ? undefined : masterId,
        slots: master ? slots : [],
        epoch: 0,
        healthy: text(node.get('health')) === 'online',
      })
    }
  }
  return nodes.filter((node) => node.port >= 1 && node.port <= 65535)
}

/** Reads `CLUSTER SLOTS`, which all versions answer: `[first, last, [host, port, id, ...], replica...]` each. */
export function readSlots(reply: Reply): AnnouncedNode[] {
  const nodes = new Map<string, AnnouncedNode>()
  if (!Array.isArray(reply)) return []
  for (const row of reply) {
    if (!Array.isArray(row)) continue
    const range = slotRange(row[0], row[1])
    if (range === undefined) continue
    let masterId: string | undefined
    for (const [index, member] of row.slice(2).entries()) {
      if (!Array.isArray(member)) continue
      const id = text(member[2])
      const key = id === '' ? `${text(member[0])}:${text(member[1])}` : id
      if (index === 0) masterId = id
      const known = nodes.get(key)
      const node = known ?? {
        id,
        host: host(member[0]),
        port: Number(member[1]),
        role: index === 0 ? ('master' as const) : ('replica' as const),
        masterId: index === 0 ? undefined : masterId,
        slots: [],
        epoch: 0,
        healthy: true,
      }
      if (known === undefined) nodes.set(key, node)
      if (index === 0) node.slots.push(range)
    }
  }
  return [...nodes.values()].filter((node) => node.port >= 1 && node.port <= 65535)
}

/** What `CLUSTER NODES` adds to the other two: the config epoch of each node, and whether it is failing. By node id. */
export function readNodes(reply: Reply): Map<string, { epoch: number; failing: boolean }> {
  const found = new Map<string, { epoch: number; failing: boolean }>()
  for (const line of text(reply).split('\n')) {
    const [id, , flags, , , , epoch] = line.split(' ')
    if (id === undefined || flags === undefined || epoch === undefined) continue
    const words = flags.split(',')
    found.set(id, { epoch: Number(epoch), failing: words.includes('fail') || words.includes('noaddr') })
  }
  return found
}

/** How many slots have an owner. */
export function coverage(nodes: readonly { readonly slots: readonly (readonly [number, number])[] }[]): number {
  let covered = 0
  for (const node of nodes) for (const [first, last] of node.slots) covered += last - first + 1
  return covered
}

/** The difference of two topologies, or undefined when nothing changed. */
export function difference(
  before: Topology,
  after: Topology,
  slotsMoved: number,
  reason: TopologyReason
): TopologyChangeEvent | undefined {
  const roles = new Map<string, TopologyNode>(before.nodes.map((node) => [node.address, node]))
  const names = new Set(after.nodes.map((node) => node.address))
  const added = after.nodes.filter((node) => !roles.has(node.address)).map((node) => node.address)
  const removed = before.nodes.filter((node) => !names.has(node.address)).map((node) => node.address)
  const promoted = after.nodes
    .filter((node) => node.role === 'master' && roles.get(node.address)?.role === 'replica')
    .map((node) => node.address)
  const demoted = after.nodes.some(
    (node) => node.role === 'replica' && roles.get(node.address)?.role === 'master'
  )
  if (slotsMoved === 0 && added.length === 0 && removed.length === 0 && promoted.length === 0 && !demoted) return undefined
  return { reason, before, after, slotsMoved, added, removed, promoted }
}
