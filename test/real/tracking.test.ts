import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Redis } from 'ioredis'
import { createClient, type RedisClientType } from 'redis'
import { keySlot } from '../../lib/command/slot.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import type { RealNode } from '../support/real-cluster.ts'
import { type RealServer, startServer } from '../support/real-server.ts'
import type { Argument } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'
import { footing } from './proxied.ts'

function slotOf(key: string): number {
  const bytes = Buffer.from(key)
  return keySlot(bytes, 0, bytes.length)
}

/** One client's command: a letter names the client. */
type Line = readonly [client: string, ...command: Argument[]]

/** Everything that clients got, in order, for the same commands at a server and through the proxy. */
const SCRIPTS: Readonly<Record<string, readonly Line[]>> = {
  'in the default mode': [
    ['a', 'CLIENT', 'TRACKING', 'ON'],
    ['a', 'GET', '{t}k'],
    ['b', 'SET', '{t}k', 1],
    ['b', 'SET', '{t}k', 2],
    ['a', 'MGET', '{t}k', '{t}l', '{t}m'],
    ['b', 'MSET', '{t}m', 1, '{t}k', 1],
    ['a', 'EXISTS', '{t}none'],
    ['b', 'SET', '{t}none', 1],
    ['a', 'SET', '{t}w', 1],
    ['b', 'SET', '{t}w', 2],
    ['a', 'GET', '{t}w'],
    ['a', 'SET', '{t}w', 3],
    ['a', 'HGET', '{t}k', 'f'],
    ['b', 'DEL', '{t}k'],
    ['a', 'EVAL', "return redis.call('get', KEYS[1])", 1, '{t}s'],
    ['b', 'SET', '{t}s', 1],
    ['a', 'MULTI'],
    ['a', 'GET', '{t}x'],
    ['a', 'EXEC'],
    ['b', 'SET', '{t}x', 1],
    ['a', 'GET', '{t}k'],
    ['b', 'FLUSHALL'],
    ['a', 'GET', '{t}k'],
    ['a', 'FLUSHALL'],
    ['a', 'GET', '{t}k'],
    ['a', 'CLIENT', 'REPLY', 'OFF'],
    ['b', 'SET', '{t}k', 1],
    ['a', 'CLIENT', 'REPLY', 'ON'],
    ['a', 'GET', '{t}k'],
    ['a', 'CLIENT', 'TRACKING', 'OFF'],
    ['b', 'SET', '{t}k', 1],
  ],
  'with OPTIN and OPTOUT': [
    ['a', 'CLIENT', 'TRACKING', 'ON', 'OPTIN'],
    ['b', 'CLIENT', 'TRACKING', 'ON', 'OPTOUT'],
    ['a', 'GET', '{t}k'],
    ['a', 'CLIENT', 'CACHING', 'YES'],
    ['a', 'GET', '{t}l'],
    ['a', 'GET', '{t}m'],
    ['b', 'CLIENT', 'CACHING', 'NO'],
    ['b', 'GET', '{t}k'],
    ['b', 'GET', '{t}m'],
    ['c', 'SET', '{t}k', 1],
    ['c', 'SET', '{t}l', 1],
    ['c', 'SET', '{t}m', 1],
    ['a', 'CLIENT', 'CACHING', 'YES'],
    ['a', 'MULTI'],
    ['a', 'GET', '{t}k'],
    ['a', 'GET', '{t}l'],
    ['a', 'EXEC'],
    ['c', 'SET', '{t}l', 1],
    ['c', 'SET', '{t}k', 1],
    ['a', 'CLIENT', 'TRACKINGINFO'],
  ],
  'with NOLOOP': [
    ['a', 'CLIENT', 'TRACKING', 'ON', 'NOLOOP'],
    ['a', 'GET', '{t}k'],
    ['a', 'SET', '{t}k', 1],
    ['a', 'GET', '{t}k'],
    ['b', 'SET', '{t}k', 2],
    ['a', 'GET', '{t}k'],
    ['a', 'FLUSHALL'],
    ['a', 'CLIENT', 'TRACKING', 'OFF'],
    ['a', 'CLIENT', 'TRACKING', 'ON', 'BCAST', 'NOLOOP', 'PREFIX', '{t}k'],
    ['a', 'SET', '{t}k', 1],
    ['b', 'SET', '{t}k', 1],
    ['a', 'MSET', '{t}k1', 1, '{t}k2', 1],
  ],
  'with BCAST': [
    ['a', 'CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', '{t}u', 'PREFIX', '{t}v'],
    ['b', 'MSET', '{t}u1', 1, '{t}u2', 1, '{t}v', 1, '{t}w', 1],
    ['a', 'SET', '{t}u1', 1],
    ['b', 'DEL', '{t}u9'],
    ['b', 'DEL', '{t}u1'],
    ['a', 'GET', '{t}u1'],
    ['b', 'FLUSHALL'],
    ['a', 'CLIENT', 'TRACKINGINFO'],
    ['a', 'CLIENT', 'TRACKING', 'OFF'],
    ['b', 'SET', '{t}u1', 1],
  ],
}

/** A client that keeps all that it gets. */
class Listener {
  readonly log: string[] = []
  readonly #client: RawClient
  readonly #marks: Map<string, () => void> = new Map()
  #count = 0
  /** Whether what it says next would be silenced, queued, or use up CLIENT CACHING. */
  #busy = false

  constructor(client: RawClient) {
    this.#client = client
    void this.#listen().catch(() => {})
  }

  async #listen(): Promise<void> {
    for (;;) {
      const frame = String(await this.#client.readReply())
      const mark = this.#marks.get(frame)
      if (mark === undefined) this.log.push(frame)
      else mark()
    }
  }

  say(command: readonly Argument[]): void {
    this.log.push(command.join(' '))
    this.#client.send(command)
    const words = command.join(' ')
    if (/^(MULTI|CLIENT CACHING|CLIENT REPLY OFF)/.test(words)) this.#busy = true
    else if (/^(EXEC|CLIENT REPLY ON|GET)/.test(words) && !this.#inMulti(words)) this.#busy = false
  }

  #inMulti(words: string): boolean {
    return words !== 'EXEC' && this.log.lastIndexOf('MULTI') > this.log.lastIndexOf('EXEC')
  }

  /** Waits for what was said to it. A read at the node comes behind what the node says of keys. */
  async settle(): Promise<void> {
    if (this.#busy) return
    this.#client.send(['TYPE', '{t}settled'])
    const word = `mark ${this.#count++}`
    await new Promise<void>((resolve) => {
      this.#marks.set(`$${word.length}\r\n${word}\r\n`, resolve)
      this.#client.send(['ECHO', word])
    })
  }

  end(): void {
    this.#client.stream.destroy()
  }
}

/** Has clients of a port do what a script says, one after the other, and gives what each got. */
async function play(
  port: number,
  lines: readonly Line[]
): Promise<Record<string, readonly string[]>> {
  const listeners = new Map<string, Listener>()
  for (const name of ['a', 'b', 'c']) {
    const client = await connect(port)
    await client.call('HELLO', '3')
    listeners.set(name, new Listener(client))
  }
  for (const [name, ...command] of lines) {
    listeners.get(name)!.say(command)
    for (const listener of listeners.values()) await listener.settle()
    for (const listener of listeners.values()) await listener.settle()
  }
  for (const listener of listeners.values()) listener.end()
  const logs = [...listeners].map(([name, { log }]) => [
    name,
    flushedFirst(log.filter((frame) => frame !== '+none\r\n')),
  ])
  return Object.fromEntries(logs)
}

const FORGET_ALL = '>2\r\n$10\r\ninvalidate\r\n_\r\n'

/** What a client is told of its own FLUSHALL stands behind the reply, as in 7.0; since 7.4, which flushes in the background, before it. */
function flushedFirst(log: readonly string[]): readonly string[] {
  return log.map((frame, i) => {
    if (frame === FORGET_ALL && log[i - 1] === 'FLUSHALL') return log[i + 1]!
    return frame === '+OK\r\n' && log[i - 2] === 'FLUSHALL' ? log[i - 1]! : frame
  })
}

describe('CLIENT TRACKING beside a single server', needsServer, () => {
  const real = footing({})
  let server: RealServer
  before(async () => {
    server = await startServer()
  })
  after(() => server?.stop())

  for (const [name, lines] of Object.entries(SCRIPTS)) {
    it(`E16.1 is the same ${name}, byte for byte and in the same order`, async () => {
      const expected = await play(server.port, lines)
      assert.deepEqual(await play(real.running.port, lines), expected)
      await server.call('FLUSHALL')
      for (const node of real.cluster.masters) await node.call('FLUSHALL')
    })
  }
})

describe('client-side caches through the proxy', needsServer, () => {
  const real = footing({ masters: 3, replicas: 1 }, { refreshInterval: 1000 })

  const keys = Array.from({ length: 12 }, (_, i) => `cache:${i}`)

  /** node-redis with its own client-side cache. */
  async function cached(): Promise<RedisClientType> {
    const client = createClient({
      socket: { host: '127.0.0.1', port: real.running.port },
      RESP: 3,
      clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' },
    })
    client.on('error', () => {})
    await client.connect()
    return client as unknown as RedisClientType
  }

  /** Waits until all clients see the last values. */
  async function agree(
    clients: readonly RedisClientType[],
    values: ReadonlyMap<string, string>,
    what: string
  ): Promise<void> {
    const limit = AbortSignal.timeout(5000)
    for (const [key, value] of values) {
      for (const client of clients) {
        for (;;) {
          const seen = await client.get(key)
          if (seen === value) break
          assert.ok(!limit.aborted, `${what}: ${key} is ${value}, and the cache says ${seen}`)
        }
      }
    }
  }

  /** Writes new values while clients read; gives the last ones. */
  async function churn(
    clients: readonly RedisClientType[],
    meanwhile: Promise<unknown>
  ): Promise<Map<string, string>> {
    const writer = createClient({ socket: { host: '127.0.0.1', port: real.running.port } })
    writer.on('error', () => {})
    await writer.connect()
    const values = new Map<string, string>()
    let going = true
    void meanwhile.finally(() => {
      going = false
    })
    let round = 0
    do {
      for (const key of keys) {
        const value = String(++round)
        // A write of which nobody knows is made again.
        for (let tries = 0; tries < 50; tries++) {
          const done = await writer.set(key, value).catch(() => undefined)
          if (done !== undefined) break
        }
        values.set(key, value)
        await Promise.all(clients.map((client) => client.get(key).catch(() => null)))
      }
    } while (going || round < 200)
    await meanwhile
    writer.destroy()
    return values
  }

  it('E16.1 node-redis answers from its cache, and never what was changed', async () => {
    const clients = [await cached(), await cached()]
    const values = await churn(clients, Promise.resolve())
    await agree(clients, values, 'at rest')
    const asked = real.running.proxy.stats().commands
    for (const key of keys) for (const client of clients) await client.get(key)
    assert.equal(real.running.proxy.stats().commands, asked)
    for (const client of clients) client.destroy()
  })

  it('E16.2 node-redis caches stay right while slots are resharded', async () => {
    const clients = [await cached(), await cached()]
    const moves = async (): Promise<void> => {
      for (const key of keys) {
        const slot = slotOf(key)
        const from = await real.cluster.ownerOf(slot)
        const to = real.cluster.masters.find((node: RealNode) => node !== from)!
        await real.cluster.migrateSlot(slot, from, to)
        // Nodes that disagree for long send each other's clients to and fro.
        await real.cluster.healthy()
        while (
          (await from.call('CLUSTER', 'COUNTKEYSINSLOT', slot)) !== 0 ||
          (await real.cluster.ownerOf(slot)) !== to
        );
      }
    }
    const values = await churn(clients, moves())
    await agree(clients, values, 'after the reshard')
    for (const client of clients) client.destroy()
  })

  it('E16.2 node-redis caches stay right over a failover', async () => {
    const clients = [await cached(), await cached()]
    const [replica] = real.cluster.replicas
    const values = await churn(clients, real.cluster.failover(replica!))
    await real.cluster.healthy()
    const writer = await connect(real.running.port)
    for (const key of keys) {
      values.set(key, `after ${key}`)
      await writer.ask('SET', key, `after ${key}`)
    }
    await agree(clients, values, 'after the failover')
    writer.stream.destroy()
    for (const client of clients) client.destroy()
  })

  for (const change of ['reshard', 'failover'] as const)
    it(`E16.1 E16.3 a cache of ioredis, RESP2, is right by what another connection hears, over a ${change}`, async (t) => {
      const place = { host: '127.0.0.1', port: real.running.port, protocol: 2 } as const
      const [data, hearing, writer] = [new Redis(place), new Redis(place), new Redis(place)]
      t.after(() => {
        for (const client of [data, hearing, writer]) client.disconnect()
      })
      const cache = new Map<string, string | null>()
      /** Keys that are being read; a read is kept only if its key is here when it is answered. */
      const filling = new Set<string>()
      let told = 0
      hearing.on('messageBuffer', (_channel: Buffer, payload: Buffer[] | null) => {
        told++
        if (payload === null) cache.clear()
        if (payload === null) filling.clear()
        for (const key of payload ?? []) {
          cache.delete(String(key))
          filling.delete(String(key))
        }
      })
      const id = await hearing.client('ID')
      await hearing.subscribe('__redis__:invalidate')
      assert.equal(await data.client('TRACKING', 'ON', 'REDIRECT', id), 'OK')
      const get = async (key: string): Promise<string | null> => {
        if (cache.has(key)) return cache.get(key)!
        filling.add(key)
        const value = await data.get(key)
        if (filling.delete(key)) cache.set(key, value)
        return value
      }
      const move = async (key: string): Promise<void> => {
        const from = await real.cluster.ownerOf(slotOf(key))
        const to = real.cluster.masters.find((node: RealNode) => node !== from)!
        await real.cluster.migrateSlot(slotOf(key), from, to)
      }
      const upset = (round: number): Promise<unknown> | undefined => {
        if (change === 'reshard')
          return round % 5 === 4 ? move(keys[round % keys.length]!) : undefined
        return round === 5 ? real.cluster.failover(real.cluster.replicas[1]!) : undefined
      }
      for (let round = 0; round < 20; round++) {
        const moving = upset(round)
        for (const key of keys) {
          // A write of which nobody knows is made again.
          while ((await writer.set(key, `${key} ${round}`).catch(() => null)) !== 'OK');
          await get(key)
        }
        await moving
      }
      const limit = AbortSignal.timeout(5000)
      for (const key of keys)
        while ((await get(key)) !== `${key} 19`) assert.ok(!limit.aborted, `${key} is stale`)
      assert.ok(told > 0)
      // What the proxy learns late of the change it tells late; when all is told the cache answers.
      let asked = -1
      while (real.running.proxy.stats().commands !== asked) {
        assert.ok(!limit.aborted, 'the cache is never whole')
        asked = real.running.proxy.stats().commands
        for (const key of keys) await get(key)
      }
      await real.cluster.healthy()
    })
})
