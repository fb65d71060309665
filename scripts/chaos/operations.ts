import { setTimeout as delay } from 'node:timers/promises'
import type { RealNode } from '../../test/support/real-cluster.ts'
import type { ProxyChild } from './proxy-child.ts'
import { PASSWORD, type Stage } from './stage.ts'
import type { Tally } from './tally.ts'

/** What an operation works on. */
export interface Scene {
  readonly stage: Stage
  readonly proxy: ProxyChild
  /** To be told before a master is taken away without having been asked. */
  readonly tally: Tally
  /** Slots that a reshard moves. */
  readonly slots: number
}

/** Something that is done to a cluster under load. */
export interface Operation {
  readonly name: string
  /** Kinds of errors that clients may see; in parentheses in the table's last column if they are others. */
  readonly allowed: readonly string[]
  /** Whether a master is lost, so that nothing can be written to its slots until the cluster has replaced it. */
  readonly losesMaster: boolean
  perform(scene: Scene): Promise<void>
}

const SECOND = 1000
/** Long enough for the nodes to agree on a lost master and to elect another. */
const LONG_STOP = 5 * SECOND
/** Keys are moved in small steps, so that clients meet slots of which only a part has moved. */
const SLOWLY = ['--cluster-pipeline', '2']
/** Few kills meet a command that was executed and not answered: it takes many to tell. */
const KILLS = 20

/** Everything that loses no node: no client may see any error. */
function harmless(name: string, perform: Operation['perform'], allowed: string[] = []): Operation {
  return { name, allowed, losesMaster: false, perform }
}

/** A master is lost: what it was working on is uncertain, and CLUSTERDOWN is right after the time budget. */
function loss(name: string, perform: Operation['perform']): Operation {
  return { name, allowed: ['UNCERTAIN', 'CLUSTERDOWN'], losesMaster: true, perform }
}

/** All operations, in the order in which they are performed. */
export const operations: readonly Operation[] = [
  harmless('calm', () => delay(3 * SECOND)),
  harmless('reshard', reshard),
  harmless('rebalance', rebalance),
  harmless('add-node', addNodes),
  harmless('del-node', deleteNodes),
  harmless('failover', failover),
  harmless('takeover', takeover),
  loss('kill -9', kill),
  harmless('stop 1 s', ({ stage }) => stop(stage, SECOND)),
  loss('stop 5 s', stopLong),
  harmless('restart', (scene) => restartAll(scene, (node) => node.restart())),
  harmless('password', changePassword),
  // What was being executed when its connection was killed is uncertain: nobody can know more.
  harmless('client kill', killClients, ['UNCERTAIN']),
  harmless('new ports', (scene) => restartAll(scene, move)),
]

async function reshard({ stage, slots }: Scene): Promise<void> {
  const [one, other] = (await stage.masters()) as [RealNode, RealNode]
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const plan = ['--cluster-from', from.id, '--cluster-to', to.id, '--cluster-slots', `${slots}`]
    await stage.manage('reshard', ...plan, '--cluster-yes', ...SLOWLY)
    await stage.settled()
  }
}

async function rebalance({ stage, slots }: Scene): Promise<void> {
  const [heavy, ...others] = (await stage.masters()) as [RealNode, ...RealNode[]]
  // By its weight one node gets about that many slots from the others, which are then given back.
  const fair = 16_384 / (others.length + 1)
  const weight = ((fair + slots) * others.length) / (16_384 - fair - slots)
  await stage.manage('rebalance', '--cluster-weight', `${heavy.id}=${weight.toFixed(2)}`)
  await stage.settled()
  await stage.manage('rebalance', '--cluster-threshold', '1', ...SLOWLY)
  await stage.settled()
}

async function addNodes({ stage }: Scene): Promise<void> {
  const master = await stage.add()
  await stage.manage('rebalance', '--cluster-use-empty-masters')
  await stage.settled()
  await stage.add(master)
}

/** The shard that was added last leaves: its slots first, then its replica, then its master. */
async function deleteNodes(scene: Scene): Promise<void> {
  const { stage } = scene
  if ((await stage.masters()).length <= 3) await addNodes(scene)
  const masters = await stage.masters()
  const last = [...stage.nodes].reverse()
  const leaving = last.find((node) => masters.includes(node)) as RealNode
  const replicas = await stage.replicasOf(leaving)
  await stage.manage('rebalance', '--cluster-weight', `${leaving.id}=0`)
  await stage.settled()
  for (const node of [...replicas, leaving]) await stage.remove(node)
}

async function firstReplica(stage: Stage, master: RealNode): Promise<RealNode> {
  const [replica] = await stage.replicasOf(master)
  if (replica === undefined) throw new Error(`${master.address} has no replica`)
  return replica
}

async function failover({ stage }: Scene): Promise<void> {
  for (const master of await stage.masters()) {
    await stage.failover(await firstReplica(stage, master))
  }
}

async function takeover({ stage, tally }: Scene): Promise<void> {
  const [master] = (await stage.masters()) as [RealNode]
  const replica = await firstReplica(stage, master)
  // The master is not asked: what it has acknowledged and not handed on is lost.
  tally.disrupted()
  await stage.failover(replica, 'TAKEOVER')
}

async function kill({ stage, tally }: Scene): Promise<void> {
  const [master] = (await stage.masters()) as [RealNode]
  const replica = await firstReplica(stage, master)
  tally.disrupted()
  await master.kill()
  await stage.until('the replica takes over', () => stage.isMasterFor(replica))
  await delay(SECOND)
  await master.restart()
  await stage.settled()
}

async function stop(stage: Stage, duration: number): Promise<void> {
  const [master] = (await stage.masters()) as [RealNode]
  master.suspend()
  await delay(duration)
  master.resume()
  await stage.settled()
}

async function stopLong({ stage, tally }: Scene): Promise<void> {
  tally.disrupted()
  await stop(stage, LONG_STOP)
}

/** As an operator does it: a node is restarted while it is a replica. */
async function restartAll(
  { stage }: Scene,
  restart: (node: RealNode) => Promise<void>
): Promise<void> {
  for (const node of stage.nodes) {
    if (await stage.isMaster(node)) await stage.failover(await firstReplica(stage, node))
    await restart(node)
    await stage.settled()
  }
}

async function move(node: RealNode): Promise<void> {
  await node.kill()
  await node.start()
}

/** New connections need the new password: failovers see to it that there are some. Then back to the old one. */
async function changePassword(scene: Scene): Promise<void> {
  const { stage, proxy } = scene
  for (const password of ['second', PASSWORD]) {
    await stage.manage('call', 'CONFIG', 'SET', 'masterauth', password)
    await stage.manage('call', 'CONFIG', 'SET', 'requirepass', password)
    stage.password = password
    await proxy.setPassword(password)
    await failover(scene)
  }
}

async function killClients({ stage }: Scene): Promise<void> {
  for (let round = 0; round < KILLS; round++) {
    for (const node of stage.nodes) await node.call('CLIENT', 'KILL', 'TYPE', 'normal')
    await delay(SECOND / 4)
  }
}
