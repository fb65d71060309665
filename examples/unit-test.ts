/**
 * A service's own tests against a Redis Cluster that runs within the test: they start in milliseconds, need nothing
 * installed, and can break the cluster at the very moment that matters.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, it } from 'node:test'
import { Redis } from 'ioredis'
import { createClusterProxy } from 'redis-cluster-proxy'
import { createFakeCluster, type FakeCluster } from 'redis-cluster-proxy/testing'

/** The service under test: counts the visits of pages. */
class VisitCounter {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  visit(page: string): Promise<number> {
    return this.#redis.incr(`visits:${page}`)
  }

  /** Visits so far; a page that cannot be read counts as never visited. */
  async visits(page: string): Promise<number> {
    const count = await this.#redis.get(`visits:${page}`).catch(() => null)
    return Number(count ?? 0)
  }
}

describe('visit counter', () => {
  let cluster: FakeCluster
  let proxy: ReturnType<typeof createClusterProxy>
  let redis: Redis
  let counter: VisitCounter

  before(async () => {
    cluster = await createFakeCluster({ masters: 3, replicas: 1 })
    proxy = createClusterProxy({ nodes: cluster.addresses, retryBudget: 200 })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'ready')
    redis = new Redis((proxy.address() as AddressInfo).port, '127.0.0.1')
    counter = new VisitCounter(redis)
  })

  beforeEach(() => cluster.flush())

  after(async () => {
    await redis.quit()
    await proxy.shutdown()
    await cluster.close()
  })

  it('counts', async () => {
    assert.equal(await counter.visit('home'), 1)
    assert.equal(await counter.visit('home'), 2)
    assert.equal(await counter.visits('home'), 2)
    // What the cluster holds can be looked at, past the service and the proxy.
    assert.equal(cluster.execute('GET', 'visits:home'), '2')
  })

  it('counts on while its slot moves to another node', async () => {
    await counter.visit('home')
    const slot = cluster.slotOf('visits:home')
    const target = cluster.masters.find((node) => node !== cluster.owner(slot))
    assert(target !== undefined)
    cluster.setImporting(slot, target)
    cluster.setMigrating(slot, target)
    assert.equal(await counter.visit('home'), 2)
    cluster.moveKeys(slot)
    assert.equal(await counter.visit('home'), 3)
    cluster.setSlot(slot, target)
    assert.equal(await counter.visit('home'), 4)
  })

  it('counts on when a replica takes over', async () => {
    await counter.visit('home')
    const [replica] = cluster.replicasOf(cluster.owner('visits:home'))
    assert(replica !== undefined)
    cluster.failover(replica)
    assert.equal(await counter.visit('home'), 2)
    assert.equal(cluster.owner('visits:home'), replica)
  })

  it('says "never visited" when the node fails in the middle', async () => {
    await counter.visit('home')
    const owner = cluster.owner('visits:home')
    owner.answer('GET', '-ERR disk on fire\r\n')
    assert.equal(await counter.visits('home'), 0)
    assert.equal(await counter.visits('home'), 1)
  })
})
