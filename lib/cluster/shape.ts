import { ProxyError } from '../errors.ts'
import type { ClusterNode } from './node.ts'
import { ask } from './question.ts'
import { type AnnouncedNode, readNodes, readShards, readSlots, standalone } from './topology.ts'

/** Asks a node for the shape of its cluster. `secure` takes TLS ports where they are told. */
export async function tellShape(node: ClusterNode, secure: boolean): Promise<AnnouncedNode[]> {
  const [shape, epochs] = await Promise.all([shards(node, secure), states(node)])
  for (const announced of shape) {
    const more = epochs.get(announced.id)
    if (more === undefined) continue
    announced.epoch = more.epoch
    if (more.failing) announced.healthy = false
  }
  return shape
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

async function states(node: ClusterNode): Promise<ReturnType<typeof readNodes>> {
  try {
    return readNodes(await ask(node, 'CLUSTER', 'NODES'))
  } catch (error) {
    if (error instanceof ProxyError && error.code === 'NODE_REPLY') return new Map()
    throw error
  }
}
