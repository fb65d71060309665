import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fixture } from './fixture.ts'

describe('server commands of the fake', () => {
  const fixture = new Fixture({ masters: 1, replicas: 2 })

  it('INFO replication knows masters and replicas', async () => {
    const [replica] = fixture.cluster.replicas
    const master = String(await fixture.client.ask('INFO', 'replication'))
    assert.match(master, /connected_slaves:2\r\nslave0:ip=127\.0\.0\.1,port=\d+,state=online/)
    const link = new RegExp(
      `role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:${fixture.node.port}\r\n`
    )
    assert.match(String(replica!.execute('INFO', 'replication')), link)
  })

  it('INFO keyspace counts keys, and those that expire', async () => {
    assert.doesNotMatch(String(await fixture.client.ask('INFO', 'keyspace')), /db0/)
    fixture.cluster.execute('SET', 'a', '1')
    fixture.cluster.execute('SET', 'b', '1', 'EX', 100)
    assert.match(String(await fixture.client.ask('INFO', 'keyspace')), /db0:keys=2,expires=1/)
  })

  it('TIME is the time of this machine', async () => {
    const [seconds] = (await fixture.client.ask('TIME')) as string[]
    assert.ok(Math.abs(Number(seconds) - Date.now() / 1000) < 5)
  })

  it('WAIT counts the replicas that do not lag', async () => {
    const [replica] = fixture.cluster.replicas
    assert.equal(await fixture.client.ask('WAIT', '1', '0'), 2)
    replica!.lag(true)
    assert.equal(await fixture.client.ask('WAIT', '1', '0'), 1)
    await assert.rejects(fixture.client.ask('WAIT', '1', '-1'), /timeout is negative/)
    assert.throws(() => replica!.execute('WAIT', '1', '0'), { code: 'NODE_REPLY' })
  })

  it('CONFIG GET knows what clients ask for at their start', async () => {
    const settings = await fixture.client.ask('CONFIG', 'GET', 'max*', 'cluster-*')
    assert.deepEqual(settings, [
      'cluster-enabled',
      'yes',
      'cluster-require-full-coverage',
      'yes',
      'maxclients',
      '10000',
      'maxmemory',
      '0',
      'maxmemory-policy',
      'noeviction',
    ])
  })
})
