import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fixture } from './fixture.ts'

describe('what is random in sets of the fake', () => {
  const fixture = new Fixture()

  it('SPOP takes members away', async () => {
    const { client } = fixture
    await client.ask('SADD', 's', 'a', 'b', 'c')
    const one = String(await client.ask('SPOP', 's'))
    const rest = (await client.ask('SPOP', 's', '10')) as string[]
    assert.deepEqual([one, ...rest].sort(), ['a', 'b', 'c'])
    assert.equal(await client.ask('EXISTS', 's'), 0)
  })

  it('SRANDMEMBER leaves them, and repeats them for a negative count only', async () => {
    const { client } = fixture
    await client.ask('SADD', 's', 'a', 'b')
    assert.match(String(await client.ask('SRANDMEMBER', 's')), /^[ab]$/)
    assert.deepEqual(((await client.ask('SRANDMEMBER', 's', '5')) as string[]).sort(), ['a', 'b'])
    assert.equal(((await client.ask('SRANDMEMBER', 's', '-5')) as string[]).length, 5)
    assert.equal(await client.ask('SCARD', 's'), 2)
  })

  it('RANDOMKEY gives a key, or nothing where there is none', async () => {
    assert.equal(await fixture.client.ask('RANDOMKEY'), null)
    await fixture.client.ask('SET', 'a', '1')
    assert.equal(await fixture.client.ask('RANDOMKEY'), 'a')
  })
})
