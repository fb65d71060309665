import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { type ClusterProxyOptions, createClusterProxy } from '../../lib/index.ts'
import type { FakeNode } from '../../lib/testing/index.ts'
import { listen } from '../support/proxied-cluster.ts'
import { connect } from '../support/raw-client.ts'
import { leaveForGood, type Stage, setStage } from './stage.ts'

const WRONGPASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'

function stageOf(options: Partial<ClusterProxyOptions> = {}): Promise<Stage> {
  const given = { credentials: { password: 'own' }, authFailureDelay: 0, ...options }
  const users = { alice: 'a-secret', bob: 'b-secret' }
  return setStage({ cluster: { masters: 2, password: 'own', users }, options: given })
}

/** A client that is the cluster's user alice. */
async function aliceOf(stage: Stage): ReturnType<Stage['client']> {
  const client = await stage.client()
  assert.equal(await client.ask('AUTH', 'alice', 'a-secret'), 'OK')
  return client
}

async function text(reply: Promise<Buffer>): Promise<string> {
  return (await reply).toString()
}

/** The user as whom each command of a name came to a node, judged by what its connection said before. */
function usersOf(node: FakeNode, name: string): string[] {
  const users = new Map<number, string>()
  const found: string[] = []
  for (const { connection, command } of node.received) {
    const words = command.map((word) => word.toLowerCase())
    const at = words[0] === 'hello' ? words.indexOf('auth') : 0
    if (words[0] === 'auth' || (words[0] === 'hello' && at > 0)) {
      const given = command.slice(at + 1)
      users.set(connection, given.length > 1 ? given[0]! : 'default')
    }
    if (words[0] === name) found.push(users.get(connection) ?? 'nobody')
  }
  return found
}

/** How many connections commands of a name came on. */
function connectionsOf(node: FakeNode, name: string): number {
  const sent = node.received.filter(({ command }) => command[0]!.toLowerCase() === name)
  return new Set(sent.map(({ connection }) => connection)).size
}

describe('E13.2 users of the cluster', () => {
  it('have connections of their own, shared by all clients of the user', async () => {
    await using stage = await stageOf()
    const [plain, first, second, other] = await Promise.all(
      Array.from({ length: 4 }, () => stage.client())
    )
    assert.equal(await plain!.ask('SET', 'k', '1'), 'OK')
    assert.equal(await text(first!.call('AUTH', 'alice', 'a-secret')), '+OK\r\n')
    assert.equal(await text(second!.call('AUTH', 'alice', 'a-secret')), '+OK\r\n')
    assert.equal(await text(other!.call('AUTH', 'bob', 'b-secret')), '+OK\r\n')
    assert.equal(await first!.ask('ACL', 'WHOAMI'), 'alice')
    for (const client of [first!, second!, other!]) assert.equal(await client.ask('GET', 'k'), '1')
    const node = stage.cluster.owner('k')
    assert.deepEqual(usersOf(node, 'get'), ['alice', 'alice', 'bob'])
    assert.equal(connectionsOf(node, 'get'), 2)
    assert.deepEqual(usersOf(node, 'set'), ['default'])
  })

  it("are the proxy's own when they are the same", async () => {
    await using stage = await stageOf()
    const client = await stage.client()
    assert.equal(await text(client.call('AUTH', 'own')), '+OK\r\n')
    assert.equal(await text(client.call('AUTH', 'default', 'own')), '+OK\r\n')
    assert.equal(await client.ask('SET', 'k', '1'), 'OK')
    assert.deepEqual(usersOf(stage.cluster.owner('k'), 'set'), ['default'])
    const other = await stage.client()
    assert.equal(await other.ask('GET', 'k'), '1')
    assert.equal(connectionsOf(stage.cluster.owner('k'), 'get'), 1)
  })

  it('are refused in the words of the nodes, all of which are asked', async () => {
    await using stage = await stageOf()
    const client = await stage.client()
    assert.equal(await text(client.call('AUTH', 'alice', 'b-secret')), WRONGPASS)
    assert.equal(await text(client.call('HELLO', '3', 'AUTH', 'nobody', 'x')), WRONGPASS)
    stage.cluster.node(1).setPassword('another', 'alice')
    assert.equal(await text(client.call('AUTH', 'alice', 'a-secret')), WRONGPASS)
    assert.equal(await client.ask('ACL', 'WHOAMI'), 'default')
  })
})

describe('E13.2 what a client that is a user of the cluster asks for', () => {
  it('is done with the rights of the user, past what is stuck too', async () => {
    await using stage = await stageOf()
    const client = await aliceOf(stage)
    const noperm = '-NOPERM no\r\n'
    for (const node of stage.cluster.nodes) {
      node.answer('SCRIPT', noperm)
      node.answer('FUNCTION KILL', noperm)
    }
    assert.equal(await text(client.call('SCRIPT', 'KILL')), noperm)
    assert.equal(await text(client.call('FUNCTION', 'KILL')), noperm)
    for (const node of stage.cluster.nodes) {
      assert.deepEqual(usersOf(node, 'script'), ['alice'])
      assert.deepEqual(usersOf(node, 'function').at(-1), 'alice')
    }
  })

  it('needs no rights to what the proxy wants to know for SCAN and RANDOMKEY', async () => {
    await using stage = await stageOf()
    const client = await aliceOf(stage)
    assert.equal(await client.ask('SET', 'k', '1'), 'OK')
    assert.equal(await client.ask('RANDOMKEY'), 'k')
    const found: unknown[] = []
    let cursor = '0'
    do {
      const [next, keys] = (await client.ask('SCAN', cursor)) as [string, unknown[]]
      cursor = next
      found.push(...keys)
    } while (cursor !== '0')
    assert.deepEqual(found, ['k'])
    for (const node of stage.cluster.nodes) {
      for (const name of ['cluster', 'dbsize']) {
        assert.deepEqual(new Set(usersOf(node, name)), new Set(['default']), name)
      }
      assert.deepEqual(new Set(usersOf(node, 'scan')), new Set(['alice']))
    }
    assert.deepEqual(usersOf(stage.cluster.owner('k'), 'randomkey'), ['alice'])
  })
})

describe('E13.2 connections of one identity', () => {
  it('carry transactions and blocking commands too', async () => {
    await using stage = await stageOf({ privatePoolSize: 2, privatePoolMinSize: 0 })
    const client = await stage.client()
    const other = await stage.client()
    await client.ask('HELLO', 3, 'AUTH', 'alice', 'a-secret')
    const replies = await client.pipeline([
      ['MULTI'],
      ['SET', 'k', '1'],
      ['EXEC'],
      ['BLPOP', '{k}list', '0.01'],
    ])
    assert.deepEqual(replies.map(String), ['+OK\r\n', '+QUEUED\r\n', '*1\r\n+OK\r\n', '_\r\n'])
    await other.pipeline([['MULTI'], ['SET', 'k', '2'], ['EXEC']])
    const node = stage.cluster.owner('k')
    assert.deepEqual(usersOf(node, 'exec'), ['alice', 'default'])
    assert.deepEqual(usersOf(node, 'blpop'), ['alice'])
  })

  it('are never used by another user in mid-pipeline, whatever is in flight', async () => {
    await using stage = await stageOf()
    const node = stage.cluster.owner('k')
    const client = await stage.client()
    const replies = await client.pipeline([
      ['APPEND', 'k', '1'],
      ['AUTH', 'alice', 'a-secret'],
      ['APPEND', 'k', '2'],
      ['AUTH', 'bob', 'wrong'],
      ['APPEND', 'k', '3'],
      ['HELLO', '3', 'AUTH', 'bob', 'b-secret'],
      ['APPEND', 'k', '4'],
      ['RESET'],
      ['AUTH', 'own'],
      ['APPEND', 'k', '5'],
    ])
    assert.equal(replies[3]!.toString(), WRONGPASS)
    assert.equal(await client.ask('GET', 'k'), '12345')
    assert.deepEqual(usersOf(node, 'append'), ['default', 'alice', 'alice', 'bob', 'default'])
  })

  it('lose the watch of a client that becomes another user', async () => {
    await using stage = await stageOf()
    const client = await stage.client()
    const replies = await client.pipeline([
      ['WATCH', 'k'],
      ['AUTH', 'alice', 'a-secret'],
      ['MULTI'],
      ['SET', 'k', '1'],
      ['EXEC'],
      ['MULTI'],
      ['SET', 'k', '2'],
      ['EXEC'],
    ])
    assert.deepEqual(replies.slice(4).map(String), [
      '*-1\r\n',
      '+OK\r\n',
      '+QUEUED\r\n',
      '*1\r\n+OK\r\n',
    ])
    assert.deepEqual(usersOf(stage.cluster.owner('k'), 'exec'), ['alice'])
  })

  it('are made anew when they break, and end for the user alone when the password is another', async () => {
    await using stage = await stageOf()
    const [alice, bob, plain] = await stage.clients(3)
    await alice!.ask('AUTH', 'alice', 'a-secret')
    await bob!.ask('AUTH', 'bob', 'b-secret')
    const node = stage.cluster.owner('k')
    for (const client of [alice!, bob!, plain!]) await client.ask('SET', 'k', '1')
    node.connections.kill()
    for (const client of [alice!, bob!, plain!]) assert.equal(await client.ask('GET', 'k'), '1')
    const downs: unknown[] = []
    stage.proxy.on('nodeDown', ({ cause }) => downs.push(cause))
    node.setPassword('changed', 'alice')
    node.connections.kill()
    const left = once(alice!.stream, 'close')
    assert.equal(await text(alice!.call('GET', 'k')), WRONGPASS)
    await left
    for (const client of [bob!, plain!]) assert.equal(await client.ask('GET', 'k'), '1')
    assert.doesNotMatch(downs.join(' '), /WRONGPASS/)
    assert.deepEqual(usersOf(node, 'set').sort(), ['alice', 'bob', 'default'])
  })

  it('close when their last client has left, after a while', async (t) => {
    await using stage = await stageOf()
    const client = await aliceOf(stage)
    await leaveForGood(stage, t, client, 'k')
    const other = await stage.client()
    assert.equal(await text(other.call('AUTH', 'alice', 'a-secret')), '+OK\r\n')
    assert.equal(await other.ask('GET', 'k'), '1')
  })
})

describe('E13.1 AUTH where the proxy keeps clients out itself', () => {
  it('is not tried on the cluster unless that is set, and never as default', async () => {
    const users = [{ name: 'me', password: 'm', rights: 'admin' }] as const
    await using closed = await stageOf({ users })
    const client = await closed.client()
    assert.equal(await text(client.call('AUTH', 'alice', 'a-secret')), WRONGPASS)
    assert.equal(await text(client.call('AUTH', 'default', 'own')), WRONGPASS)
    closed.proxy.reconfigure({ forwardAuth: true })
    assert.equal(await text(client.call('AUTH', 'default', 'own')), WRONGPASS)
    assert.equal(await text(client.call('AUTH', 'own')), WRONGPASS)
    assert.equal(await text(client.call('AUTH', 'me', 'a-secret')), WRONGPASS)
    assert.equal(await text(client.call('AUTH', 'alice', 'a-secret')), '+OK\r\n')
    assert.equal(await client.ask('SET', 'k', '1'), 'OK')
    assert.deepEqual(usersOf(closed.cluster.owner('k'), 'set'), ['alice'])
    // Users of the cluster stay when those of the proxy change.
    closed.proxy.reconfigure({ users: [...users, 'other on >x +@all'] })
    assert.equal(await client.ask('GET', 'k'), '1')
    assert.equal(await text(client.call('AUTH', 'me', 'm')), '+OK\r\n')
    assert.equal(await client.ask('ACL', 'WHOAMI'), 'me')
  })

  it('as the proxy itself is no way around its users', async () => {
    const users: ClusterProxyOptions['users'] = [{ name: 'me', password: 'm', rights: 'admin' }]
    const credentials = { username: 'alice', password: 'a-secret' }
    await using stage = await stageOf({ users, credentials, forwardAuth: true })
    const client = await aliceOf(stage)
    assert.match(await text(client.call('PROXY', 'INFO')), /^-NOPERM/)
    await using open = await stageOf({ credentials })
    const other = await aliceOf(open)
    assert.match(await text(other.call('PROXY', 'INFO')), /clients/)
  })

  it('waits for the cluster to be found', async () => {
    await using stage = await stageOf()
    const credentials = { password: 'own' }
    const proxy = createClusterProxy({ nodes: stage.cluster.addresses, credentials })
    const port = await listen(proxy)
    await using client = await connect(port)
    assert.equal(await text(client.call('AUTH', 'alice', 'a-secret')), '+OK\r\n')
    await proxy.shutdown({ timeout: 0 })
  })

  it('gets what the nodes say where they have no password', async () => {
    await using stage = await setStage({ cluster: { masters: 1 } })
    const client = await stage.client()
    assert.match(await text(client.call('AUTH', 'x')), /^-ERR AUTH <password> called without any/)
    assert.equal(await text(client.call('AUTH', 'default', 'x')), '+OK\r\n')
    assert.equal(await text(client.call('AUTH', 'alice', 'x')), WRONGPASS)
  })
})

describe('E13.7 NOPERM of a node', () => {
  it('passes unchanged, and is not tried again', async () => {
    await using stage = await stageOf()
    const client = await aliceOf(stage)
    const noperm = "-NOPERM User alice has no permissions to run the 'get' command\r\n"
    const node = stage.cluster.owner('k')
    node.answer('GET', noperm)
    assert.equal(await text(client.call('GET', 'k')), noperm)
    assert.equal(usersOf(node, 'get').length, 1)
  })
})

describe('E13.10 users of the cluster', () => {
  it('administer the proxy only if the cluster lets them administer it', async () => {
    await using stage = await stageOf()
    const client = await aliceOf(stage)
    const noperm = "-NOPERM this user has no permissions to run the 'proxy' command\r\n"
    // The nodes do not tell.
    assert.equal(await text(client.call('PROXY', 'INFO')), noperm)
    assert.equal(await text(client.call('MULTI')), '+OK\r\n')
    assert.match(await text(client.call('CLIENT', 'KILL', 'ID', '1')), /QUEUED/)
    assert.match(await text(client.call('EXEC')), /NOPERM[^']*'client\|kill'/)
    assert.match(await text(client.call('INFO', 'server')), /redis_version/)
    for (const node of stage.cluster.nodes) {
      node.answer('ACL', '*2\r\n$8\r\ncommands\r\n$5\r\n+@all\r\n', { times: 9 })
    }
    const bob = await stage.client()
    await bob.ask('AUTH', 'bob', 'b-secret')
    assert.match(await text(bob.call('PROXY', 'INFO')), /clients/)
  })
})
