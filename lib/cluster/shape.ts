import { ProxyError } from '../errors.ts'
import type { ClusterNode } from './node.ts'
import { ask } from './question.ts'
import { type AnnouncedNode, readNodes, readShards, readSlots, standalone } from './topology.ts'

/**
 * Asks a node for the shape of its cluster. `secure` takes TLS ports where they are told. Addresses and health are those of SHARDS; who is whose, and owns which
 * slots, is what NODES says, where the node may be asked for it.
 */
export async function tellShape(node: ClusterNode, secure: boolean): Promise<AnnouncedNode[]> {
  const [shape, states] = await Promise.all([shards(node, secure), statesOn(node)])
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

async function statesOn(node: ClusterNode): Promise<ReturnType<typeof readNodes>> {
  try {
    return readNodes(await ask(node, 'CLUSTER', 'NODES'))
  } catch (error) {
    if (error instanceof ProxyError && error.code === 'NODE_REPLY') return new Map()
    throw error
  }
}
