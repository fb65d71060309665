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

function list(value: Reply): readonly Reply[] {
  return Array.isArray(value) ? value : []
}

function isRange([first, last]: readonly number[]): boolean {
  const inside = (slot: number): boolean => Number.isInteger(slot) && slot >= 0 && slot < SLOT_COUNT
  return inside(first!) && inside(last!) && first! <= last!
}

/** First and last slots in turn, as SHARDS lists them. */
function slotRanges(flat: readonly Reply[]): [number, number][] {
  const ranges: [number, number][] = []
  for (let i = 0; i + 1 < flat.length; i += 2) ranges.push([Number(flat[i]), Number(flat[i + 1])])
  return ranges.filter(isRange)
}

function hasPort({ port }: AnnouncedNode): boolean {
  return port >= 1 && port <= 65535
}

/**
 * Reads `CLUSTER SHARDS` (Redis 7 and later). `secure` takes a node's TLS port where it tells one.
 * The preferred endpoint may be empty, `?` or null: then the host is that of the node asked.
 */
export function readShards(reply: Reply, secure: boolean): AnnouncedNode[] {
  return list(reply)
    .map(fields)
    .flatMap((shard) => {
      const slots = slotRanges(list(shard.get('slots')))
      const members = list(shard.get('nodes')).map(fields)
      const isMaster = (node: Map<string, Reply>): boolean => text(node.get('role')) === 'master'
      const masterId = text(members.find(isMaster)?.get('id'))
      return members.map((node) => shardMember(node, secure, isMaster(node) ? slots : masterId))
    })
    .filter(hasPort)
}

/** One node of a shard: a master with its slots, or a replica with its master's id. */
function shardMember(
  node: Map<string, Reply>,
  secure: boolean,
  part: [number, number][] | string
): AnnouncedNode {
  const master = typeof part !== 'string'
  return {
    id: text(node.get('id')),
    host: host(node.get('endpoint')),
    port: Number(
      (secure ? node.get('tls-port') : undefined) ?? node.get('port') ?? node.get('tls-port')
    ),
    role: master ? 'master' : 'replica',
    masterId: master ? undefined : part,
    slots: master ? part : [],
    epoch: 0,
    healthy: text(node.get('health')) === 'online',
  }
}

/** Reads `CLUSTER SLOTS`, which all versions answer: `[first, last, [host, port, id, ...], replica...]` each. */
export function readSlots(reply: Reply): AnnouncedNode[] {
  const nodes = new Map<string, AnnouncedNode>()
  for (const row of list(reply).map(list)) {
    const [range] = slotRanges(row.slice(0, 2))
    if (range === undefined) continue
    const members = row.slice(2).map(list)
    const masterId = text(members[0]?.[2])
    for (const [index, member] of members.entries()) {
      const node = slotsMember(member, index === 0 ? undefined : masterId)
      const key = node.id === '' ? `${node.host}:${node.port}` : node.id
      if (!nodes.has(key)) nodes.set(key, node)
      if (index === 0) nodes.get(key)!.slots.push(range)
    }
  }
  return [...nodes.values()].filter(hasPort)
}

function slotsMember(member: readonly Reply[], masterId: string | undefined): AnnouncedNode {
  return {
    id: text(member[2]),
    host: host(member[0]),
    port: Number(member[1]),
    role: masterId === undefined ? 'master' : 'replica',
    masterId,
    slots: [],
    epoch: 0,
    healthy: true,
  }
}

/** What `CLUSTER NODES` tells of a node. */
export interface NodeState extends Pick<AnnouncedNode, 'role' | 'masterId' | 'slots' | 'epoch'> {
  /** Whether the cluster agrees that it failed, or knows no address of it. */
  readonly failing: boolean
}

/**
 * Reads `CLUSTER NODES`, by node id: what SHARDS and SLOTS leave out, and whose the slots are. A server of 7.2 or later that takes two nodes of one shard
 * for masters, as in a failover, tells the slots of one of them only in SHARDS, and that may be the one which has none any more.
 */
export function readNodes(reply: Reply): Map<string, NodeState> {
  const found = new Map<string, NodeState>()
  for (const line of text(reply).split('\n')) {
    const [id, , flags, masterId, , , epoch, , ...slots] = line.split(' ')
    if (id === undefined || flags === undefined || epoch === undefined) continue
    const words = flags.split(',')
    const replica = words.includes('slave')
    found.set(id, {
      role: replica ? 'replica' : 'master',
      masterId: replica ? masterId : undefined,
      slots: slots.map(slotsIn).filter(isRange),
      epoch: Number(epoch),
      failing: words.includes('fail') || words.includes('noaddr'),
    })
  }
  return found
}

/** `0-99` or `5`; slots that move stand in brackets, and are no range. */
function slotsIn(word: string): [number, number] {
  const [first, last = first] = word.split('-')
  return [Number(first), Number(last)]
}

/** How many slots have an owner. */
export function coverage(
  nodes: readonly { readonly slots: readonly (readonly [number, number])[] }[]
): number {
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
  const removed = before.nodes
    .filter((node) => !names.has(node.address))
    .map((node) => node.address)
  const promoted = after.nodes
    .filter((node) => node.role === 'master' && roles.get(node.address)?.role === 'replica')
    .map((node) => node.address)
  const demoted = after.nodes.some(
    (node) => node.role === 'replica' && roles.get(node.address)?.role === 'master'
  )
  if (
    slotsMoved === 0 &&
    added.length === 0 &&
    removed.length === 0 &&
    promoted.length === 0 &&
    !demoted
  )
    return undefined
  return { reason, before, after, slotsMoved, added, removed, promoted }
}

/** A server without cluster support: one master of all slots, at the address that was asked. */
export function standalone(): AnnouncedNode {
  return {
    id: '',
    host: '',
    port: 0,
    role: 'master',
    masterId: undefined,
    slots: [[0, SLOT_COUNT - 1]],
    epoch: 0,
    healthy: true,
  }
}
