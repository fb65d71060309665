import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { describe, it } from 'node:test'
import type { RawClient } from '../support/raw-client.ts'
import { type Scene, type Stage, setStage } from './stage.ts'

const TOLD_ALL = '>2\r\n$10\r\ninvalidate\r\n_\r\n'
const DENIED = "-NOPERM User bob has no permissions to run the 'client|tracking' command\r\n"

function toldOf(key: string): string {
  return `>2\r\n$10\r\ninvalidate\r\n*1\r\n$${key.length}\r\n${key}\r\n`
}

function stageOf(options: Scene['options'] = {}): Promise<Stage> {
  const users = { bob: 'b-secret', carol: 'c-secret' }
  const given = { credentials: { password: 'own' }, commandTimeout: 60_000, ...options }
  return setStage({ cluster: { masters: 2, password: 'own', users }, options: given })
}

async function as(stage: Stage, user: string): Promise<RawClient> {
  const client = await stage.client()
  await client.ask('HELLO', 3, 'AUTH', user, `${user[0]}-secret`)
  return client
}

async function text(reply: Promise<Buffer>): Promise<string> {
  return (await reply).toString()
}

describe('E16.2 E13.2 CLIENT TRACKING of users of the cluster', () => {
  it('E16.1 a client is told of what it reads as the user, and of nothing that others do not track', async () => {
    await using stage = await stageOf()
    const [bob, carol] = [await as(stage, 'bob'), await as(stage, 'carol')]
    const key = stage.keyOf(0)
    assert.equal(await bob.ask('CLIENT', 'TRACKING', 'ON'), 'OK')
    await bob.call('GET', key)
    await carol.call('GET', key)
    await carol.call('SET', key, '1')
    assert.equal(String(await bob.readReply()), toldOf(key))
    assert.equal(await text(carol.call('PING')), '+PONG\r\n')
  })

  it('E16.2 a client that became another user is told of all before nobody watches for the former one', async (t) => {
    await using stage = await stageOf()
    const client = await as(stage, 'bob')
    const key = stage.keyOf(0)
    await client.call('CLIENT', 'TRACKING', 'ON')
    await client.call('GET', key)
    assert.equal(await client.ask('AUTH', 'carol', 'c-secret'), 'OK')
    const now = performance.now.bind(performance)
    t.mock.method(performance, 'now', () => now() + 11_000)
    assert.equal(String(await client.readReply()), TOLD_ALL)
    t.mock.restoreAll()
    await client.call('GET', key)
    const writer = await as(stage, 'bob')
    await writer.call('SET', key, '1')
    assert.equal(String(await client.readReply()), toldOf(key))
  })

  it('E16.2 a client with BCAST that becomes another user forgets all once the nodes watch its prefixes for that one', async () => {
    await using stage = await stageOf()
    const [other, client] = [await as(stage, 'carol'), await as(stage, 'bob')]
    await other.call('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'a:')
    await client.call('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'b:')
    await client.call('GET', 'b:1')
    client.send(['AUTH', 'carol', 'c-secret'])
    const got = [String(await client.readReply()), String(await client.readReply())]
    assert.deepEqual(got.sort(), ['+OK\r\n', TOLD_ALL])
    await other.call('SET', 'b:1', '1')
    assert.equal(String(await client.readReply()), toldOf('b:1'))
    assert.equal(await text(other.call('PING')), '+PONG\r\n')
  })
})

describe('E16.2 CLIENT TRACKING that a node refuses', () => {
  it('is refused, and is not in force', async () => {
    await using stage = await stageOf()
    const bob = await as(stage, 'bob')
    for (const node of stage.cluster.nodes) {
      node.answer('CLIENT TRACKING', DENIED, { times: Infinity })
    }
    assert.equal(await text(bob.call('CLIENT', 'TRACKING', 'ON', 'BCAST')), DENIED)
    assert.equal(await bob.ask('CLIENT', 'GETREDIR'), -1)
    assert.equal(await text(bob.call('CLIENT', 'TRACKING', 'ON', 'BCAST')), DENIED)
  })

  it('is so without asking the nodes where they tell what the user may', async () => {
    await using stage = await stageOf()
    const rights = '*2\r\n$8\r\ncommands\r\n$22\r\n+@all -client|tracking\r\n'
    for (const node of stage.cluster.nodes) node.answer('ACL', rights)
    const bob = await as(stage, 'bob')
    const reply = await text(bob.call('CLIENT', 'TRACKING', 'ON', 'BCAST'))
    assert.equal(
      reply,
      "-NOPERM this user has no permissions to run the 'client|tracking' command\r\n"
    )
  })

  it('ends the connection of a client whose prefixes nobody watches any more', async () => {
    await using stage = await stageOf()
    const bob = await as(stage, 'bob')
    assert.equal(await bob.ask('CLIENT', 'TRACKING', 'ON', 'BCAST'), 'OK')
    for (const node of stage.cluster.nodes) {
      node.answer('CLIENT TRACKING', DENIED, { times: Infinity })
    }
    stage.cluster.nodes[0]!.connections.kill()
    await bob.closed
  })

  it('is asked for again while a script keeps the node busy', async () => {
    await using stage = await stageOf()
    const node = stage.cluster.nodes[0]!
    const [client, writer] = [await as(stage, 'bob'), await as(stage, 'carol')]
    const key = stage.keyOf(0)
    node.answer('CLIENT TRACKING', '-BUSY Redis is busy running a script.\r\n')
    assert.equal(await client.ask('CLIENT', 'TRACKING', 'ON'), 'OK')
    // Nobody watches: it is to be forgotten at once.
    client.send(['GET', key])
    assert.deepEqual(
      [String(await client.readReply()), String(await client.readReply())],
      ['_\r\n', toldOf(key)]
    )
    assert.equal(String(await client.readReply()), TOLD_ALL)
    await client.call('GET', key)
    await writer.call('SET', key, '1')
    assert.equal(String(await client.readReply()), toldOf(key))
  })
})

describe('E13.2 E7.8 a user whose last client has left', () => {
  it('is none of the matters of the others on that node when its connection is lost with a reply owed', async (t) => {
    await using stage = await stageOf()
    const [bob, blocked] = [await as(stage, 'bob'), await stage.client()]
    const [zero, one] = stage.cluster.nodes
    await blocked.call('AUTH', 'own')
    const list = stage.keyOf(0)
    const popped = blocked.call('BLPOP', list, '0')
    await zero!.waitFor('BLPOP')
    await bob.call('SET', stage.keyOf(0), '1')
    await bob.call('DEL', stage.keyOf(0))
    await bob.call('GET', stage.keyOf(1))
    zero!.answer('EVAL', '')
    bob.send(['EVAL', 'return 1', '1', stage.keyOf(0)])
    const { connection } = await zero!.waitFor('EVAL')
    const idle = one!.received.findLast(({ command }) => command[0] === 'GET')!.connection
    const ended = new Promise<void>((resolve) => {
      one!.on('disconnect', (number) => number === idle && resolve())
    })
    const gone = once(stage.proxy, 'clientDisconnect')
    // Who only ends its side is still answered.
    if (bob.stream instanceof Socket) bob.stream.resetAndDestroy()
    await gone
    const now = performance.now.bind(performance)
    t.mock.method(performance, 'now', () => now() + 11_000)
    await ended
    t.mock.restoreAll()
    const downs = stage.record('nodeDown')
    const redialled = once(zero!, 'connect').then(() => once(zero!, 'disconnect'))
    zero!.execute('CLIENT', 'KILL', 'ID', connection)
    await redialled
    assert.deepEqual(downs, [])
    const writer = await stage.client()
    await writer.call('AUTH', 'own')
    await writer.call('RPUSH', list, 'x')
    assert.match(await text(popped), /x/)
  })
})
