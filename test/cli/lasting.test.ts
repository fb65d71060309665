import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lasting } from '../../lib/cli/lasting.ts'

const words = (...args: string[]): Buffer[] => args.map((word) => Buffer.from(word))
const set = (name: string, value: string) => ({
  kind: 'proxy-config-set',
  args: words('PROXY', 'CONFIG', 'SET', name, value),
  lasting: name,
})
const pause = (ms: number) => ({
  kind: 'client-pause',
  args: words('CLIENT', 'PAUSE', String(ms), 'WRITE'),
})

test('the latest setting of each name is told, until it is forgotten', () => {
  const lasting = new Lasting()
  const [first, second, other] = [set('a', '1'), set('a', '2'), set('b', '1')]
  for (const question of [first, second, other]) lasting.note(question)
  const former = lasting.settings()
  assert.deepEqual(lasting.told(new Set()), [second, other])
  assert.deepEqual(lasting.told(former), [])
  const anew = set('a', '3')
  lasting.note(anew)
  assert.deepEqual(lasting.told(former), [anew])
  lasting.forgetAll(former)
  assert.deepEqual(lasting.told(new Set()), [anew])
  lasting.forget('a')
  assert.deepEqual(lasting.told(new Set()), [])
})

test('a pause is told with the time that is left of it', () => {
  const lasting = new Lasting()
  lasting.note(pause(0))
  assert.deepEqual(lasting.told(new Set()), [])
  lasting.note(pause(60_000))
  const [told] = lasting.told(new Set())
  const left = Number(String(told!.args[2]))
  assert.ok(left > 0 && left <= 60_000)
  assert.equal(String(told!.args[3]), 'WRITE')
  lasting.note({ kind: 'client-unpause', args: words('CLIENT', 'UNPAUSE') })
  assert.deepEqual(lasting.told(new Set()), [])
})

test('threads with monitors are told of until they have none', () => {
  const lasting = new Lasting()
  const begin = (name: string) => ({ kind: 'monitor-begin', args: words(name, '0') })
  const [one, other] = [begin('one'), begin('other')]
  for (const question of [one, other]) lasting.note(question)
  // A restart forgets what was set, and no monitor.
  assert.deepEqual(lasting.told(lasting.settings()), [one, other])
  lasting.note({ kind: 'monitor-end', args: words('one') })
  assert.deepEqual(lasting.told(new Set()), [other])
})

test('failed attempts to authenticate are told by their host for a minute, with their age', (t) => {
  let now = 1000
  t.mock.method(performance, 'now', () => now)
  const failed = (host: string) => ({ kind: 'auth-failed', args: words(host) })
  const lasting = new Lasting()
  const told = () => lasting.told(new Set()).map(({ args }) => args.map(String))
  lasting.note(failed('10.0.0.1'))
  now += 30_000
  lasting.note(failed('10.0.0.2'))
  lasting.note(failed('10.0.0.1'))
  now += 20_000
  assert.deepEqual(told(), [
    ['10.0.0.2', '1', '20000'],
    ['10.0.0.1', '2', '20000'],
  ])
  now += 40_000
  assert.deepEqual(told(), [])
  lasting.note(failed('10.0.0.1'))
  assert.deepEqual(told(), [['10.0.0.1', '1', '0']])
  for (let i = 0; i < 10_000; i++) lasting.note(failed(`host-${i}`))
  assert.equal(told().length, 10_000)
  assert.equal(told()[0]![0], 'host-0')
})

test('what is kept is not what the next command of the client overwrites', () => {
  const lasting = new Lasting()
  const question = set('a', '1')
  lasting.note(question)
  for (const arg of question.args) arg.fill(0)
  assert.deepEqual(lasting.told(new Set()), [set('a', '1')])
})
