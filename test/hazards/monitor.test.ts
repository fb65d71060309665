import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setStage } from './stage.ts'

const RIGHTS = '*2\r\n$8\r\ncommands\r\n$5\r\n+@all\r\n'

describe('MONITOR', () => {
  it('E2.1 begins behind the replies that are owed', async () => {
    await using stage = await setStage({ options: { adminCommands: true } })
    const [client, other] = await stage.clients(2)
    const key = stage.keyOf(0)
    await client!.call('GET', key)
    stage.cluster.nodes[0]!.pause()
    client!.send(['GET', key])
    client!.send(['MONITOR'])
    await other!.call('ECHO', 'before')
    stage.cluster.nodes[0]!.resume()
    assert.equal(String(await client!.readReply()), '$-1\r\n')
    assert.equal(String(await client!.readReply()), '+OK\r\n')
    await other!.call('ECHO', 'after')
    assert.match(String(await client!.readReply()), /"ECHO" "after"/)
  })

  it('is not idle, however quiet it is', async (t) => {
    await using stage = await setStage({ options: { idleTimeout: 2000, adminCommands: true } })
    const [monitor, quiet] = await stage.clients(2)
    await monitor!.call('MONITOR')
    await quiet!.call('PING')
    assert.match(String(await monitor!.readReply()), /"PING"/)
    const now = performance.now.bind(performance)
    t.mock.method(performance, 'now', () => now() + 3000)
    await quiet!.closed
    const other = await stage.client()
    await other.call('ECHO', 'still')
    assert.match(String(await monitor!.readReply()), /"ECHO" "still"/)
  })

  it('E13.10 is for users of the cluster that may administer it', async () => {
    const users = { alice: 'a-secret', bob: 'b-secret' }
    const options = { credentials: { password: 'own' }, adminCommands: true }
    await using stage = await setStage({ cluster: { password: 'own', users }, options })
    const [alice, bob] = await stage.clients(2)
    await alice!.call('AUTH', 'alice', 'a-secret')
    await bob!.call('AUTH', 'bob', 'b-secret')
    assert.match(String(await bob!.call('MONITOR')), /^-NOPERM.*'monitor'/)
    for (const node of stage.cluster.nodes) node.answer('ACL', RIGHTS)
    assert.equal(String(await alice!.call('MONITOR')), '+OK\r\n')
    await bob!.call('ECHO', 'x')
    assert.match(String(await alice!.readReply()), /"ECHO" "x"/)
  })
})
