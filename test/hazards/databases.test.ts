import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setStage } from './stage.ts'

const NO_SELECT = '-ERR SELECT is not allowed in cluster mode\r\n'

describe('E14 databases', () => {
  it('E14.1 SELECT 0 is all there is, E14.2 another index is refused as by a server in a cluster', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const select = async (index: string) => String(await client.call('SELECT', index))
    assert.equal(await select('0'), '+OK\r\n')
    assert.equal(await select('1'), NO_SELECT)
    assert.equal(await select('15'), NO_SELECT)
    for (const index of ['16', '-1'])
      assert.equal(await select(index), '-ERR DB index is out of range\r\n')
    assert.match(String(await client.ask('CLIENT', 'INFO')), / db=0 /)
  })

  it('E14.3 MOVE, SWAPDB and COPY to another database are refused, and change nothing', async () => {
    await using stage = await setStage({ options: { adminCommands: true } })
    const client = await stage.client()
    const key = stage.keyOf(0)
    await client.ask('SET', key, 'value')
    for (const [command, text] of [
      [['MOVE', key, '1'], 'MOVE is not allowed in cluster mode'],
      [['MOVE', key, '0'], 'MOVE is not allowed in cluster mode'],
      [['SWAPDB', '0', '1'], 'SWAPDB is not allowed in cluster mode'],
      [['COPY', key, key, 'DB', '1'], 'Copying to another database is not allowed in cluster mode'],
      [['COPY', key, key, 'DB', 'x'], 'value is not an integer or out of range'],
    ] as const) {
      assert.equal(String(await client.call(...command)), `-ERR ${text}\r\n`)
    }
    assert.equal(await client.ask('COPY', key, `{${key}}copy`, 'DB', '0'), 1)
    assert.deepEqual(await client.ask('MGET', key, `{${key}}copy`), ['value', 'value'])
  })

  it('E14.4 SELECT in MULTI is queued and answered in its place; RESET and HELLO leave database 0', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const key = stage.keyOf(0)
    const replies = await client.pipeline([
      ['MULTI'],
      ['SELECT', '0'],
      ['SET', key, 'value'],
      ['SELECT', '1'],
      ['GET', key],
      ['EXEC'],
      ['HELLO', '3'],
      ['SELECT', '1'],
      ['GET', key],
      ['RESET'],
      ['GET', key],
    ])
    const texts = replies.map(String)
    const queued = '+QUEUED\r\n'
    const value = '$5\r\nvalue\r\n'
    assert.deepEqual(texts.slice(0, 5), ['+OK\r\n', queued, queued, queued, queued])
    assert.equal(texts[5], `*4\r\n+OK\r\n+OK\r\n${NO_SELECT}${value}`)
    assert.deepEqual(texts.slice(7), [NO_SELECT, value, '+RESET\r\n', value])
    assert.match(String(await client.ask('CLIENT', 'INFO')), / db=0 /)
  })
})
