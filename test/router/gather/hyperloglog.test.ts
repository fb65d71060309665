import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHyperLogLog, Registers } from '../../../lib/router/gather/hyperloglog.ts'

function stored(encoding: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from('HYLL'), Buffer.from([encoding, ...Array(11).fill(0)]), body])
}

/** 16383 empty registers, in one run. */
const ALMOST_ALL = [0x7f, 0xfe]

describe('a HyperLogLog', () => {
  it('is told by its header, and a dense one by its size', () => {
    assert.ok(isHyperLogLog(stored(0, Buffer.alloc(12_288))))
    assert.ok(isHyperLogLog(stored(1, Buffer.alloc(0))))
    assert.ok(!isHyperLogLog(stored(0, Buffer.alloc(12_289))))
    assert.ok(!isHyperLogLog(stored(2, Buffer.alloc(12_288))))
    assert.ok(!isHyperLogLog(stored(1, Buffer.alloc(0)).subarray(1)))
    assert.ok(!isHyperLogLog(Buffer.from('HYLL')))
  })

  it('counts the registers of all that are merged, whatever their encoding', () => {
    const registers = new Registers()
    assert.equal(registers.count(), 0)
    assert.ok(registers.merge(stored(1, Buffer.from([...ALMOST_ALL, 0x80]))))
    assert.equal(registers.count(), 1)
    const dense = Buffer.alloc(12_288)
    dense[0] = 0b0100_0010
    assert.ok(registers.merge(stored(0, dense)))
    assert.equal(registers.count(), 3)
    assert.ok(registers.merge(stored(0, dense)))
    assert.equal(registers.count(), 3)
  })

  it('is broken when its runs make too few or too many registers', () => {
    for (const runs of [[], ALMOST_ALL, [...ALMOST_ALL, 0x81], [...ALMOST_ALL, 0x01], [0x7f]]) {
      assert.equal(new Registers().merge(stored(1, Buffer.from(runs))), false)
    }
  })
})
