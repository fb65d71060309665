import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { setStage } from './stage.ts'

describe('E13.5 passwords that change under the proxy', () => {
  it('are asked for again with each new connection', async () => {
    let password = 'first'
    let asked = 0
    await using stage = await setStage({
      cluster: { masters: 1, password },
      options: {
        credentials: async () => {
          asked++
          return { password }
        },
      },
    })
    const client = await stage.client()
    assert.equal(await client.ask('SET', 'key', '1'), 'OK')
    password = 'second'
    stage.cluster.node(0).setPassword(password)
    const before = asked
    stage.cluster.node(0).connections.kill()
    assert.equal(await client.ask('GET', 'key'), '1')
    assert.ok(asked > before)
  })

  it('are waited for when the nodes know the new one first', async () => {
    let password = 'first'
    await using stage = await setStage({
      cluster: { masters: 1, password },
      options: { credentials: () => ({ password }), reconnectMinDelay: 5, reconnectMaxDelay: 10 },
    })
    const client = await stage.client()
    assert.equal(await client.ask('SET', 'key', '1'), 'OK')
    const down = once(stage.proxy, 'nodeDown')
    stage.cluster.node(0).setPassword('second')
    stage.cluster.node(0).connections.kill()
    const reply = client.ask('GET', 'key')
    const [{ cause }] = await down
    assert.match(cause.message, /WRONGPASS/)
    assert.doesNotMatch(cause.message, /first|second/)
    password = 'second'
    assert.equal(await reply, '1')
  })

  it('are sent on a new connection when a node answers NOAUTH', async () => {
    await using stage = await setStage({
      cluster: { masters: 1, password: 'secret' },
      options: { credentials: { password: 'secret' } },
    })
    const client = await stage.client()
    assert.equal(await client.ask('SET', 'key', '1'), 'OK')
    stage.cluster.node(0).answer('GET', '-NOAUTH Authentication required.\r\n')
    assert.equal(await client.ask('GET', 'key'), '1')
  })

  it('are not needed by a node that has none yet', async () => {
    await using stage = await setStage({
      cluster: { masters: 1 },
      options: { credentials: { password: 'not set there yet' } },
    })
    const client = await stage.client()
    assert.equal(await client.ask('SET', 'key', '1'), 'OK')
    assert.equal(String(await client.call('HELLO', '3')).startsWith('%'), true)
    assert.equal(await client.ask('GET', 'key'), '1')
  })
})
