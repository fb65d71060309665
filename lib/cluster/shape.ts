import { ProxyError } from '../errors.ts'
import type { ClusterNode } from './node.ts'
import { ask } from './question.ts'
import {
  type AnnouncedNode,
  type NodeState,
  readNodes,
  readShards,
  readSlots,
  standalone,
} from './topology.ts'

/**
 * Asks a node for the shape of its cluster. `secure` takes TLS ports where they are told. Addresses and health are those of SHARDS; who is whose, and owns which
 * slots, is what NODES says, or SLOTS where the proxy's user may not ask for NODES.
 */
export async function tellShape(node: ClusterNode, secure: boolean): Promise<AnnouncedNode[]> {
  const [shape, states] = await Promise.all([shards(node, secure), statesOn(node)])
  if (states === undefined) return byOwners(shape, await owners(node))
  return shape.map((announced) => {
    const state = states.get(announced.id)
    if (state === undefined) return announced
    const { failing, ...rest } = state
    return { ...announced, ...rest, healthy: announced.healthy && !failing }
  })
}

async function shards(node: ClusterNode, secure: boolean): Promise<AnnouncedNode[]> {
  try {
    return readShards(await ask(node, 'CLUSTER', 'SHARDS'), secure)
  } catch (error) {
    if (!(error instanceof ProxyError) || error.code !== 'NODE_REPLY') throw error
    // A server without cluster support is one master of all slots.
    if (error.message.includes('cluster support disabled')) return [standalone()]
  }
  // Servers before 7 do not know SHARDS.
  return readSlots(await ask(node, 'CLUSTER', 'SLOTS'))
}

async function statesOn(node: ClusterNode): Promise<Map<string, NodeState> | undefined> {
  const reply = await unlessRefused(ask(node, 'CLUSTER', 'NODES'))
  return reply === undefined ? undefined : readNodes(reply)
}

async function owners(node: ClusterNode): Promise<AnnouncedNode[]> {
  const reply = await unlessRefused(ask(node, 'CLUSTER', 'SLOTS'))
  return reply === undefined ? [] : readSlots(reply)
}

/** SLOTS names those who own slots and their replicas that work, and nobody else. */
function byOwners(shape: AnnouncedNode[], named: readonly AnnouncedNode[]): AnnouncedNode[] {
  const found = new Map(named.filter(({ id }) => id !== '').map((node) => [node.id, node]))
  if (found.size === 0) return shape
  const known = shape.map((announced) => {
    const { role, masterId, slots } = found.get(announced.id) ?? { ...announced, slots: [] }
    found.delete(announced.id)
    return { ...announced, role, masterId, slots }
  })
  // What has come since SHARDS was answered.
  return [...known, ...found.values()]
}

async function unlessRefused(reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof ProxyError && error.code === 'NODE_REPLY') return undefined
    throw error
  }
}
