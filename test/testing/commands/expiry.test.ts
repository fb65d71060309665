import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fixture } from './fixture.ts'

describe('expiry of the fake', () => {
  const fixture = new Fixture()

  it('a key whose time is over is gone from everywhere', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { cluster } = fixture
    cluster.execute('SET', 'a', '1', 'PX', 100)
    cluster.execute('HSET', 'h', 'f', '1')
    cluster.execute('PEXPIRE', 'h', 50)
    assert.equal(cluster.execute('PTTL', 'a'), 100)
    context.mock.timers.tick(99)
    assert.equal(cluster.execute('GET', 'a'), '1')
    assert.equal(cluster.execute('EXISTS', 'h'), 0)
    context.mock.timers.tick(1)
    assert.equal(cluster.execute('GET', 'a'), null)
    assert.deepEqual(cluster.execute('KEYS', '*'), [])
    assert.equal(cluster.execute('DBSIZE'), 0)
  })

  it('a watched key that expires makes EXEC do nothing', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    fixture.cluster.execute('SET', 'a', '1', 'PX', 100)
    await fixture.client.ask('WATCH', 'a')
    context.mock.timers.tick(100)
    await fixture.client.ask('MULTI')
    assert.equal(await fixture.client.ask('EXEC'), null)
  })
})
