import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { Dice } from '../support/dice.ts'
import type { RawClient } from '../support/raw-client.ts'
import { connect } from '../support/raw-client.ts'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'
import type { Argument } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'
import { type Proxied, startProxy } from './proxied.ts'

const PASSWORD = 'inner'
const CLIENTS = 100
const ROUNDS = 6
const PIPELINE = 24

/** Users of the cluster; each may touch the keys that begin with its name only, and the proxy's own may touch all. */
const USERS = ['alice', 'bob', 'carol'] as const
type User = (typeof USERS)[number]

const secretOf = (user: User): string => `${user}-secret`

/** What a reply must look like. */
interface Expected {
  readonly request: readonly Argument[]
  readonly reply: RegExp
}

/** Servers before 7.2 say it in more words. */
const NOPERM =
  /^-NOPERM (?:this user has no permissions to access one of the keys|No permissions to access a key)/
const OK = /^\+OK\r\n$/

/** Commands in mid-pipeline switches of one client, who is `user` at the start; gives who it is at the end. */
function pipelineOf(dice: Dice, user: User): { steps: Expected[]; user: User } {
  const steps: Expected[] = []
  let now = user
  for (let i = 0; i < PIPELINE; i++) {
    const other = dice.pick(USERS)
    const key = `${other}:${dice.below(50)}`
    const own = other === now
    const kind = dice.below(8)
    if (kind === 0) {
      steps.push({ request: ['AUTH', other, 'wrong'], reply: /^-WRONGPASS/ })
    } else if (kind <= 2) {
      now = other
      steps.push({ request: ['AUTH', now, secretOf(now)], reply: OK })
    } else if (kind === 3 && own) {
      steps.push({ request: ['MULTI'], reply: OK })
      steps.push({ request: ['SET', key, now], reply: /^\+QUEUED/ })
      steps.push({ request: ['EXEC'], reply: /^\*1\r\n\+OK/ })
    } else if (kind === 4) {
      const request = ['BLPOP', `${other}:list:${dice.below(9)}`, '0.001']
      steps.push({ request, reply: own ? /^(\*-1|_)\r\n$/ : NOPERM })
    } else if (kind === 5) {
      steps.push({ request: ['ACL', 'WHOAMI'], reply: new RegExp(`\r\n${now}\r\n$`) })
    } else {
      const request = dice.once(2) ? ['SET', key, other] : ['STRLEN', key]
      steps.push({ request, reply: own ? /^(\+OK|:\d+)\r\n$/ : NOPERM })
    }
  }
  return { steps, user: now }
}

describe('users of a real cluster', needsServer, () => {
  let cluster: RealCluster
  let running: Proxied

  before(async () => {
    cluster = await startCluster({ password: PASSWORD, replicas: 0 })
    for (const node of cluster.nodes) {
      for (const user of USERS) {
        const rules = ['on', `>${secretOf(user)}`, `~${user}:*`, '&*', '+@all', '-@admin']
        await node.call('ACL', 'SETUSER', user, ...rules)
      }
      await node.call('ACL', 'SETUSER', 'root', 'on', '>root-secret', '~*', '&*', '+@all')
      await node.call('ACL', 'SETUSER', 'proxy', 'on', '>proxy-secret', '~*', '&*', '+@all')
    }
    running = await startProxy({
      nodes: cluster.addresses[0]!,
      credentials: { username: 'proxy', password: 'proxy-secret' },
      authFailureDelay: 0,
      privatePoolSize: 1,
      privatePoolMinSize: 0,
    })
  })

  after(async () => {
    await running?.proxy.shutdown()
    await cluster?.stop()
  })

  it('never run a command as somebody else, though 100 clients change users in mid-pipeline', async () => {
    for (const node of cluster.nodes) await node.call('ACL', 'LOG', 'RESET')
    let commands = 0
    const play = async (index: number): Promise<void> => {
      const dice = new Dice(index + 1)
      await using client = await connect(running.port)
      let user = USERS[index % USERS.length]!
      const start = ['HELLO', index % 2 === 0 ? '2' : '3', 'AUTH', user, secretOf(user)]
      assert.match(String(await client.call(...start)), /proto/)
      for (let round = 0; round < ROUNDS; round++) {
        const { steps, user: last } = pipelineOf(dice, user)
        const replies = await client.pipeline(steps.map(({ request }) => request))
        for (const [at, { request, reply }] of steps.entries()) {
          assert.match(String(replies[at]), reply, `${user}: ${request.join(' ')}`)
        }
        user = last
        commands += steps.length
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, (_, index) => play(index)))
    assert.ok(commands > CLIENTS * ROUNDS * PIPELINE)
    await assertLogs(cluster)
  })

  it('are whom their clients say, with ioredis and node-redis in both protocol versions', async () => {
    for (const protocol of [2, 3] as const) {
      const io = new Redis({
        port: running.port,
        username: 'alice',
        password: secretOf('alice'),
        protocol,
        lazyConnect: true,
      })
      await io.connect()
      assert.equal(await io.set('alice:io', 'x'), 'OK')
      assert.equal(await io.acl('WHOAMI'), 'alice')
      await assert.rejects(io.set('bob:io', 'x'), /NOPERM/)
      const multi = await io.multi().set('alice:m', '1').get('alice:m').exec()
      assert.deepEqual(multi, [
        [null, 'OK'],
        [null, '1'],
      ])
      const node = createClient({
        url: `redis://bob:${secretOf('bob')}@127.0.0.1:${running.port}`,
        RESP: protocol,
      })
      const errors: Error[] = []
      node.on('error', (error) => errors.push(error))
      await node.connect()
      assert.equal(await node.set('bob:node', 'x'), 'OK')
      assert.equal(await node.aclWhoAmI(), 'bob')
      await assert.rejects(node.get('alice:io'), /NOPERM/)
      assert.equal(await io.get('alice:io'), 'x')
      assert.deepEqual(errors, [])
      io.disconnect()
      await node.close()
      const wrong = createClient({
        url: `redis://bob:wrong@127.0.0.1:${running.port}`,
        RESP: protocol,
        socket: { reconnectStrategy: false },
      })
      wrong.on('error', () => {})
      await assert.rejects(wrong.connect(), /WRONGPASS/)
    }
  })

  it('administer the proxy only where they administer the cluster', async () => {
    await using alice = await connect(running.port)
    await alice.ask('AUTH', 'alice', secretOf('alice'))
    for (const request of [
      ['PROXY', 'INFO'],
      ['CLIENT', 'LIST'],
      ['CLIENT', 'KILL', 'ID', '1'],
    ]) {
      assert.match(String(await alice.call(...request)), /^-NOPERM/, request.join(' '))
    }
    assert.match(String(await alice.call('INFO', 'server')), /redis_version/)
    await using root = await connect(running.port)
    await root.ask('AUTH', 'root', 'root-secret')
    assert.match(String(await root.call('PROXY', 'INFO')), /clients/)
    assert.match(String(await root.call('CLIENT', 'LIST')), /user=alice/)
    for (const node of cluster.nodes) {
      await node.call('ACL', 'SETUSER', 'chosen', 'on', '>chosen-secret', '(+client|list)')
    }
    await using chosen = await connect(running.port)
    await chosen.ask('AUTH', 'chosen', 'chosen-secret')
    assert.match(String(await chosen.call('CLIENT', 'LIST')), /user=alice/)
    assert.match(String(await chosen.call('CLIENT', 'KILL', 'ID', '1')), /^-NOPERM/)
    await using plain = await connect(running.port)
    assert.match(String(await plain.call('PROXY', 'INFO')), /clients/)
    await assertWhole(alice)
  })

  it('are let go of when their password is changed and their connections are lost, they alone', async () => {
    await using carol = await connect(running.port)
    await using bob = await connect(running.port)
    await carol.ask('AUTH', 'carol', secretOf('carol'))
    await bob.ask('AUTH', 'bob', secretOf('bob'))
    assert.equal(await carol.ask('SET', 'carol:1', 'x'), 'OK')
    for (const node of cluster.nodes) {
      await node.call('ACL', 'SETUSER', 'carol', 'resetpass', '>next')
      await node.call('CLIENT', 'KILL', 'USER', 'carol')
    }
    // It may be gone before it asks: the proxy finds out when it makes the connection anew.
    const reply = await carol.call('GET', 'carol:1').catch(() => '-WRONGPASS')
    assert.match(String(reply), /^-WRONGPASS/)
    carol.stream.resume()
    await carol.closed
    assert.equal(await bob.ask('SET', 'bob:1', 'x'), 'OK')
    await using again = await connect(running.port)
    assert.match(String(await again.call('AUTH', 'carol', secretOf('carol'))), /^-WRONGPASS/)
    assert.equal(await again.ask('AUTH', 'carol', 'next'), 'OK')
    assert.equal(await again.ask('GET', 'carol:1'), 'x')
  })
})

/** What the nodes denied is what was meant to be denied: to each user keys of others only, and wrong passwords. */
async function assertLogs(cluster: RealCluster): Promise<void> {
  let denied = 0
  for (const node of cluster.nodes) {
    const entries = (await node.call('ACL', 'LOG', 10_000)) as unknown[][]
    for (const entry of entries) {
      const fields = new Map<string, string>()
      for (let i = 0; i < entry.length; i += 2) fields.set(String(entry[i]), String(entry[i + 1]))
      const reason = fields.get('reason')
      const user = fields.get('username')!
      if (reason === 'auth') continue
      assert.equal(reason, 'key', JSON.stringify([...fields]))
      assert.ok((USERS as readonly string[]).includes(user), user)
      assert.ok(!fields.get('object')!.startsWith(`${user}:`), JSON.stringify([...fields]))
      denied += Number(fields.get('count'))
    }
  }
  assert.ok(denied > 100, `${denied} denials`)
}

async function assertWhole(client: RawClient): Promise<void> {
  assert.equal(await client.ask('PING'), 'PONG')
}
