import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { ClusterProxyOptions } from '../../lib/index.ts'
import type { RawClient } from '../support/raw-client.ts'
import { type Stage, setStage } from './stage.ts'

const NOAUTH = '-NOAUTH Authentication required.\r\n'
const WRONGPASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'
const NOPERM = (name: string): string =>
  `-NOPERM this user has no permissions to run the '${name}' command\r\n`
const NO_KEY =
  '-NOPERM this user has no permissions to access one of the keys used as arguments\r\n'
const UNASKED =
  '-ERR AUTH <password> called without any password configured for the default user. ' +
  'Are you sure your configuration is correct?\r\n'

const USERS: NonNullable<ClusterProxyOptions['users']> = [
  { name: 'reader', password: 'r-secret', rights: 'read' },
  { name: 'app', password: ['a-secret', 'a-next'], rights: 'write', keys: '~app:*' },
  { name: 'root', password: 'x-secret', rights: 'admin' },
  { name: 'gone', password: 'g-secret', rights: 'admin', enabled: false },
]

function stageOf(options: Partial<ClusterProxyOptions> = {}): Promise<Stage> {
  const given = { users: USERS, authFailureDelay: 1, ...options }
  return setStage({ cluster: { masters: 2 }, options: given })
}

async function text(reply: Promise<Buffer>): Promise<string> {
  return (await reply).toString()
}

describe('E13.1 before AUTH', () => {
  it('only AUTH, HELLO, QUIT and RESET are answered', async () => {
    await using stage = await stageOf()
    const client = await stage.client()
    for (const request of [
      ['GET', 'k'],
      ['PING'],
      ['PROXY', 'INFO'],
      ['MULTI'],
      ['ACL', 'WHOAMI'],
    ]) {
      assert.equal(await text(client.call(...request)), NOAUTH, request.join(' '))
    }
    assert.match(await text(client.call('HELLO', 3)), /^-NOAUTH HELLO must be called/)
    assert.equal(await text(client.call('RESET')), '+RESET\r\n')
    assert.equal(await text(client.call('AUTH', 'x-secret')), WRONGPASS)
    assert.equal(await text(client.call('AUTH', 'root', 'x-secret')), '+OK\r\n')
    assert.equal(await client.ask('ACL', 'WHOAMI'), 'root')
    assert.equal(await text(client.call('RESET')), '+RESET\r\n')
    assert.equal(await text(client.call('PING')), NOAUTH)
    assert.equal(await text(client.call('QUIT')), '+OK\r\n')
  })

  it('a password alone is an error where none is set', async () => {
    const open = { name: 'default', nopass: true, rights: 'read' } as const
    await using stage = await stageOf({ users: [...USERS, open] })
    const client = await stage.client()
    assert.equal(await client.ask('ACL', 'WHOAMI'), 'default')
    assert.equal(await text(client.call('AUTH', 'anything')), UNASKED)
    assert.equal(await text(client.call('SET', 'k', 'v')), NOPERM('set'))
    assert.equal(await text(client.call('AUTH', 'default', 'anything')), '+OK\r\n')
  })

  it('the option password makes a user default that may do everything', async () => {
    await using stage = await stageOf({ password: 'main' })
    const client = await stage.client()
    assert.equal(await text(client.call('GET', 'k')), NOAUTH)
    assert.equal(await text(client.call('AUTH', 'main')), '+OK\r\n')
    assert.equal(await client.ask('SET', 'k', 'v'), 'OK')
    assert.equal(typeof (await client.ask('PROXY', 'INFO')), 'string')
  })
})

describe('E13.2 users of the proxy', () => {
  it('may do what their rights say, in whatever way they ask for it', async () => {
    await using stage = await stageOf({ crossSlot: true })
    const app = await stage.client()
    await app.ask('HELLO', 3, 'AUTH', 'app', 'a-next', 'SETNAME', 'me')
    assert.equal(await app.ask('SET', 'app:1', '1'), 'OK')
    assert.equal(await text(app.call('SET', 'other', '1')), NO_KEY)
    assert.equal(await text(app.call('MGET', 'app:1', 'app:2', 'other')), NO_KEY)
    assert.deepEqual(await app.ask('MGET', 'app:1', 'app:2'), ['1', null])
    assert.equal(await text(app.call('BLPOP', 'other', 1)), NO_KEY)
    assert.equal(await text(app.call('WATCH', 'other')), NO_KEY)
    assert.equal(await text(app.call('FLUSHALL')), NOPERM('flushall'))
    assert.equal(await text(app.call('EVAL', 'return 1', 1, 'app:1')), NOPERM('eval'))
  })

  it('make a transaction fail by what they may not do', async () => {
    await using stage = await stageOf()
    const app = await stage.client()
    await app.ask('AUTH', 'app', 'a-secret')
    const replies = await app.pipeline([
      ['MULTI'],
      ['SET', 'app:1', '1'],
      ['SET', 'other', '1'],
      ['EXEC'],
      ['MULTI'],
      ['SET', 'app:1', '2'],
      ['EXEC'],
    ])
    assert.deepEqual(replies.map(String), [
      '+OK\r\n',
      '+QUEUED\r\n',
      NO_KEY,
      '-EXECABORT Transaction discarded because of previous errors.\r\n',
      '+OK\r\n',
      '+QUEUED\r\n',
      '*1\r\n+OK\r\n',
    ])
  })

  it('that are disabled, or do not exist, have no right password', async () => {
    await using stage = await stageOf()
    const client = await stage.client()
    for (const [user, password] of [
      ['gone', 'g-secret'],
      ['nobody', ''],
      ['', ''],
      ['reader', ''],
      ['reader', 'r-secret '],
      ['READER', 'r-secret'],
    ] as const) {
      assert.equal(await text(client.call('AUTH', user, password)), WRONGPASS, user)
    }
  })

  it('that lose the right to a channel are disconnected if they listen to it, as in the server', async () => {
    await using stage = await stageOf()
    const clients = await stage.clients(3)
    for (const client of clients) await client.ask('AUTH', 'reader', 'r-secret')
    const [channel, pattern, other] = clients
    await channel!.call('SUBSCRIBE', 'news', 'more')
    await pattern!.call('PSUBSCRIBE', 'm*')
    await other!.call('SUBSCRIBE', 'more')
    const left = [channel!, pattern!].map(async (client) => {
      client.stream.resume()
      await once(client.stream, 'close')
    })
    stage.proxy.reconfigure({ users: ['reader on >r-secret ~* &mo* +@all'] })
    await Promise.all(left)
    assert.match(await text(other!.call('PING')), /pong/)
  })

  it('that lose a right have EXEC fail that carries out what was queued with it, and nothing else', async () => {
    await using stage = await stageOf({ users: ['u on >s ~* +@all'] })
    const clients = await stage.clients(4)
    for (const client of clients) await client.ask('AUTH', 'u', 's')
    const [writes, reads, tells, waits] = clients
    await writes!.pipeline([['MULTI'], ['SET', 'k', '1']])
    await reads!.pipeline([['MULTI'], ['GET', 'k']])
    await tells!.pipeline([['MULTI'], ['CLIENT', 'LIST']])
    const plain = await stage.client()
    await plain.ask('AUTH', 'u', 's')
    await plain.ask('CLIENT', 'PAUSE', '60000', 'WRITE')
    const paused = waits!.call('APPEND', 'k', '1')
    await waitsFor(plain)
    stage.proxy.reconfigure({ users: ['u on >s ~* +@all -set -append -client|list'] })
    await plain.ask('CLIENT', 'UNPAUSE')
    const aborted = '-EXECABORT Transaction discarded because of previous errors.\r\n'
    assert.equal(await text(writes!.call('EXEC')), aborted)
    assert.equal(await text(reads!.call('EXEC')), '*1\r\n$-1\r\n')
    assert.equal(await text(tells!.call('EXEC')), aborted)
    assert.equal(await text(paused), NOPERM('append'))
    assert.equal(await plain.ask('GET', 'k'), null)
  })

  it('change while the proxy runs: who is gone is disconnected, who stays follows the new rules', async () => {
    await using stage = await stageOf()
    const reader = await stage.client()
    const app = await stage.client()
    await reader.ask('AUTH', 'reader', 'r-secret')
    await app.ask('AUTH', 'app', 'a-secret')
    const left = once(app.stream, 'close')
    app.stream.resume()
    stage.proxy.reconfigure({ users: ['reader on >changed ~* +@all -get'] })
    await left
    assert.equal(await reader.ask('SET', 'k', 'v'), 'OK')
    assert.equal(await text(reader.call('GET', 'k')), NOPERM('get'))
    assert.throws(() => stage.proxy.reconfigure({ users: ['x on >y +@raed'] }), /unknown command/)
    stage.proxy.reconfigure({ users: undefined })
    assert.equal(await reader.ask('GET', 'k'), 'v')
  })
})

describe('E13.3 AUTH in mid-pipeline', () => {
  it('holds for what comes behind it, and keeps the former user when it fails', async () => {
    await using stage = await stageOf()
    const client = await stage.client()
    const replies = await client.pipeline([
      ['AUTH', 'root', 'x-secret'],
      ['SET', 'k', '1'],
      ['AUTH', 'reader', 'wrong'],
      ['ACL', 'WHOAMI'],
      ['SET', 'k', '2'],
      ['AUTH', 'reader', 'r-secret'],
      ['ACL', 'WHOAMI'],
      ['SET', 'k', '3'],
      ['GET', 'k'],
      ['HELLO', '3', 'AUTH', 'root', 'wrong'],
      ['GET', 'k'],
      ['HELLO', '3', 'AUTH', 'root', 'x-secret', 'SETNAME', 'n'],
      ['SET', 'k', '4'],
    ])
    const seen = replies.map((reply) => reply.toString())
    assert.match(seen[11]!, /^%7/)
    seen[11] = ''
    assert.deepEqual(seen, [
      '+OK\r\n',
      '+OK\r\n',
      WRONGPASS,
      '$4\r\nroot\r\n',
      '+OK\r\n',
      '+OK\r\n',
      '$6\r\nreader\r\n',
      NOPERM('set'),
      '$1\r\n2\r\n',
      WRONGPASS,
      '$1\r\n2\r\n',
      '',
      '+OK\r\n',
    ])
  })
})

describe('E13.4 guessing', () => {
  it('makes each further attempt of the address wait, whoever makes it, and nobody else', async () => {
    await using stage = await stageOf({ authFailureDelay: 50 })
    const guesser = await stage.client()
    assert.equal(await text(guesser.call('AUTH', 'root', 'a')), WRONGPASS)
    const before = performance.now()
    assert.equal(await text(guesser.call('AUTH', 'root', 'b')), WRONGPASS)
    const second = performance.now()
    assert.ok(second - before >= 45, `${second - before} ms`)
    const other = await stage.client()
    assert.equal(await text(other.call('AUTH', 'root', 'x-secret')), '+OK\r\n')
    assert.ok(performance.now() - second >= 95)
    const served = performance.now()
    const attempt = guesser.call('AUTH', 'root', 'c')
    assert.equal(await other.ask('SET', 'k', 'v'), 'OK')
    assert.ok(performance.now() - served < 150)
    assert.equal(await text(attempt), WRONGPASS)
  })

  it('finds no secret in anything that the proxy tells', async () => {
    await using stage = await stageOf()
    const events: unknown[] = []
    stage.proxy.on('command', (event) => events.push(event))
    const client = await stage.client()
    await client.call('AUTH', 'root', 'wrong-secret')
    await client.ask('AUTH', 'root', 'x-secret')
    const told = [
      await client.call('ACL', 'LIST'),
      await client.call('ACL', 'GETUSER', 'app'),
      await client.call('PROXY', 'CONFIG', 'GET', '*'),
      await client.call('PROXY', 'CLIENTS'),
      await client.call('PROXY', 'INFO'),
      await client.call('PROXY', 'EXPLAIN', 'AUTH', 'root', '?'),
      await client.call('CLIENT', 'LIST'),
      await client.call('INFO'),
      await client.call('CONFIG', 'GET', '*'),
      Buffer.from(JSON.stringify([events, stage.proxy.stats(), stage.proxy.topology])),
    ].join('')
    assert.ok(events.length > 0)
    assert.doesNotMatch(told, /secret|a-next|[0-9a-f]{64}/)
  })
})

describe('E13.10 PROXY and what administers', () => {
  it('are for administrators as soon as there are users', async () => {
    await using stage = await stageOf({ adminCommands: true })
    const app = await stage.client()
    await app.ask('AUTH', 'app', 'a-secret')
    for (const request of [
      ['PROXY', 'INFO'],
      ['PROXY', 'SHUTDOWN'],
      ['proxy', 'CONFIG', 'SET', 'enable-cross-slot', '1'],
    ]) {
      assert.equal(await text(app.call(...request)), NOPERM('proxy'))
    }
    assert.equal(await text(app.call('CLIENT', 'KILL', 'ID', '1')), NOPERM('client|kill'))
    assert.equal(await text(app.call('CONFIG', 'SET', 'maxmemory', '1')), NOPERM('config|set'))
    assert.equal(await text(app.call('ACL', 'LIST')), NOPERM('acl|list'))
    const root = await stage.client()
    await root.ask('AUTH', 'root', 'x-secret')
    assert.equal(typeof (await root.ask('PROXY', 'INFO')), 'string')
    assert.deepEqual(await root.ask('ACL', 'USERS'), ['app', 'gone', 'reader', 'root'])
    const lines = (await root.ask('ACL', 'LIST')) as string[]
    assert.equal(String(lines.at(-1)), 'user root on #(hidden) ~* &* +@all')
    assert.match(
      String(lines[0]),
      /^user app on #\(hidden\) #\(hidden\) ~app:\* &\* \+@all -@admin/
    )
    assert.equal(await root.ask('ACL', 'DRYRUN', 'app', 'GET', 'app:1'), 'OK')
    assert.match(String(await root.ask('ACL', 'DRYRUN', 'app', 'GET', 'k')), /^this user has no/)
    assert.equal(await root.ask('ACL', 'GETUSER', 'nobody'), null)
    assert.match(await text(root.call('ACL', 'SETUSER', 'x')), /^-ERR unsupported command/)
  })

  it('EXPLAIN says what the asking user may not do', async () => {
    await using stage = await stageOf({ users: ['half on >s ~app:* +@all -get'] })
    const client = await stage.client()
    await client.ask('AUTH', 'half', 's')
    const refused = String(await client.call('PROXY', 'EXPLAIN', 'GET', 'app:1'))
    assert.match(refused, /refused[\s\S]*permissions to run the 'get' command/)
    const keys = String(await client.call('PROXY', 'EXPLAIN', 'SET', 'k', 'v'))
    assert.match(keys, /refused[\s\S]*one of the keys/)
    assert.match(String(await client.call('PROXY', 'EXPLAIN', 'SET', 'app:1', 'v')), /one slot/)
  })
})

/** Waits until a client's command is kept back by CLIENT PAUSE. */
async function waitsFor(client: RawClient): Promise<void> {
  while (!/ flags=\S*b/.test(String(await client.call('CLIENT', 'LIST')))) await setImmediate()
}
