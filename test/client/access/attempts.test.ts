import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attempts } from '../../../lib/client/access/attempts.ts'

test('each failure doubles the delay of the next attempt, whatever the port, up to 32 times', () => {
  const attempts = new Attempts()
  const delays = [attempts.delay('10.0.0.1:1', 10)]
  for (let i = 0; i < 8; i++) {
    attempts.failed(`10.0.0.1:${i}`)
    delays.push(attempts.delay('10.0.0.1:9', 10))
  }
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 320, 320, 320])
  assert.equal(attempts.delay('10.0.0.2:1', 10), 0)
})

test('an IPv6 address stands for its network', () => {
  const attempts = new Attempts()
  attempts.failed('[2001:db8:1:2:3:4:5:6]:1000')
  assert.equal(attempts.delay('[2001:db8:1:2:ffff::1]:1000', 10), 10)
  assert.equal(attempts.delay('[2001:db8:1:3::1]:1000', 10), 0)
  assert.equal(attempts.delay('[::1]:1000', 10), 0)
})

test('a failure is forgotten after a minute', (t) => {
  let now = 1000
  t.mock.method(performance, 'now', () => now)
  const attempts = new Attempts()
  attempts.failed('a:1')
  now += 60_000
  assert.equal(attempts.delay('a:1', 10), 10)
  now += 1
  assert.equal(attempts.delay('a:1', 10), 0)
  attempts.failed('a:1')
  assert.equal(attempts.delay('a:1', 10), 10)
})

test('ten thousand addresses are remembered at most', () => {
  const attempts = new Attempts()
  for (let i = 0; i < 10_005; i++) attempts.failed(`host-${i}:1`)
  assert.equal(attempts.size, 10_000)
  assert.equal(attempts.delay('host-4:1', 10), 0)
  assert.equal(attempts.delay('host-5:1', 10), 10)
})
