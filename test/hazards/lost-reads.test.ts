import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setStage } from './stage.ts'

describe('reads whose connection is lost', () => {
  it('E3.8 are not sent again when a later write of the same client and slot may have been executed', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const node = stage.cluster.node(0)
    const client = await stage.client()
    node.delay(60_000)
    const executed = node.waitFor('INCR')
    const replies = client.pipeline([
      ['GET', key],
      ['INCR', key],
      ['GET', key],
    ])
    await executed
    node.delay(0)
    node.connections.kill()
    const [before, write, after] = (await replies).map(String)
    // Sent again, the first GET would answer 1: a write that came behind it.
    assert.match(before!, /^-UNCERTAIN /)
    assert.match(write!, /^-UNCERTAIN /)
    assert.equal(after, '$1\r\n1\r\n')
  })

  it('E3.8 are sent again when the later write is of another client or slot', async () => {
    await using stage = await setStage()
    const [key, other] = stage.keysOf(0, 2) as [string, string]
    const node = stage.cluster.node(0)
    const [reader, writer] = (await stage.clients(2)) as [
      Awaited<ReturnType<typeof stage.client>>,
      Awaited<ReturnType<typeof stage.client>>,
    ]
    node.delay(60_000)
    const asked = node.waitFor('GET')
    const read = reader.pipeline([
      ['GET', key],
      ['INCR', other],
    ])
    await asked
    const executed = node.waitFor('INCRBY')
    const written = writer.call('INCRBY', key, 5)
    await executed
    node.delay(0)
    node.connections.kill()
    const [value, uncertain] = (await read).map(String)
    assert.equal(value, '$1\r\n5\r\n')
    assert.match(uncertain!, /^-UNCERTAIN /)
    assert.match(String(await written), /^-UNCERTAIN /)
  })
})
