import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { ProxyError } from '../../lib/errors.ts'
import { receivedBy, type Stage, setStage, teach, until } from './stage.ts'

/** The next warning of a proxy. */
async function warning({ proxy }: Stage): Promise<ProxyError> {
  const [error] = await once(proxy, 'warning', { signal: AbortSignal.timeout(10_000) })
  return error as ProxyError
}

describe('a command that keeps a shared connection busy', () => {
  it('E1.9 is noticed and told, and later commands take another connection', async () => {
    await using stage = await setStage({ wired: true })
    const [slow, other] = await stage.clients(2)
    const keys = stage.keysOf(0, 2)
    const wire = stage.wire(0)
    const held = wire.hold('EVAL')
    const late = slow!.call('EVAL', 'return 1', '1', keys[0]!)
    await held
    const error = await warning(stage)
    assert.equal(error.code, 'SLOW_COMMAND')
    assert.equal(
      error.message,
      `'eval' keeps a shared connection to ${stage.name(0)} busy; later commands take another one`
    )
    assert.equal(await other!.ask('SET', keys[1]!, 'x'), 'OK')
    wire.release()
    await late
  })

  it('E1.9 is so for the clients of a user of the cluster, and for those who track keys', async () => {
    const users = { alice: 'a-secret' }
    await using stage = await setStage({ wired: true, cluster: { users } })
    const login = ['HELLO', '3', 'AUTH', 'alice', 'a-secret'] as const
    const setups = [
      [login],
      [
        ['HELLO', '3'],
        ['CLIENT', 'TRACKING', 'ON'],
      ],
    ] as const
    for (const setup of setups) {
      const [slow, other] = await stage.clients(2)
      for (const client of [slow!, other!]) for (const words of setup) await client.call(...words)
      const [key, free] = stage.keysOf(0, 2)
      await other!.call('GET', free!)
      const wire = stage.wire(0)
      const held = wire.hold('EVAL')
      const late = slow!.call('EVAL', 'return 1', '1', key!)
      const warned = warning(stage)
      await held
      assert.match((await warned).message, /^'eval' keeps/)
      assert.equal(await other!.ask('SET', free!, 'x'), 'OK')
      // What keeps its connection busy for itself is no trouble of the node's any more.
      const asked = stage.wire(0).accepted
      await other!.ask('GET', free!)
      assert.equal(stage.wire(0).accepted, asked)
      wire.release()
      await late
    }
  })

  it('E1.9 E1.2 keeps the order of its own client, slot by slot', async () => {
    await using stage = await setStage({ wired: true })
    const client = await stage.client()
    const [key, other] = stage.keysOf(0, 2)
    const wire = stage.wire(0)
    const node = stage.cluster.nodes[0]!
    const held = wire.hold('APPEND')
    const first = client.call('APPEND', key!, 'a')
    await held
    await warning(stage)
    const rest = client.pipeline([
      ['APPEND', key!, 'b'],
      ['APPEND', other!, 'c'],
    ])
    await until(node, 'command', () => receivedBy(node, 'APPEND').length === 2)
    assert.deepEqual(receivedBy(node, 'APPEND'), [`APPEND ${key} a`, `APPEND ${other} c`])
    wire.release()
    await Promise.all([first, rest])
    assert.equal(await client.ask('GET', key!), 'ab')
  })

  it('E1.9 a node that answers nobody is left alone', async () => {
    await using stage = await setStage({ wired: true, options: { commandTimeout: 1500 } })
    let warned = 0
    stage.proxy.on('warning', () => warned++)
    const client = await stage.client()
    const wire = stage.wire(0)
    wire.silence()
    const reply = await client.call('SET', stage.keyOf(0), 'x')
    assert.match(String(reply), /^-UNCERTAIN /)
    assert.equal(warned, 0)
  })

  it('E7.10 a new command that the servers flag as blocking gets a private connection', async () => {
    await using stage = await setStage()
    await teach(stage, 'blmovem', -3, 1, ['write', 'blocking'])
    const node = stage.cluster.nodes[0]!
    const [waiter, other] = await stage.clients(2)
    const key = stage.keyOf(0)
    node.answer('BLMOVEM', '')
    const received = until(node, 'command', () => receivedBy(node, 'BLMOVEM').length > 0)
    waiter!.call('BLMOVEM', key, '0').catch(() => {})
    await received
    assert.equal(await other!.ask('SET', key, 'x'), 'OK')
  })

  it('E7.10 one that they do not flag freezes nobody for longer than it takes to notice', async () => {
    await using stage = await setStage()
    await teach(stage, 'hang', -2, 1, ['write'])
    const node = stage.cluster.nodes[0]!
    const [waiter, other] = await stage.clients(2)
    const [key, free] = stage.keysOf(0, 2)
    node.answer('HANG', '')
    waiter!.call('HANG', key!, '0').catch(() => {})
    const { message } = await warning(stage)
    assert.match(message, /^'hang' keeps/)
    assert.equal(await other!.ask('SET', free!, 'x'), 'OK')
  })

  it('E10.5 SCRIPT KILL and FUNCTION KILL reach the node past a stuck connection', async () => {
    await using stage = await setStage({ wired: true })
    const [slow, killer] = await stage.clients(2)
    const held = stage.wire(0).hold('EVAL')
    slow!.call('EVAL', 'return 1', '1', stage.keyOf(0)).catch(() => {})
    await held
    for (const name of ['SCRIPT', 'FUNCTION']) {
      stage.cluster.nodes[0]!.answer(`${name} KILL`, '+OK\r\n')
      stage.cluster.nodes[1]!.answer(
        `${name} KILL`,
        '-NOTBUSY No scripts in execution right now.\r\n'
      )
      assert.equal(await killer!.ask(name, 'KILL'), 'OK')
    }
    for (const node of stage.cluster.nodes) {
      node.answer('SCRIPT KILL', '-NOTBUSY No scripts in execution right now.\r\n')
    }
    const idle = String(await killer!.call('SCRIPT', 'KILL'))
    assert.equal(idle, '-NOTBUSY No scripts in execution right now.\r\n')
  })
})
