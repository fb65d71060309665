import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Flushable, Turn } from '../lib/turn.ts'

describe('Turn', () => {
  it('flushes at the end of the turn, each once, in the order in which they came', async () => {
    const turn = new Turn()
    const flushed: string[] = []
    const named = (name: string): Flushable => ({ flush: () => flushed.push(name) })
    turn.add(named('a'))
    turn.add(named('b'))
    queueMicrotask(() => turn.add(named('c')))
    process.nextTick(() => turn.add(named('d')))
    await Promise.resolve()
    assert.deepEqual(flushed, [])
    await nextTurn()
    assert.deepEqual(flushed.slice(0, 2), ['a', 'b'])
    assert.deepEqual(flushed.slice(2).sort(), ['c', 'd'])
    await nextTurn()
    assert.equal(flushed.length, 4)
  })

  it('leaves what is added while it flushes to the next turn', async () => {
    const turn = new Turn()
    const flushed: number[] = []
    const again = (round: number): Flushable => ({
      flush() {
        flushed.push(round)
        if (round < 3) turn.add(again(round + 1))
      },
    })
    turn.add(again(1))
    for (let round = 1; round <= 3; round++) {
      await nextTurn()
      assert.equal(flushed.length, round)
    }
    assert.deepEqual(flushed, [1, 2, 3])
  })

  it('comes after what the turn itself has left to do', async () => {
    const turn = new Turn()
    const order: string[] = []
    turn.add({ flush: () => order.push('flush') })
    process.nextTick(() => order.push('tick'))
    await nextTurn()
    assert.deepEqual(order, ['tick', 'flush'])
  })
})
