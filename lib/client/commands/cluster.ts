/**
 * CLUSTER, for cluster-aware clients: a cluster of one master, which is the proxy and owns every slot.
 *
 * @module
 */

import { plainLane } from '../../cluster/lanes.ts'
import { keySlot, SLOT_COUNT } from '../../command/slot.ts'
import { ErrorReply, RawReply, type ReplyValue, Verbatim } from '../../resp/encode.ts'
import { integer } from './argument.ts'
import { CLUSTER_HELP } from './cluster-help.ts'
import { clusterInfo, clusterNodes, clusterShards, clusterSlots } from './cluster-view.ts'
import { container, help, type Subcommand } from './container.ts'
import type { LocalCall, LocalCommands, LocalHandler } from './local.ts'
import { CLUSTER_DISABLED, errorOf, forbidden, NOT_INTEGER } from './refusal.ts'
import { slotStats } from './slot-stats.ts'

const INVALID_SLOT = new ErrorReply('ERR Invalid slot')
const INVALID_SLOT_OR_COUNT = new ErrorReply('ERR Invalid slot or number of keys')

function isSlot(slot: bigint): boolean {
  return slot >= 0n && slot < BigInt(SLOT_COUNT)
}

/** Asks the owner of the slot; its reply is forwarded as it is. */
async function ask({ args, services, client }: LocalCall, slot: bigint): Promise<ReplyValue> {
  return new RawReply(await services.callSlot(Number(slot), args, plainLane(client.lane)))
}

function countKeysInSlot(call: LocalCall): ReplyValue | Promise<ReplyValue> {
  const slot = integer(call.args[2]!)
  if (slot === undefined) return NOT_INTEGER
  return isSlot(slot) ? ask(call, slot) : INVALID_SLOT
}

function getKeysInSlot(call: LocalCall): ReplyValue | Promise<ReplyValue> {
  const slot = integer(call.args[2]!)
  const count = integer(call.args[3]!)
  if (slot === undefined || count === undefined) return NOT_INTEGER
  return isSlot(slot) && count >= 0n ? ask(call, slot) : INVALID_SLOT_OR_COUNT
}

/** A subcommand about one node, which can only be the proxy. */
function aboutNode(reply: ReplyValue): LocalHandler {
  return ({ args, services }) =>
    args[2]!.toString('latin1') === services.id ? reply : errorOf('ERR Unknown node ', args[2]!)
}

/** What would change the cluster, by arity. */
const REFUSED: Readonly<Record<string, number>> = {
  addslots: -3,
  addslotsrange: -4,
  bumpepoch: 2,
  delslots: -3,
  delslotsrange: -4,
  failover: -2,
  flushslots: 2,
  forget: 3,
  meet: -4,
  replicate: 3,
  reset: -2,
  saveconfig: 2,
  'set-config-epoch': 3,
  setslot: -4,
}

const ANSWERED: Readonly<Record<string, Subcommand>> = {
  help: help('cluster', CLUSTER_HELP),
  slots: { arity: 2, run: clusterSlots },
  shards: { arity: 2, run: clusterShards },
  nodes: { arity: 2, run: (call) => new Verbatim(clusterNodes(call)) },
  info: { arity: 2, run: ({ services }) => new Verbatim(clusterInfo(services)) },
  myid: { arity: 2, run: ({ services }) => services.id },
  myshardid: { arity: 2, run: ({ services }) => services.id },
  links: { arity: 2, run: () => [] },
  keyslot: { arity: 3, run: ({ args }) => keySlot(args[2]!, 0, args[2]!.length) },
  countkeysinslot: { arity: 3, run: countKeysInSlot },
  getkeysinslot: { arity: 4, run: getKeysInSlot },
  replicas: { arity: 3, run: aboutNode([]) },
  slaves: { arity: 3, run: aboutNode([]) },
  'slot-stats': { arity: -4, run: slotStats },
  'count-failure-reports': { arity: 3, run: aboutNode(0) },
}

function refuse([name, arity]: [string, number]): [string, Subcommand] {
  const error = forbidden(`cluster|${name}`)
  return [name, { arity, run: () => error }]
}

/** Without emulation every subcommand says what a server says that runs in no cluster. */
function emulated([name, { arity, run }]: [string, Subcommand]): [string, Subcommand] {
  return [
    name,
    { arity, run: (call) => (call.services.clusterEmulation ? run(call) : CLUSTER_DISABLED) },
  ]
}

const SUBCOMMANDS = [...Object.entries(ANSWERED), ...Object.entries(REFUSED).map(refuse)]

/** Handler of CLUSTER. */
export const clusterCommands: LocalCommands = {
  cluster: container('cluster', Object.fromEntries(SUBCOMMANDS.map(emulated))),
}
