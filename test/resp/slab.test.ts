import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arena, Slab, wordsOf } from '../../lib/resp/slab.ts'

test('the words of a buffer are its own bytes, wherever it lies', () => {
  const buffer = Buffer.from('xxabcdefyy').subarray(2, 8)
  const words = wordsOf(buffer)
  assert.equal(words.byteLength, 6)
  assert.equal(words.getInt32(1, false), Buffer.from('bcde').readInt32BE())
  const slab = new Slab(8)
  slab.words.setInt32(2, 0x61626364, false)
  assert.equal(slab.bytes.toString('latin1', 2, 6), 'abcd')
})

test('takers share a slab, and never a byte of it', () => {
  const arena = new Arena(8192, 2048)
  const taken = Array.from({ length: 100 }, (_, i) => {
    const slab = arena.take(100 + i)
    return { slab, from: arena.from, to: arena.from + 100 + i }
  })
  assert.ok(new Set(taken.map(({ slab }) => slab)).size < 5)
  for (const { slab, from, to } of taken) {
    assert.ok(to <= slab.length)
    const others = taken.filter((other) => other.slab === slab && other.from !== from)
    assert.ok(others.every((other) => other.to <= from || other.from >= to))
  }
})

test('who needs much gets a slab alone, and the others go on in theirs', () => {
  const arena = new Arena(8192, 2048)
  const first = arena.take(10)
  const large = arena.take(100_000)
  assert.equal(large.length, 100_000)
  assert.equal(arena.from, 0)
  assert.equal(arena.take(10), first)
  assert.equal(arena.from, 10)
})
