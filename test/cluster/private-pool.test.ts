import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LANES } from '../../lib/cluster/lanes.ts'
import { ClusterNode } from '../../lib/cluster/node.ts'
import type { PrivateConnection } from '../../lib/cluster/private-connection.ts'
import { PrivatePool } from '../../lib/cluster/private-pool.ts'
import type { Borrower, PrivateSettings } from '../../lib/cluster/private-shelf.ts'
import type { ProxyError } from '../../lib/errors.ts'
import { endOfTurn, ScriptedNetwork } from './scripted-socket.ts'

const SETTINGS: PrivateSettings = {
  privatePoolSize: 5,
  privatePoolMinSize: 2,
  privatePoolSpawnEvery: 100,
  privatePoolSpawnRate: 2,
  maxPrivateConnections: 100,
  reconnectMaxDelay: 1000,
  privateWait: 1000,
}

/** A borrower that remembers what it got. */
class Client implements Borrower {
  connection: PrivateConnection | undefined

  onLent(connection: PrivateConnection): void {
    this.connection = connection
  }

  onRefused(): void {}

  lost: ProxyError | undefined

  onLost(error: ProxyError): void {
    this.lost = error
  }
}

interface Scene {
  readonly node: ClusterNode
  readonly network: ScriptedNetwork
  readonly pool: PrivatePool
  /** Lets time pass, has the pool look at its limits, and opens what it dialled; how many those are. */
  pass(milliseconds: number): Promise<number>
}

function setScene(settings: Partial<PrivateSettings> = {}): Scene {
  const network = new ScriptedNetwork()
  const nothing = (): void => {}
  const node = new ClusterNode(
    { host: 'node', port: 1 },
    {
      setup: network.setup,
      reconnectMinDelay: 50,
      reconnectMaxDelay: 300,
      outputPause: 1000,
      onUp: nothing,
      onDown: nothing,
      onLost: nothing,
      onStuck: nothing,
    }
  )
  const given = { ...SETTINGS, ...settings }
  const pool = new PrivatePool(given, network.clock, network.setup, nothing)
  let opened = 0
  const pass = async (milliseconds: number): Promise<number> => {
    network.clock.now += milliseconds
    pool.check()
    const dialled = network.sockets.slice(opened)
    opened = network.sockets.length
    for (const socket of dialled) socket.open()
    await endOfTurn()
    // The first question is CLIENT ID.
    for (const socket of dialled) socket.push(':1\r\n')
    await endOfTurn()
    return dialled.length
  }
  return { node, network, pool, pass }
}

describe('the private pool', () => {
  it('dials nothing before the first loan, and then as many as it is to have', async () => {
    const { node, pool, pass } = setScene()
    assert.equal(await pass(1000), 0)
    const client = new Client()
    pool.lend(node, LANES.resp2, client)
    // The one that was asked for is one of them.
    assert.equal(await pass(0), 5)
    assert.ok(client.connection)
    assert.equal(await pass(100), 0)
    assert.equal(pool.count(node), 5)
  })

  it('A.1.4.1 is full before the first loan where it was prepared, and lends at once', async () => {
    const { node, network, pool, pass } = setScene()
    pool.prepare(node, LANES.resp2)
    assert.equal(await pass(0), 5)
    assert.equal(await pass(1000), 0)
    const client = new Client()
    pool.lend(node, LANES.resp2, client)
    assert.ok(client.connection)
    assert.equal(network.sockets.length, 5)
  })

  it('puts off what nobody waits for, longer each time, while connections cannot be made', async () => {
    const { node, network, pool, pass } = setScene({ privatePoolSize: 2, privatePoolSpawnRate: 1 })
    pool.prepare(node, LANES.resp2)
    network.greeting = () => {
      throw new Error('no password yet')
    }
    assert.equal(await pass(0), 2)
    // Two have failed: 100 ms, twice doubled.
    assert.equal(await pass(399), 0)
    assert.equal(await pass(1), 1)
    assert.equal(await pass(799), 0)
    assert.equal(await pass(1), 1)
    for (let time = 0; time < 3; time++) {
      assert.equal(await pass(999), 0)
      assert.equal(await pass(1), 1)
    }
    network.greeting = () => []
    assert.equal(await pass(1000), 1)
    assert.equal(await pass(100), 1)
    assert.equal(pool.count(node), 2)
  })

  it('is filled again when it has less than its least size, and not before', async () => {
    const { node, network, pool, pass } = setScene()
    pool.lend(node, LANES.resp2, new Client())
    for (let i = 0; i < 3; i++) await pass(100)
    assert.equal(pool.count(node), 5)
    for (const socket of network.sockets.slice(0, 3)) socket.destroy()
    await endOfTurn()
    assert.equal(pool.count(node), 2)
    assert.equal(await pass(100), 0)
    network.sockets[3]!.destroy()
    await endOfTurn()
    assert.equal(await pass(100), 2)
    assert.equal(await pass(100), 2)
    assert.equal(await pass(100), 0)
    assert.equal(pool.count(node), 5)
  })

  it('never has more than maxPrivateConnections, refilling or for the other version', async () => {
    const { node, pool, pass } = setScene({ maxPrivateConnections: 3 })
    const first = new Client()
    pool.lend(node, LANES.resp2, first)
    for (let i = 0; i < 4; i++) await pass(100)
    assert.equal(pool.count(node), 3)
    const others = Array.from({ length: 4 }, () => new Client())
    for (const other of others) {
      pool.lend(node, LANES.resp3, other)
      assert.ok(pool.count(node) <= 3, `${pool.count(node)} connections`)
    }
    await pass(10)
    assert.ok(pool.count(node) <= 3, `${pool.count(node)} connections`)
    assert.equal(others.filter(({ connection }) => connection !== undefined).length, 2)
    assert.ok(first.connection)
  })

  it('E2.20 ends what waits in a node that left the cluster, and lets the others finish', async () => {
    const { node, pool, pass } = setScene()
    const [waiting, busy] = [new Client(), new Client()]
    for (const client of [waiting, busy]) pool.lend(node, LANES.resp2, client)
    await pass(0)
    waiting.connection!.patient = true
    node.retire()
    await pass(0)
    assert.equal(waiting.lost?.message, 'node:1 left the cluster')
    assert.deepEqual([busy.lost, busy.connection!.state], [undefined, 'lent'])
    busy.connection!.giveBack()
    await pass(0)
    assert.equal(pool.count(node), 0)
  })
})
