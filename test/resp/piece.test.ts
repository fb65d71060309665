import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copyPiece, HEADER_LENGTH, writeHeader } from '../../lib/resp/piece.ts'
import { Slab } from '../../lib/resp/slab.ts'

function letters(length: number, first: string): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => first.charCodeAt(0) + (i % 26)))
}

test('pieces of any length are copied from and to any place, and nothing around them changes', () => {
  for (let length = 0; length < 70; length++) {
    for (let start = 0; start < 9; start++) {
      const source = letters(length + 9, 'A')
      const target = new Slab(length + 2)
      target.bytes.fill('.')
      assert.equal(copyPiece(source, start, start + length, target, 1), 1 + length)
      const expected = `.${source.toString('latin1', start, start + length)}.`
      assert.equal(target.bytes.toString('latin1'), expected)
    }
  }
})

test('long pieces, and pieces of buffers that lie within others, are copied as they are', () => {
  for (const length of [255, 256, 300, 5000]) {
    const around = letters(length + 100, 'a')
    const source = around.subarray(50, 50 + length)
    const target = new Slab(length + 5)
    assert.equal(copyPiece(source, 0, length, target, 3), 3 + length)
    assert.deepEqual(target.bytes.subarray(3, 3 + length), source)
  }
})

test('sources may take turns, and change between two pieces', () => {
  const target = new Slab(40)
  const sources = Array.from({ length: 4 }, (_, i) => letters(20, 'abcd'[i]!))
  for (let turn = 0; turn < 12; turn++) {
    const source = sources[turn % (1 + (turn % 4))]!
    source[3] = turn
    copyPiece(source, 0, 20, target, turn)
    assert.deepEqual(target.bytes.subarray(turn, turn + 20), source)
  }
})

test('a buffer beyond 64 KiB serves as a source', () => {
  const source = letters(100_000, 'a')
  const target = new Slab(64)
  copyPiece(source, 99_940, 100_000, target, 2)
  assert.deepEqual(target.bytes.subarray(2, 62), source.subarray(99_940))
})

test('what does not fit is refused', () => {
  assert.throws(() => copyPiece(letters(20, 'a'), 0, 20, new Slab(20), 1), RangeError)
})

test('a header has any number of digits', () => {
  const target = Buffer.alloc(HEADER_LENGTH + 1)
  for (const count of [0, 9, 10, 2_147_483_647]) {
    const end = writeHeader(target, 1, 42, count)
    assert.equal(target.toString('latin1', 1, end), `*${count}\r\n`)
  }
})
