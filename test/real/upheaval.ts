import { keySlot } from '../../lib/command/slot.ts'
import type { RealCluster, RealNode } from '../support/real-cluster.ts'

function slotOf(key: string): number {
  const bytes = Buffer.from(key)
  return keySlot(bytes, 0, bytes.length)
}

/** The replica of a master. */
async function replicaOf(cluster: RealCluster, master: RealNode): Promise<RealNode> {
  for (const node of cluster.replicas) {
    const own = (await node.view()).find(([id]) => id === node.id)
    if (own?.[3] === master.id) return node
  }
  throw new Error(`${master.address} has no replica`)
}

/** Waits until all nodes name the same owner of a slot. */
async function agreed(cluster: RealCluster, slot: number, owner: RealNode): Promise<void> {
  for (const node of cluster.nodes) {
    for (;;) {
      const ranges = (await node.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
      const range = ranges.find(([first, last]) => first <= slot && slot <= last)
      if (range?.[2][1] === owner.port) break
    }
  }
}

/** A replica that has lost its master's stream cannot take over. */
async function linked(replica: RealNode): Promise<void> {
  for (;;) {
    const info = String(await replica.call('INFO', 'replication'))
    if (info.includes('master_link_status:up')) return
  }
}

/** The masters of each cluster that took over: nodes do not vote for another one of the same shard for a while. */
const promoted = new WeakMap<RealCluster, Set<RealNode>>()

/** Moves the slots of keys to other masters, then has the master of the first one fail over. */
async function upset(cluster: RealCluster, keys: readonly string[]): Promise<void> {
  const recent = promoted.get(cluster) ?? new Set()
  promoted.set(cluster, recent)
  for (const key of keys) {
    const slot = slotOf(key)
    const owner = await cluster.ownerOf(slot)
    const others = cluster.masters.filter((node) => node !== owner)
    const other = others.find((node) => !recent.has(node)) ?? others[0]!
    await cluster.migrateSlot(slot, owner, other)
    await agreed(cluster, slot, other)
  }
  const replica = await replicaOf(cluster, await cluster.ownerOf(slotOf(keys[0]!)))
  await linked(replica)
  await cluster.failover(replica)
  recent.add(replica)
}

/**
 * Runs `work` while the slots of `keys` are resharded and a master fails over; `work` goes on for as long as `goes` says so, which is until all that is
 * over.
 */
export async function throughUpheaval(
  cluster: RealCluster,
  keys: readonly string[],
  work: (goes: () => boolean) => Promise<void>
): Promise<void> {
  let going = true
  const upsetting = upset(cluster, keys).finally(() => {
    going = false
  })
  await Promise.all([work(() => going), upsetting])
}
