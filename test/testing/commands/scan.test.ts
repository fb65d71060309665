import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fixture } from './fixture.ts'

describe('scans of the fake', () => {
  const fixture = new Fixture()

  async function collect(...command: string[]): Promise<string[]> {
    const found: string[] = []
    const at = command.indexOf('CURSOR')
    let cursor = '0'
    do {
      const [next, page] = (await fixture.client.ask(...command.with(at, cursor))) as [
        string,
        string[],
      ]
      found.push(...page)
      cursor = next
    } while (cursor !== '0')
    return found
  }

  it('see every key once, although others come and go meanwhile', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
    for (const key of keys) fixture.cluster.execute('SET', key, '')
    const first = (await fixture.client.ask('SCAN', '0', 'COUNT', '50')) as [string, string[]]
    for (let i = 0; i < 100; i++) fixture.cluster.execute('SET', `x${i}`, '')
    const rest: string[] = []
    for (let cursor = first[0]; cursor !== '0'; ) {
      const [next, page] = (await fixture.client.ask('SCAN', cursor, 'MATCH', 'k*')) as [
        string,
        string[],
      ]
      rest.push(...page)
      cursor = next
    }
    assert.deepEqual([...first[1], ...rest].sort(), keys.sort())
  })

  it('filter by type', async () => {
    fixture.cluster.execute('SET', 'a', '')
    fixture.cluster.execute('SADD', 'b', '1')
    assert.deepEqual(await collect('SCAN', 'CURSOR', 'TYPE', 'set'), ['b'])
  })

  it('page through collections that are large', async () => {
    const fields = Array.from({ length: 600 }, (_, i) => `f${i}`)
    fixture.cluster.execute('HSET', 'h', ...fields.flatMap((field) => [field, '1']))
    const found = await collect('HSCAN', 'h', 'CURSOR')
    assert.deepEqual(found.filter((_, i) => i % 2 === 0).sort(), fields.sort())
    fixture.cluster.execute('ZADD', 'z', ...fields.flatMap((field, i) => [i, field]))
    assert.equal((await collect('ZSCAN', 'z', 'CURSOR')).length, 1200)
    fixture.cluster.execute('SADD', 's', ...fields)
    assert.equal((await collect('SSCAN', 's', 'CURSOR', 'COUNT', '100')).length, 600)
  })
})
