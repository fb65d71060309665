import type { Client } from './client.ts'
import type { NodeState } from './node-state.ts'
import { slotOfBytes } from './slot.ts'

/** What decides where a request belongs. */
export interface Claim {
  /** Keys as one character per byte. */
  readonly keys: readonly string[]
  readonly isWrite: boolean
  /** SSUBSCRIBE and its kin, whose channels hash like keys. */
  readonly isShardPubSub: boolean
}

const CROSSSLOT = "CROSSSLOT Keys in request don't hash to the same slot"
const TRYAGAIN = 'TRYAGAIN Multiple keys request during rehashing of slot'
const DOWN = 'CLUSTERDOWN The cluster is down'
const UNSERVED = 'CLUSTERDOWN Hash slot not served'

/** The text of a redirect to a node. */
export function redirectTo(kind: 'MOVED' | 'ASK', slot: number, node: NodeState): string {
  return `${kind} ${slot} ${node.advertised.host ?? ''}:${node.advertised.port}`
}

/**
 * Whether a node serves a request: undefined, or the error that it answers with. Follows `getNodeByQuery` of the
 * server's cluster.c, step for step.
 */
export function refusalOf(node: NodeState, client: Client, claim: Claim): string | undefined {
  const first = claim.keys[0]
  if (first === undefined) return undefined
  const slot = slotOfBytes(first)
  const owner = node.ownerOf(slot)
  if (owner === undefined) return UNSERVED
  if (claim.keys.some((key) => slotOfBytes(key) !== slot)) return CROSSSLOT
  if (!node.healthy) return DOWN
  const migrating = owner === node ? node.migrating.get(slot) : undefined
  const importing = owner !== node && node.importing.has(slot)
  const moving = (migrating !== undefined || importing) && !claim.isShardPubSub
  const missing = moving ? claim.keys.filter((key) => !node.data.has(key)).length : 0
  if (migrating !== undefined && missing > 0) {
    return missing < claim.keys.length ? TRYAGAIN : redirectTo('ASK', slot, migrating)
  }
  if (importing && client.asking) {
    return missing > 0 && claim.keys.some((key) => key !== first) ? TRYAGAIN : undefined
  }
  const reads = (client.readonly || claim.isShardPubSub) && !claim.isWrite
  if (reads && node.master === owner) return undefined
  return owner === node ? undefined : redirectTo('MOVED', slot, owner)
}
