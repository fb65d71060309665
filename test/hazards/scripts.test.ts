import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { FakeNode } from '../../lib/testing/index.ts'
import { receivedBy, setStage } from './stage.ts'

const BODY = "return redis.call('GET', KEYS[1])"
const SHA = createHash('sha1').update(BODY).digest('hex')
const NOSCRIPT = '-NOSCRIPT No matching script. Please use EVAL.\r\n'
const always = { times: Number.POSITIVE_INFINITY }

/** Has a fake node, which executes no scripts, pretend to. */
function pretend(node: FakeNode): Set<string> {
  const known = new Set<string>()
  const learn = (body: string): string => {
    const sha = createHash('sha1').update(body).digest('hex')
    known.add(sha)
    return sha
  }
  node.answer('SCRIPT LOAD', ([, , body]) => `$40\r\n${learn(body!)}\r\n`, always)
  node.answer('EVAL', ([, body]) => `$40\r\n${learn(body!)}\r\n`, always)
  node.answer('EVALSHA', ([, sha]) => (known.has(sha!) ? '+RUN\r\n' : NOSCRIPT), always)
  node.answer(
    'SCRIPT FLUSH',
    () => {
      known.clear()
      return '+OK\r\n'
    },
    always
  )
  return known
}

describe('scripts', () => {
  it('E10.1 a node that lacks a script which was loaded gets it, unseen', async () => {
    await using stage = await setStage()
    const [known] = stage.cluster.nodes.map(pretend)
    const key = stage.keyOf(0)
    const client = await stage.client()
    assert.equal(await client.ask('SCRIPT', 'LOAD', BODY), SHA)
    known!.clear()
    assert.equal(await client.ask('EVALSHA', SHA.toUpperCase().toLowerCase(), '1', key), 'RUN')
    assert.deepEqual(receivedBy(stage.cluster.nodes[0]!, 'EVALSHA').length, 2)
  })

  it('E10.1 EVAL teaches a script, too, and other nodes get it when they are asked', async () => {
    await using stage = await setStage()
    stage.cluster.nodes.forEach(pretend)
    const client = await stage.client()
    assert.equal(await client.ask('EVAL', BODY, '1', stage.keyOf(0)), SHA)
    assert.equal(await client.ask('EVALSHA', SHA, '1', stage.keyOf(1)), 'RUN')
    // Without keys it goes to any master, and stays with the one that was taught.
    for (let i = 0; i < 3; i++) assert.equal(await client.ask('EVALSHA', SHA, '0'), 'RUN')
  })

  it('E10.1 a script that nobody brought is answered in the words of the server', async () => {
    await using stage = await setStage({ options: { scriptCacheBytes: 10 } })
    stage.cluster.nodes.forEach(pretend)
    const client = await stage.client()
    assert.equal(String(await client.call('EVALSHA', SHA, '1', stage.keyOf(0))), NOSCRIPT)
    // Too long to be remembered.
    await client.ask('EVAL', BODY, '1', stage.keyOf(0))
    assert.equal(String(await client.call('EVALSHA', SHA, '1', stage.keyOf(1))), NOSCRIPT)
  })

  it('E10.1 a node that never learns is not asked for ever', async () => {
    await using stage = await setStage()
    stage.cluster.nodes.forEach(pretend)
    const client = await stage.client()
    await client.ask('EVAL', BODY, '1', stage.keyOf(0))
    stage.cluster.nodes[1]!.answer('SCRIPT LOAD', '-OOM no room\r\n', always)
    const node = stage.cluster.nodes[1]!
    node.answer('SCRIPT', `$40\r\n${SHA}\r\n`, always)
    node.received.length = 0
    node.answer('EVALSHA', NOSCRIPT, always)
    const frame = await client.call('EVALSHA', SHA, '1', stage.keyOf(1))
    assert.match(String(frame), /^(?:-NOSCRIPT|\+RUN)/)
    assert.ok(receivedBy(node, 'EVALSHA').length <= 5)
  })

  it('E10.1 within MULTI a script is there before EXEC is sent', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[1]!
    pretend(stage.cluster.nodes[0]!)
    node.answer('SCRIPT', `$40\r\n${SHA}\r\n`, always)
    node.answer('EVALSHA', '+QUEUED\r\n', always)
    const client = await stage.client()
    const key = stage.keyOf(1)
    await client.ask('EVAL', BODY, '1', stage.keyOf(0))
    const replies = await client.pipeline([['MULTI'], ['EVALSHA', SHA, '1', key], ['EXEC']])
    assert.deepEqual(replies.map(String), ['+OK\r\n', '+QUEUED\r\n', '*0\r\n'])
    const order = receivedBy(node, 'SCRIPT', 'EXEC').map((each) => each.split(' ')[0])
    assert.deepEqual(order, ['SCRIPT', 'EXEC'])
  })

  it('E10.1 EVAL within MULTI teaches a script, too', async () => {
    await using stage = await setStage()
    stage.cluster.nodes.forEach(pretend)
    const client = await stage.client()
    await client.pipeline([['MULTI'], ['EVAL', BODY, '1', stage.keyOf(0)], ['DISCARD']])
    assert.equal(await client.ask('EVALSHA', SHA, '1', stage.keyOf(1)), 'RUN')
  })

  it('E10.2 SCRIPT LOAD tells one SHA1, the same on every master', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const known = stage.cluster.nodes.map(pretend)
    const client = await stage.client()
    assert.equal(await client.ask('SCRIPT', 'LOAD', BODY), SHA)
    for (const each of known) assert.deepEqual([...each], [SHA])
  })

  it('E10.3 a SCRIPT FLUSH that the nodes refuse has the proxy forget nothing', async () => {
    await using stage = await setStage()
    stage.cluster.nodes.forEach((node) => {
      node.answer('SCRIPT FLUSH', '-NOPERM no\r\n', always)
      pretend(node)
    })
    const client = await stage.client()
    await client.ask('EVAL', BODY, '1', stage.keyOf(0))
    assert.match(String(await client.call('SCRIPT', 'FLUSH')), /^-NOPERM/)
    assert.equal(await client.ask('EVALSHA', SHA, '1', stage.keyOf(1)), 'RUN')
  })

  it('E10.3 SCRIPT FLUSH has the proxy forget as well', async () => {
    await using stage = await setStage()
    stage.cluster.nodes.forEach(pretend)
    const client = await stage.client()
    await client.ask('EVAL', BODY, '1', stage.keyOf(0))
    assert.equal(await client.ask('SCRIPT', 'FLUSH'), 'OK')
    assert.equal(String(await client.call('EVALSHA', SHA, '1', stage.keyOf(0))), NOSCRIPT)
  })

  it('E10.4 keys in several slots are refused before anything is sent', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const reply = String(await client.call('EVAL', BODY, '2', stage.keyOf(0), stage.keyOf(1)))
    assert.match(reply, /^-ERR Cross-slot queries are not supported/)
    for (const node of stage.cluster.nodes) assert.deepEqual(receivedBy(node, 'EVAL'), [])
  })
})
