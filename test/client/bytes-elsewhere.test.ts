import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BytesElsewhere } from '../../lib/client/bytes-elsewhere.ts'
import type { ThreadAnswer, ThreadHooks } from '../../lib/program-hooks.ts'

const LIMIT = 1000

/** One of four threads, and the answers of the others, which come when they are told to. */
function oneOfFour() {
  const asked: ((answers: readonly ThreadAnswer[]) => void)[] = []
  const hooks: ThreadHooks = {
    index: 0,
    count: 4,
    clientsElsewhere: 0,
    idOf: () => undefined,
    ask: () => new Promise((resolve) => asked.push(resolve)),
  }
  return { elsewhere: new BytesElsewhere(hooks), asked }
}

const answers = (...values: number[]): ThreadAnswer[] =>
  values.map((value, thread) => ({ thread: thread + 1, value }))

test('with no more than its share of the limit a thread asks nobody', () => {
  const { elsewhere, asked } = oneOfFour()
  assert.equal(elsewhere.beside(250, LIMIT), 0)
  assert.equal(asked.length, 0)
  assert.equal(new BytesElsewhere(undefined).beside(5000, LIMIT), 0)
})

test('beyond its share it asks, once at a time, and counts what the others have', async () => {
  const { elsewhere, asked } = oneOfFour()
  assert.equal(elsewhere.beside(251, LIMIT), 0)
  assert.equal(elsewhere.beside(300, LIMIT), 0)
  assert.equal(asked.length, 1)
  asked[0]!(answers(100, 200, 500))
  await new Promise(setImmediate)
  assert.equal(elsewhere.beside(300, LIMIT), 800)
  assert.equal(asked.length, 2)
  // Back within its share it goes on, whatever the others have.
  assert.equal(elsewhere.beside(250, LIMIT), 0)
  asked[1]!(answers(1, 2, 3))
  await new Promise(setImmediate)
  assert.equal(elsewhere.beside(100, LIMIT), 0)
  assert.equal(asked.length, 2)
})
