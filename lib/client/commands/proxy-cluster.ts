/**
 * `PROXY CLUSTER` and `PROXY TOPOLOGY`: what the proxy knows of the cluster.
 *
 * @module
 */

import type { TopologyNode } from '../../events.ts'
import { ErrorReply, type ReplyValue, SimpleString } from '../../resp/encode.ts'
import type { AdminServices, TopologyRecord } from './admin.ts'
import { type Everywhere, everywhere } from './everywhere.ts'
import type { LocalCall, LocalHandler } from './local.ts'
import { CLUSTER_HELP, TOPOLOGY_HELP } from './proxy-help.ts'
import { choose, helpLines, type ProxySubcommand } from './proxy-refusal.ts'

const UPDATE_FAILED = new ErrorReply('ERR Update failed')

type Feature = (call: LocalCall) => readonly [ReplyValue, ReplyValue]

const word = (text: string): SimpleString => new SimpleString(text)

const status: Feature = ({ services }) => [word('status'), word(services.admin.status)]
const connection: Feature = ({ session }) => [
  word('connection'),
  word(session.multiplexing ? 'shared' : 'private'),
]
const nodes: Feature = ({ services: { admin } }) => [
  word('nodes'),
  admin.topology.nodes.filter(({ role }) => role === 'master').map((node) => shown(node, admin)),
]

function shown(node: TopologyNode, admin: AdminServices): ReplyValue {
  const colon = node.address.lastIndexOf(':')
  const slots = node.slots.reduce((sum, [first, last]) => sum + last - first + 1, 0)
  const replicas = admin.topology.nodes.filter(({ masterId }) => masterId === node.id).length
  return new Map<ReplyValue, ReplyValue>([
    [word('name'), word(node.id)],
    [word('ip'), word(colon < 0 ? node.address : node.address.slice(0, colon))],
    [word('port'), colon < 0 ? 0 : Number(node.address.slice(colon + 1))],
    [word('slots'), slots],
    [word('replicas'), replicas],
    [word('connected'), Number(admin.connected(node.address))],
  ])
}

function pairs(...features: readonly Feature[]): LocalHandler {
  return (call) => new Map(features.map((feature) => feature(call)))
}

/** Whether the new table is in force in each thread. */
export const updating: Everywhere<boolean> = {
  kind: 'proxy-cluster-update',
  share: (_args, { admin }) =>
    admin.refresh().then(
      () => true,
      () => false
    ),
  reply: (shares) => (shares.every(({ value }) => value) ? word('done') : UPDATE_FAILED),
}

const info = pairs(status, connection, nodes)

/** Handler of `PROXY CLUSTER`. */
export const proxyCluster: LocalHandler = choose(
  2,
  new Map<string, ProxySubcommand>([
    ['info', { least: 3, most: 3, run: info }],
    ['status', { least: 3, most: 3, run: pairs(status) }],
    ['connection', { least: 3, most: 3, run: pairs(connection) }],
    ['nodes', { least: 3, most: 3, run: pairs(nodes) }],
    ['update', { least: 3, most: 3, run: everywhere(updating) }],
    ['help', { least: 3, most: 3, run: () => helpLines(CLUSTER_HELP) }],
  ]),
  info
)

function record({ at, change }: TopologyRecord): ReplyValue {
  return new Map<ReplyValue, ReplyValue>([
    [word('version'), change.after.version],
    [word('time'), at],
    [word('reason'), word(change.reason)],
    [word('slots-moved'), change.slotsMoved],
    [word('added'), change.added],
    [word('removed'), change.removed],
    [word('promoted'), change.promoted],
  ])
}

/** Handler of `PROXY TOPOLOGY`. */
export const proxyTopology: LocalHandler = choose(
  2,
  new Map<string, ProxySubcommand>([
    ['history', { least: 3, most: 3, run: ({ services }) => services.admin.history.map(record) }],
    ['help', { least: 3, most: 3, run: () => helpLines(TOPOLOGY_HELP) }],
  ])
)
