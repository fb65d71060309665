import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countsAsWrite, Pause } from '../../lib/client/pause.ts'
import { Catalogue } from '../../lib/command/catalogue.ts'
import type { CommandSpec } from '../../lib/command/spec.ts'

const catalogue = Catalogue.builtIn()
const spec = (name: string): CommandSpec => catalogue.get(name)!

test('what writes, or reaches the replicas, counts as a write', () => {
  const names = ['set', 'del', 'publish', 'spublish', 'pfcount', 'eval', 'evalsha', 'fcall', 'sort']
  assert.deepEqual(
    names.filter((name) => !countsAsWrite(spec(name))),
    []
  )
  const reads = ['get', 'eval_ro', 'fcall_ro', 'script|load', 'watch', 'multi', 'exec', 'xread']
  assert.deepEqual(
    reads.filter((name) => countsAsWrite(spec(name))),
    []
  )
})

test('a pause of writes lets reads through, and EXEC unless it writes', (t) => {
  const pause = new Pause(() => {})
  t.after(() => pause.end())
  pause.begin('write', 60_000)
  assert.deepEqual(
    [
      pause.holds(spec('get'), false),
      pause.holds(spec('set'), false),
      pause.holds(spec('exec'), false),
      pause.holds(spec('exec'), true),
    ],
    [false, true, false, true]
  )
})

test('a second pause makes the first neither shorter nor laxer', async () => {
  const begun = performance.now()
  const pause = await new Promise<Pause>((resolve) => {
    const one: Pause = new Pause(() => resolve(one))
    one.begin('all', 60)
    one.begin('write', 1)
    assert.ok(one.holds(spec('get'), false))
  })
  assert.ok(performance.now() - begun >= 59)
  assert.ok(!pause.on && !pause.holds(spec('set'), false))
})

test('a pause of no time, and the end of none, end nothing', () => {
  let ended = 0
  const pause = new Pause(() => ended++)
  pause.end()
  assert.equal(ended, 0)
  pause.begin('all', 0)
  assert.deepEqual([pause.on, ended], [false, 1])
  // Longer than a timer can be.
  pause.begin('all', 2 ** 40)
  assert.ok(pause.on)
  pause.end()
  assert.deepEqual([pause.on, ended], [false, 2])
})
