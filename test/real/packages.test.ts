import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { Redis } from 'ioredis'
import { RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible'
import { createClient } from 'redis'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'
import { needsServer } from '../support/server-available.ts'
import { type Proxied, startProxy } from './proxied.ts'
import { newRedlock } from './redlock.ts'
import { throughUpheaval } from './upheaval.ts'

type Asked = Parameters<ReturnType<typeof session>>[0]
type Answered = Parameters<ReturnType<typeof session>>[1]

describe(
  'packages that use Redis run through the proxy, while slots move and masters fail over',
  needsServer,
  () => {
    let cluster: RealCluster
    let running: Proxied
    const clients: Redis[] = []

    before(async () => {
      cluster = await startCluster({ masters: 5, replicas: 1 })
      running = await startProxy({ nodes: cluster.addresses })
    })

    after(async () => {
      for (const client of clients) client.disconnect()
      await running?.proxy.shutdown({ timeout: 0 })
      await cluster?.stop()
    })

    function ioredis(): Redis {
      const client = new Redis({ port: running.port, maxRetriesPerRequest: null })
      clients.push(client)
      return client
    }

    it('connect-redis with express-session: each session keeps its count', async () => {
      const client = createClient({ url: `redis://127.0.0.1:${running.port}` })
      const errors: unknown[] = []
      client.on('error', (error) => errors.push(error))
      await client.connect()
      const middleware = session({
        store: new RedisStore({ client, prefix: 'session:' }),
        secret: 'secret',
        resave: false,
        saveUninitialized: true,
        genid: (request) => String(request.headers['x-user']),
      })
      const server = createServer((request, response) => {
        middleware(request as Asked, response as Answered, () => {
          const own = (request as Asked).session as unknown as { seen?: number }
          own.seen = (own.seen ?? 0) + 1
          response.end(String(own.seen))
        })
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
      const users = Array.from({ length: 8 }, (_, i) => `user ${i}`)
      const keys = users.slice(0, 3).map((user) => `session:${user}`)
      await throughUpheaval(cluster, keys, async (goes) => {
        const visit = async (user: string): Promise<void> => {
          let cookie = ''
          for (let seen = 1; goes() || seen < 10; seen++) {
            const reply = await fetch(url, { headers: { 'x-user': user, cookie } })
            cookie ||= reply.headers.get('set-cookie')!.split(';')[0]!
            assert.equal(await reply.text(), String(seen), user)
          }
        }
        await Promise.all(users.map(visit))
      })
      server.close()
      server.closeAllConnections()
      await client.quit()
      assert.deepEqual(errors, [])
    })

    it('rate-limiter-flexible: every point is counted, and no more are given than there are', async () => {
      const client = ioredis()
      const limiter = new RateLimiterRedis({
        storeClient: client,
        points: 100,
        duration: 600,
        keyPrefix: 'limit',
      })
      let asked = 0
      let given = 0
      await throughUpheaval(cluster, ['limit:someone'], async (goes) => {
        const consume = async (): Promise<void> => {
          while (goes() || asked < 300) {
            asked++
            await limiter.consume('someone').then(
              () => given++,
              (refusal: RateLimiterRes) => assert.ok(refusal.consumedPoints > 100, String(refusal))
            )
          }
        }
        await Promise.all(Array.from({ length: 5 }, consume))
      })
      const state = await limiter.get('someone')
      assert.equal(given, 100)
      assert.equal(state?.consumedPoints, asked)
    })

    it('Redlock: what is done under the lock is done by one at a time', async () => {
      const contenders = Array.from({ length: 4 }, ioredis)
      let done = 0
      let inside = 0
      await throughUpheaval(cluster, ['lock', 'counted'], async (goes) => {
        const contend = async (client: Redis): Promise<void> => {
          const redlock = newRedlock(client, { retryCount: -1, retryDelay: 5, retryJitter: 5 })
          while (goes() || done < 40) {
            const lock = await redlock.acquire(['lock'], 10_000)
            assert.equal(++inside, 1)
            const count = Number(await client.get('counted'))
            await client.set('counted', count + 1)
            done++
            inside--
            await lock.release()
          }
        }
        await Promise.all(contenders.map(contend))
      })
      assert.equal(Number(await contenders[0]!.get('counted')), done)
    })

    it('a consumer in the manner of celery: every task is carried out once, and acknowledged', async () => {
      const queues = ['{celery}', '{celery}\u0006\u00163', '{celery}\u0006\u00166']
      const [producer, counter, ...consumers] = Array.from({ length: 6 }, ioredis)
      const done = new Map<string, number>()
      let sent = 0
      let producing = true
      await throughUpheaval(cluster, ['{celery}'], async (goes) => {
        const produce = async (): Promise<void> => {
          while (goes() || sent < 200) {
            await producer!.lpush(queues[sent % 3]!, `task ${sent++}`)
          }
          producing = false
        }
        const consume = async (client: Redis): Promise<void> => {
          while (producing || done.size < sent) {
            const popped = await client.brpop(...queues, 0.2)
            if (popped === null) continue
            const [queue, task] = popped
            const noted = await client
              .multi()
              .zadd('{celery}unacked_index', Date.now(), task)
              .hset('{celery}unacked', task, queue)
              .exec()
            assert.deepEqual(noted, [
              [null, 1],
              [null, 1],
            ])
            done.set(task, (done.get(task) ?? 0) + 1)
            const acked = await client
              .multi()
              .zrem('{celery}unacked_index', task)
              .hdel('{celery}unacked', task)
              .exec()
            assert.deepEqual(acked, [
              [null, 1],
              [null, 1],
            ])
          }
        }
        await Promise.all([produce(), ...consumers.map(consume)])
      })
      assert.equal(done.size, sent)
      assert.deepEqual(new Set(done.values()), new Set([1]))
      assert.equal(await counter!.exists('{celery}unacked', '{celery}unacked_index', ...queues), 0)
    })
  }
)
