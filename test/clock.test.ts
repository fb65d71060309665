import assert from 'node:assert/strict'
import { describe, it, mock, type TestContext } from 'node:test'
import { Clock, TICK } from '../lib/clock.ts'

/** Timers and `performance.now` that only move when told to. */
function standStill(t: TestContext): (milliseconds: number) => void {
  let now = 1000.7
  mock.timers.enable({ apis: ['setInterval'] })
  mock.method(performance, 'now', () => now)
  t.after(() => {
    mock.timers.reset()
    mock.restoreAll()
  })
  return (milliseconds) => {
    now += milliseconds
    mock.timers.tick(milliseconds)
  }
}

describe('Clock', () => {
  it('tells whole milliseconds, as of the last tick', (t) => {
    const pass = standStill(t)
    const clock = new Clock()
    assert.equal(clock.now, 1000)
    const stop = clock.onTick(() => {})
    pass(TICK - 1)
    assert.equal(clock.now, 1000)
    pass(1)
    assert.equal(clock.now, 1000 + TICK)
    stop()
  })

  it('calls each task at each tick until it is stopped', (t) => {
    const pass = standStill(t)
    const clock = new Clock()
    const seen: string[] = []
    const stopFirst = clock.onTick(() => seen.push('first'))
    const stopSecond = clock.onTick(() => seen.push('second'))
    pass(TICK)
    assert.deepEqual(seen, ['first', 'second'])
    stopFirst()
    stopFirst()
    pass(TICK)
    assert.deepEqual(seen, ['first', 'second', 'second'])
    stopSecond()
    pass(3 * TICK)
    assert.equal(seen.length, 3)
  })

  it('lets a task stop itself and others during a tick', (t) => {
    const pass = standStill(t)
    const clock = new Clock()
    const seen: string[] = []
    let stopLater: () => void = () => {}
    const stop = clock.onTick(() => {
      seen.push('once')
      stop()
      stopLater()
    })
    stopLater = clock.onTick(() => seen.push('never'))
    pass(2 * TICK)
    assert.deepEqual(seen, ['once'])
  })

  it('has the time of now, and not of its making, when the first task comes late', (t) => {
    const pass = standStill(t)
    const clock = new Clock()
    pass(60_000)
    const stop = clock.onTick(() => {})
    assert.equal(clock.now, 61_000)
    stop()
    pass(60_000)
    clock.onTick(() => {})()
    assert.equal(clock.now, 121_000)
  })

  it('does not keep the process alive', () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const stop = new Clock().onTick(() => {})
    const during = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    stop()
    assert.equal(during, before)
  })
})
