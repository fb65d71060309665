import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fixture } from './fixture.ts'

describe('transactions of the fake', () => {
  const fixture = new Fixture()
  const say = (...command: string[]): Promise<string> => fixture.say(...command)

  it('execute their commands together, errors included', async () => {
    await say('MULTI')
    await say('SET', 'a', 'x')
    assert.equal(await say('INCR', 'a'), '+QUEUED\r\n')
    const error = '-ERR value is not an integer or out of range\r\n'
    assert.equal(await say('EXEC'), `*2\r\n+OK\r\n${error}`)
  })

  it('do nothing when a watched key was changed', async () => {
    await say('WATCH', 'a')
    fixture.cluster.execute('SET', 'a', '1')
    await say('MULTI')
    await say('SET', 'a', '2')
    assert.equal(await say('EXEC'), '*-1\r\n')
    assert.equal(await say('GET', 'a'), '$1\r\n1\r\n')
  })

  it('go on when a watched key was only written in vain', async () => {
    fixture.cluster.execute('SET', 'a', '1')
    await say('WATCH', 'a')
    fixture.cluster.execute('SETNX', 'a', '2')
    await say('MULTI')
    assert.equal(await say('EXEC'), '*0\r\n')
  })

  it('forget what was watched after UNWATCH', async () => {
    await say('WATCH', 'a')
    await say('UNWATCH')
    fixture.cluster.execute('SET', 'a', '1')
    await say('MULTI')
    await say('GET', 'a')
    assert.equal(await say('EXEC'), '*1\r\n$1\r\n1\r\n')
  })

  it('fail when a command was refused', async () => {
    await say('MULTI')
    assert.match(await say('GET'), /^-ERR wrong number/)
    assert.match(await say('EXEC'), /^-EXECABORT/)
  })

  it('do not block', async () => {
    await say('MULTI')
    await say('BLPOP', 'l', '0')
    assert.equal(await say('EXEC'), '*1\r\n*-1\r\n')
  })
})
