import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, defineScript, RESP_TYPES } from 'redis'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'
import { encodeCommand } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'
import { type Proxied, startProxy, whenever } from './proxied.ts'

const PASSWORD = 'outer'
const HOST = '127.0.0.1'
const MANY = 100_000
const MEBIBYTE = 1024 * 1024

type Mode = 'plain' | 'cluster'
type Protocol = 2 | 3
const VARIANTS = (['plain', 'cluster'] as const).flatMap((mode) =>
  ([3, 2] as const).map((protocol) => ({ mode, protocol }))
)

/** Every byte there is, and the sequences that end a line or a string elsewhere. */
const BINARY = Buffer.from([...Array(256).keys(), 13, 10, 0, 13, 10, 36, 45, 49, 13, 10])
const UNICODE = 'żółw 🐢 \u0000 ﷽ \r\n é'

describe('clients of a real cluster', needsServer, () => {
  let cluster: RealCluster
  let running: Proxied
  let port: number
  /** What clients reported by `error` events. */
  const clientErrors: string[] = []

  before(async () => {
    cluster = await startCluster({ password: 'inner' })
    running = await startProxy({
      nodes: cluster.addresses.slice(0, 2),
      credentials: { password: 'inner' },
      password: PASSWORD,
    })
    port = running.port
  })

  after(async () => {
    await running?.proxy.shutdown()
    await cluster?.stop()
  })

  describe('redis-cli', () => {
    /** What redis-cli printed, without the newline at the end. */
    function cli(args: readonly string[], input: string | Buffer = ''): Promise<string> {
      return new Promise((resolve, reject) => {
        const env = { ...process.env, REDISCLI_AUTH: PASSWORD }
        const child = execFile(
          'redis-cli',
          ['-p', String(port), ...args],
          { env, timeout: 20_000 },
          (error, stdout) => {
            if (error === null) resolve(stdout.trimEnd())
            else reject(error)
          }
        )
        child.stdin?.end(input)
      })
    }

    for (const flags of [[], ['-c'], ['-3'], ['-c', '-3']]) {
      it(`writes and reads ${flags.join(' ') || 'without flags'}`, async () => {
        const key = `cli${flags.join('')}`
        assert.equal(await cli([...flags, 'SET', key, UNICODE.replaceAll('\0', '')]), 'OK')
        assert.equal(await cli([...flags, 'GET', key]), UNICODE.replaceAll('\0', ''))
        assert.equal(await cli([...flags, 'HSET', `h${key}`, 'a', '1']), '1')
        assert.match(await cli([...flags, '--no-raw', 'HGETALL', `h${key}`]), /"a".*"1"/s)
        assert.match(await cli([...flags, 'MGET', 'a', 'b']), /^(ERR|CROSSSLOT) /)
      })
    }

    it('reads commands from its input, one after the other', async () => {
      const lines = Array.from({ length: 50 }, (_, i) => `SET line${i} ${i}\nGET line${i}`)
      const expected = Array.from({ length: 50 }, (_, i) => `OK\n${i}`)
      assert.equal(await cli([], lines.join('\n')), expected.join('\n'))
    })

    it('loads 20,000 keys in pipe mode without an error', async () => {
      const commands = Array.from({ length: 20_000 }, (_, i) =>
        encodeCommand(['SET', `pipe:${i}`, `${i}\r\n`])
      )
      assert.match(await cli(['--pipe'], Buffer.concat(commands)), /errors: 0, replies: 20000/)
      assert.equal(await cli(['--no-raw', 'GET', 'pipe:19999']), '"19999\\r\\n"')
    })

    it('finds one master of all slots in CLUSTER SLOTS', async () => {
      const expected = [0, 16383, HOST, port].join('\n')
      assert.equal((await cli(['CLUSTER', 'SLOTS'])).slice(0, expected.length), expected)
    })

    it('is told when its password is wrong', async () => {
      assert.match(
        await cli(['-a', 'wrong', '--no-auth-warning', 'GET', 'a']),
        /^NOAUTH|WRONGPASS/m
      )
    })
  })

  /** An ioredis client that is ready. */
  async function ioredis(mode: Mode, protocol: Protocol): Promise<Redis | Cluster> {
    const options = { password: PASSWORD, connectionName: `io-${mode}` }
    // RESP3 is the default, and is to be met as such.
    const settings = protocol === 3 ? options : { ...options, protocol }
    const client =
      mode === 'plain'
        ? new Redis({ port, ...settings })
        : new Cluster([{ host: HOST, port }], { redisOptions: settings })
    client.on('error', (error: Error) => clientErrors.push(`ioredis: ${error.message}`))
    await once(client, 'ready')
    return client
  }

  async function ioredisQuits(client: Redis | Cluster): Promise<void> {
    const ended = once(client, 'end')
    assert.equal(await client.quit(), 'OK')
    await ended
  }

  for (const { mode, protocol } of VARIANTS) {
    describe(`ioredis as ${mode} client in RESP${protocol}`, () => {
      const tag = `io:${mode}:${protocol}`
      let client: Redis | Cluster
      before(async () => {
        client = await ioredis(mode, protocol)
      })
      after(() => ioredisQuits(client))

      it('has said who it is', async () => {
        assert.equal(await client.client('GETNAME'), `io-${mode}`)
        assert.match(String(await client.client('INFO')), /lib-name=ioredis/)
        const hello = JSON.stringify(await client.call('HELLO'))
        assert.match(hello, new RegExp(`"proto"[,:]${protocol}\\b`))
      })

      it('reads back text, bytes and nothing', async () => {
        assert.equal(await client.set(`${tag}:${UNICODE}`, UNICODE), 'OK')
        assert.equal(await client.get(`${tag}:${UNICODE}`), UNICODE)
        const key = Buffer.concat([Buffer.from(tag), BINARY])
        await client.set(key, BINARY)
        assert.deepEqual(await client.getBuffer(key), BINARY)
        await client.set(`${tag}:empty`, '')
        assert.equal(await client.get(`${tag}:empty`), '')
        assert.equal(await client.get(`${tag}:none`), null)
      })

      it('reads back eight mebibytes', async () => {
        const big = randomBytes(8 * MEBIBYTE)
        await client.set(`${tag}:big`, big)
        assert(big.equals((await client.getBuffer(`${tag}:big`))!))
        assert.equal(await client.unlink(`${tag}:big`), 1)
      })

      it('works with hashes, lists, sets, sorted sets and streams', async () => {
        assert.equal(await client.hset(`${tag}:h`, { a: '1', b: '' }), 2)
        assert.deepEqual(await client.hgetall(`${tag}:h`), { a: '1', b: '' })
        assert.deepEqual(await client.hgetall(`${tag}:none`), {})
        assert.deepEqual(await client.hscan(`${tag}:h`, 0), ['0', ['a', '1', 'b', '']])
        assert.equal(await client.rpush(`${tag}:l`, 'x', 'y'), 2)
        assert.deepEqual(await client.lrange(`${tag}:l`, 0, -1), ['x', 'y'])
        assert.equal(await client.sadd(`${tag}:s`, 'm', 'n'), 2)
        assert.deepEqual([...(await client.smembers(`${tag}:s`))].sort(), ['m', 'n'])
        assert.equal(await client.sismember(`${tag}:s`, 'm'), 1)
        assert.equal(await client.zadd(`${tag}:z`, 1.5, 'p', 2, 'q'), 2)
        assert.deepEqual((await client.zrangebyscore(`${tag}:z`, 1, 2, 'WITHSCORES')).flat(), [
          'p',
          '1.5',
          'q',
          '2',
        ])
        assert.equal(await client.zscore(`${tag}:z`, 'p'), '1.5')
        assert.equal(await client.xadd(`${tag}:x`, '5-1', 'f', 'v'), '5-1')
        assert.deepEqual(await client.xrange(`${tag}:x`, '-', '+'), [['5-1', ['f', 'v']]])
        assert.deepEqual(await client.xread('STREAMS', `${tag}:x`, 0), [
          [`${tag}:x`, [['5-1', ['f', 'v']]]],
        ])
        await client.xgroup('CREATE', `${tag}:x`, 'group', '0')
        const read = await client.xreadgroup('GROUP', 'group', 'me', 'STREAMS', `${tag}:x`, '>')
        assert.deepEqual(read, [[`${tag}:x`, [['5-1', ['f', 'v']]]]])
        assert.equal(await client.xack(`${tag}:x`, 'group', '5-1'), 1)
      })

      it('runs a script by its hash after the first time', async () => {
        client.defineCommand('appendTwice', {
          numberOfKeys: 1,
          lua: `redis.call('APPEND', KEYS[1], ARGV[1]) -- ${tag}
            redis.call('APPEND', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])`,
        })
        const scripted = client as unknown as Record<
          'appendTwice',
          (key: string, value: string) => Promise<string>
        >
        assert.equal(await scripted.appendTwice(`${tag}:script`, 'x'), 'xx')
        assert.equal(await scripted.appendTwice(`${tag}:script`, 'y'), 'xxyy')
        // Keys of other nodes, where nobody has sent the script yet.
        for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
          assert.equal(await scripted.appendTwice(`${tag}:script:${key}`, key), key + key)
        }
      })

      it('is given errors as errors', async () => {
        await client.set(`${tag}:text`, 'text')
        await assert.rejects(client.incr(`${tag}:text`), /not an integer or out of range/)
        await assert.rejects(client.lpush(`${tag}:text`, 'x'), /^ReplyError: WRONGTYPE/)
        await assert.rejects(client.call('NONSENSE', 'a'), /unknown command 'NONSENSE'/)
      })

      it('pipelines 5,000 commands of keys everywhere', async () => {
        const pipeline = client.pipeline()
        for (let i = 0; i < 5000; i++) pipeline.incrby(`${tag}:count:${i % 500}`, i)
        const replies = await pipeline.exec()
        assert.deepEqual(replies!.map(([error]) => error).filter(Boolean), [])
        const sums = new Map<number, number>()
        for (const [i, [, reply]] of replies!.entries()) {
          sums.set(i % 500, (sums.get(i % 500) ?? 0) + i)
          assert.equal(reply, sums.get(i % 500))
        }
      })
    })
  }

  it(`ioredis with default settings reads back ${MANY} pipelined SETs`, async () => {
    const client = await ioredis('plain', 3)
    const sets = client.pipeline()
    for (let i = 0; i < MANY; i++) sets.set(`io:many:${i}`, `value ${i}`)
    assert((await sets.exec())!.every(([error, reply]) => error === null && reply === 'OK'))
    const gets = client.pipeline()
    for (let i = 0; i < MANY; i++) gets.get(`io:many:${i}`)
    for (const [i, [error, reply]] of (await gets.exec())!.entries()) {
      assert(error === null && reply === `value ${i}`, `key ${i}: ${error?.message ?? reply}`)
    }
    await ioredisQuits(client)
  })

  const scripts = (tag: string) => ({
    appendTwice: defineScript({
      SCRIPT: `redis.call('APPEND', KEYS[1], ARGV[1]) -- ${tag}
        redis.call('APPEND', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])`,
      NUMBER_OF_KEYS: 1,
      parseCommand(parser, key: string, value: string) {
        parser.pushKey(key)
        parser.push(value)
      },
      transformReply: (reply: unknown) => String(reply),
    }),
  })

  function plainNodeRedis(tag: string, protocol: Protocol) {
    // RESP3 is the default, and is to be met as such.
    const version = protocol === 3 ? {} : { RESP: protocol as 3 }
    const url = `redis://:${PASSWORD}@${HOST}:${port}`
    return createClient({ url, name: 'nr-plain', scripts: scripts(tag), ...version })
  }

  type NodeRedis = ReturnType<typeof plainNodeRedis>

  /** A node-redis client that is ready; as a cluster client it has the same commands. */
  async function nodeRedis(mode: Mode, protocol: Protocol, tag = ''): Promise<NodeRedis> {
    const version = protocol === 3 ? {} : { RESP: protocol as 3 }
    const client =
      mode === 'plain'
        ? plainNodeRedis(tag, protocol)
        : (createCluster({
            rootNodes: [{ url: `redis://${HOST}:${port}` }],
            defaults: { password: PASSWORD, name: 'nr-cluster' },
            scripts: scripts(tag),
            ...version,
          }) as unknown as NodeRedis)
    client.on('error', (error: Error) => clientErrors.push(`node-redis: ${error.message}`))
    await client.connect()
    return client
  }

  /** The same without classes and prototypes, which this library gives to objects. */
  const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

  for (const { mode, protocol } of VARIANTS) {
    describe(`node-redis as ${mode} client in RESP${protocol}`, () => {
      const tag = `nr:${mode}:${protocol}`
      let client: NodeRedis
      before(async () => {
        client = await nodeRedis(mode, protocol, tag)
      })
      after(() => client.close())

      it('reads back text, bytes and nothing', async () => {
        assert.equal(await client.set(`${tag}:${UNICODE}`, UNICODE), 'OK')
        assert.equal(await client.get(`${tag}:${UNICODE}`), UNICODE)
        const key = Buffer.concat([Buffer.from(tag), BINARY])
        await client.set(key, BINARY)
        const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
        assert.deepEqual(await bytes.get(key), BINARY)
        await client.set(`${tag}:empty`, '')
        assert.equal(await client.get(`${tag}:empty`), '')
        assert.equal(await client.get(`${tag}:none`), null)
      })

      it('reads back eight mebibytes', async () => {
        const big = randomBytes(8 * MEBIBYTE)
        await client.set(`${tag}:big`, big)
        const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
        assert(big.equals((await bytes.get(`${tag}:big`))!))
        assert.equal(await client.unlink(`${tag}:big`), 1)
      })

      it('works with hashes, lists, sets, sorted sets and streams', async () => {
        assert.equal(await client.hSet(`${tag}:h`, { a: '1', b: '' }), 2)
        assert.deepEqual(plain(await client.hGetAll(`${tag}:h`)), { a: '1', b: '' })
        const { cursor, entries } = await client.hScan(`${tag}:h`, '0')
        assert.equal(cursor, '0')
        assert.deepEqual(plain(entries), [
          { field: 'a', value: '1' },
          { field: 'b', value: '' },
        ])
        assert.equal(await client.rPush(`${tag}:l`, ['x', 'y']), 2)
        assert.deepEqual(await client.lRange(`${tag}:l`, 0, -1), ['x', 'y'])
        assert.equal(await client.sAdd(`${tag}:s`, ['m', 'n']), 2)
        assert.deepEqual((await client.sMembers(`${tag}:s`)).sort(), ['m', 'n'])
        const scores = [
          { value: 'p', score: 1.5 },
          { value: 'q', score: 2 },
        ]
        assert.equal(await client.zAdd(`${tag}:z`, scores), 2)
        assert.deepEqual(plain(await client.zRangeWithScores(`${tag}:z`, 0, -1)), scores)
        assert.equal(await client.zScore(`${tag}:z`, 'p'), 1.5)
        assert.equal(await client.xAdd(`${tag}:x`, '5-1', { f: 'v' }), '5-1')
        const entry = { id: '5-1', message: { f: 'v' } }
        const [found] = plain(await client.xRange(`${tag}:x`, '-', '+')) as [typeof entry]
        assert.deepEqual({ id: found.id, message: found.message }, entry)
        await client.xGroupCreate(`${tag}:x`, 'group', '0')
        const stream = { key: `${tag}:x`, id: '>' }
        const read = JSON.stringify(await client.xReadGroup('group', 'me', stream))
        assert.match(read, /"5-1".*"f":"v"/)
        assert.equal(await client.xAck(`${tag}:x`, 'group', '5-1'), 1)
      })

      it('runs a script by its hash after the first time', async () => {
        assert.equal(await client.appendTwice(`${tag}:script`, 'x'), 'xx')
        assert.equal(await client.appendTwice(`${tag}:script`, 'y'), 'xxyy')
        for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
          assert.equal(await client.appendTwice(`${tag}:script:${key}`, key), key + key)
        }
      })

      it('is given errors as errors', async () => {
        await client.set(`${tag}:text`, 'text')
        await assert.rejects(client.incr(`${tag}:text`), /not an integer or out of range/)
        await assert.rejects(client.lPush(`${tag}:text`, 'x'), /WRONGTYPE/)
      })

      it('sends 5,000 commands at once, of keys everywhere', async () => {
        const replies = await Promise.all(
          Array.from({ length: 5000 }, (_, i) => client.incrBy(`${tag}:count:${i % 500}`, i))
        )
        const sums = new Map<number, number>()
        for (const [i, reply] of replies.entries()) {
          sums.set(i % 500, (sums.get(i % 500) ?? 0) + i)
          assert.equal(reply, sums.get(i % 500))
        }
      })
    })
  }

  it(`node-redis with default settings reads back ${MANY} pipelined SETs`, async () => {
    const client = await nodeRedis('plain', 3)
    const sets = client.multi()
    for (let i = 0; i < MANY; i++) sets.set(`nr:many:${i}`, `value ${i}`)
    assert((await sets.execAsPipeline()).every((reply) => String(reply) === 'OK'))
    const gets = client.multi()
    for (let i = 0; i < MANY; i++) gets.get(`nr:many:${i}`)
    for (const [i, reply] of (await gets.execAsPipeline()).entries()) {
      assert(String(reply) === `value ${i}`, `key ${i}: ${reply}`)
    }
    await client.close()
  })

  it('node-redis has said who it is, and may leave in three ways', async () => {
    const client = await nodeRedis('plain', 3)
    assert.equal(await client.clientGetName(), 'nr-plain')
    assert.match(String(await client.sendCommand(['CLIENT', 'INFO'])), /lib-name=node-redis/)
    assert.equal(await client.ping(), 'PONG')
    await client.close()
    const other = await nodeRedis('plain', 2)
    const ended = once(other, 'end')
    assert.equal(await other.quit(), 'OK')
    await ended
    const third = await nodeRedis('plain', 3)
    await third.get('a')
    third.destroy()
  })

  it('ioredis comes back after a disconnect', async () => {
    const client = await ioredis('plain', 3)
    const ended = once(client, 'end')
    ;(client as Redis).disconnect()
    await ended
    await client.connect()
    assert.equal(await client.ping(), 'PONG')
    await ioredisQuits(client)
  })

  it('refuses clients with a wrong password, and tells them why', async () => {
    const io = new Redis({ port, password: 'wrong', retryStrategy: null, lazyConnect: true })
    const failed = once(io, 'error')
    await assert.rejects(io.connect())
    assert.match(String((await failed)[0]), /WRONGPASS/)
    const nr = createClient({
      url: `redis://:wrong@${HOST}:${port}`,
      socket: { reconnectStrategy: false },
    })
    nr.on('error', () => {})
    await assert.rejects(nr.connect(), /WRONGPASS/)
  })

  it('no client is left, and neither they nor the proxy met an error', async () => {
    const { proxy, errors } = running
    await whenever(proxy, 'clientDisconnect', () => proxy.stats().clients === 0)
    assert.deepEqual(errors, [])
    assert.deepEqual(clientErrors, [])
    assert.equal(proxy.stats().redirects, 0)
  })
})
