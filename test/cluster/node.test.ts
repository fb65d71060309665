import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LANES } from '../../lib/cluster/lanes.ts'
import { ClusterNode, SILENT } from '../../lib/cluster/node.ts'
import type { ProxyError } from '../../lib/errors.ts'
import { endOfTurn, Probe, ScriptedNetwork } from './scripted-socket.ts'

interface Scripted {
  readonly node: ClusterNode
  readonly network: ScriptedNetwork
  /** Lanes for which a connection was set up, in order. */
  readonly dialled: number[]
  readonly told: string[]
}

function make(): Scripted {
  const network = new ScriptedNetwork()
  const dialled: number[] = []
  const told: string[] = []
  const node = new ClusterNode(
    { host: 'node', port: 1 },
    {
      setup: (_address, lane) => {
        dialled.push(lane)
        return network.setup()
      },
      reconnectMinDelay: 50,
      reconnectMaxDelay: 300,
      outputPause: 1000,
      onUp: () => told.push('up'),
      onDown: (_node: ClusterNode, error: ProxyError, never: boolean) =>
        told.push(`down ${never}: ${error.message}`),
      onLost: () => told.push('lost'),
      onStuck: () => told.push('stuck'),
    }
  )
  return { node, network, dialled, told }
}

/** Delays without jitter, on a clock that the test moves. */
function holdTime(t: TestContext): TestContext['mock']['timers'] {
  t.mock.method(Math, 'random', () => 1)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return t.mock.timers
}

function refuse({ network }: Scripted): void {
  network.last.emit('error', new TypeError('refused'))
}

test('a node is named by its address', () => {
  assert.equal(make().node.name, 'node:1')
})

test('a lane is made when first asked for, and is the same from then on', () => {
  const { node } = make()
  assert.deepEqual(node.lanes, [])
  const lane = node.lane(LANES.resp3)
  assert.equal(node.lane(LANES.resp3), lane)
  assert.deepEqual(node.lanes, [lane])
})

test('a node is unknown, then up with its first connection, and told once', async () => {
  const { node, network, told } = make()
  assert.equal(node.status, 'unknown')
  node.lane(LANES.resp2).send(new Probe('a'))
  node.lane(LANES.resp3).send(new Probe('b'))
  for (const socket of network.sockets) socket.open()
  await endOfTurn()
  assert.equal(node.status, 'up')
  assert.deepEqual(told, ['up'])
})

test('a node that refuses is down, tells whoever waits, and is tried again with growing delays', async (t) => {
  const timers = holdTime(t)
  const scripted = make()
  const { node, network, told } = scripted
  const probe = new Probe('a')
  node.lane(LANES.resp2).send(probe)
  refuse(scripted)
  assert.equal(node.status, 'down')
  assert.deepEqual([probe.lost?.error.code, probe.lost?.written], ['NODE_CONNECT', false])
  let dials = 1
  for (const delay of [50, 100, 200, 300, 300]) {
    timers.tick(delay - 1)
    assert.equal(network.sockets.length, dials)
    timers.tick(1)
    assert.equal(network.sockets.length, ++dials, `after ${delay} ms`)
    refuse(scripted)
  }
  assert.deepEqual(told, ['down true: node:1: refused'])
  timers.tick(300)
  network.last.open()
  await endOfTurn()
  assert.equal(node.status, 'up')
  assert.deepEqual(told.slice(1), ['up'])
  node.lane(LANES.resp2).send(new Probe('b'))
  await endOfTurn()
  network.last.push('+OK\r\n')
  await endOfTurn()
  network.last.emit('close')
  refuse(scripted)
  assert.deepEqual(told.slice(2), ['lost', 'down false: node:1: refused'])
  timers.tick(50)
  assert.equal(network.sockets.length, dials + 3, 'the delays begin anew')
})

test('while a node is down one lane alone tries again, and the others follow when it is through', async (t) => {
  const timers = holdTime(t)
  const scripted = make()
  const { node, network, dialled } = scripted
  node.lane(LANES.resp2).send(new Probe('a'))
  refuse(scripted)
  for (const lane of [LANES.control, LANES.resp3, LANES.resp2]) node.lane(lane).send(new Probe('b'))
  assert.deepEqual(dialled, [LANES.resp2])
  timers.tick(50)
  assert.deepEqual(dialled, [LANES.resp2, LANES.resp2])
  timers.tick(10_000)
  assert.equal(dialled.length, 2)
  network.last.open()
  await endOfTurn()
  assert.deepEqual(dialled, [LANES.resp2, LANES.resp2, LANES.resp3, LANES.control])
})

test('a lane that is refused while another works does not leave the node down for ever', async (t) => {
  const timers = holdTime(t)
  const scripted = make()
  const { node, network, told } = scripted
  node.lane(LANES.resp2).send(new Probe('a'))
  network.last.open()
  await endOfTurn()
  node.lane(LANES.resp3).send(new Probe('b'))
  refuse(scripted)
  assert.equal(node.status, 'down')
  timers.tick(50)
  assert.equal(network.sockets.length, 3)
  network.last.open()
  await endOfTurn()
  assert.equal(node.status, 'up')
  assert.deepEqual(told, ['up', 'down false: node:1: refused', 'up'])
})

test('a retired node makes no more connections, whatever comes', (t) => {
  const timers = holdTime(t)
  const scripted = make()
  const { node, network, told } = scripted
  node.lane(LANES.resp2).send(new Probe('a'))
  refuse(scripted)
  node.retire()
  node.retire()
  timers.tick(10_000)
  const late = new Probe('b')
  node.lane(LANES.resp2).send(late)
  assert.equal(late.lost?.error.code, 'NODE_LOST')
  assert.equal(network.sockets.length, 1)
  assert.deepEqual(told, ['down true: node:1: refused'])
  assert.equal(node.status, 'retired')
})

test('close ends all lanes at once', async () => {
  const { node, network } = make()
  const probes = [new Probe('a'), new Probe('b')]
  node.lane(LANES.resp2).send(probes[0]!)
  node.lane(LANES.resp3).send(probes[1]!)
  network.sockets[0]!.open()
  await endOfTurn()
  node.close()
  assert.deepEqual(
    probes.map(({ lost }) => [lost?.error.code, lost?.written]),
    [
      ['CLOSED', true],
      ['CLOSED', false],
    ]
  )
  assert.ok(network.sockets.every(({ destroyed }) => destroyed))
})

/** A node that is up and has been silent for {@link SILENT} with a reply owed. */
async function silent(): Promise<Scripted & { readonly probe: Probe }> {
  const scripted = make()
  const { node, network } = scripted
  network.commandTimeout = 2 * SILENT
  const probe = new Probe('a')
  node.lane(LANES.resp2).send(probe)
  network.last.open()
  await endOfTurn()
  network.clock.now += SILENT
  return { ...scripted, probe }
}

test('a silent node is dialled anew; if that fails its connections are dead', async () => {
  const { node, network, probe } = await silent()
  assert.equal(node.silence, SILENT)
  assert.ok(node.troubled)
  node.check()
  node.check()
  assert.equal(network.sockets.length, 2)
  network.last.emit('error', new TypeError('EHOSTUNREACH'))
  assert.equal(probe.lost?.error.message, 'node:1: EHOSTUNREACH')
})

test('a silent node that can be reached is only busy', async () => {
  const { node, network, probe } = await silent()
  node.check()
  network.last.open()
  await endOfTurn()
  assert.match(network.last.written(), /PING/)
  network.last.push('-LOADING Redis is loading the dataset in memory\r\n')
  await endOfTurn()
  assert.equal(probe.lost, undefined)
  assert.equal(node.status, 'up')
  assert.equal(network.sockets[0]!.destroyed, false)
})
