import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attempts } from '../../../lib/client/access/attempts.ts'
import { answerThread } from '../../../lib/client/commands/thread-answers.ts'
import type { ThreadAnswer, ThreadQuestion } from '../../../lib/program-hooks.ts'
import { fakeServices } from '../commands/local-call.ts'

test('each failure doubles the delay of the next attempt, whatever the port, up to 32 times', () => {
  const attempts = new Attempts()
  const delays = [attempts.delay('10.0.0.1:1', 10)]
  for (let i = 0; i < 8; i++) {
    void attempts.failed(`10.0.0.1:${i}`)
    delays.push(attempts.delay('10.0.0.1:9', 10))
  }
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 320, 320, 320])
  assert.equal(attempts.delay('10.0.0.2:1', 10), 0)
})

test('an IPv6 address stands for its network', () => {
  const attempts = new Attempts()
  void attempts.failed('[2001:db8:1:2:3:4:5:6]:1000')
  assert.equal(attempts.delay('[2001:db8:1:2:ffff::1]:1000', 10), 10)
  assert.equal(attempts.delay('[2001:db8:1:3::1]:1000', 10), 0)
  assert.equal(attempts.delay('[::1]:1000', 10), 0)
})

test('a failure is forgotten after a minute', (t) => {
  let now = 1000
  t.mock.method(performance, 'now', () => now)
  const attempts = new Attempts()
  void attempts.failed('a:1')
  now += 60_000
  assert.equal(attempts.delay('a:1', 10), 10)
  now += 1
  assert.equal(attempts.delay('a:1', 10), 0)
  void attempts.failed('a:1')
  assert.equal(attempts.delay('a:1', 10), 10)
})

test('ten thousand addresses are remembered at most', () => {
  const attempts = new Attempts()
  for (let i = 0; i < 10_005; i++) void attempts.failed(`host-${i}:1`)
  assert.equal(attempts.size, 10_000)
  assert.equal(attempts.delay('host-4:1', 10), 0)
  assert.equal(attempts.delay('host-5:1', 10), 10)
})

test('a failure is told to the other threads, and one of theirs counts like one here', async () => {
  const asked: ThreadQuestion[] = []
  let release = (): void => {}
  const ask = (question: ThreadQuestion): Promise<readonly ThreadAnswer[]> => {
    asked.push(question)
    return new Promise((resolve) => {
      release = () => resolve([])
    })
  }
  const attempts = new Attempts({
    index: 0,
    count: 2,
    clientsElsewhere: 0,
    idOf: () => undefined,
    ask,
  })
  let told = false
  const known = attempts.failed('10.0.0.1:1')!.then(() => {
    told = true
  })
  assert.deepEqual(asked, [{ kind: 'auth-failed', args: [Buffer.from('10.0.0.1')] }])
  await new Promise(setImmediate)
  assert.equal(told, false)
  release()
  await known
  const services = { ...fakeServices(), attempts }
  const heard = (...words: string[]) =>
    answerThread({ kind: 'auth-failed', args: words.map((word) => Buffer.from(word)) }, services)
  heard('10.0.0.1')
  assert.equal(attempts.delay('10.0.0.1:7', 10), 20)
  // As a thread is told that starts later.
  heard('10.0.0.2', '3', '59000')
  heard('10.0.0.3', '3', '61000')
  assert.equal(attempts.delay('10.0.0.2:7', 10), 40)
  assert.equal(attempts.delay('10.0.0.3:7', 10), 0)
  assert.equal(asked.length, 1)
})
