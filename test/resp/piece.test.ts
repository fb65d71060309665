import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copyPiece, HEADER_LENGTH, writeHeader } from '../../lib/resp/piece.ts'

test('short and long pieces are copied to their place, and nothing around them changes', () => {
  for (const length of [0, 1, 47, 48, 300]) {
    const source = Buffer.from(`ab${'x'.repeat(length)}cd`)
    const target = Buffer.alloc(length + 2, '.')
    assert.equal(copyPiece(source, 2, 2 + length, target, 1), 1 + length)
    assert.equal(target.toString(), `.${'x'.repeat(length)}.`)
  }
})

test('a header has any number of digits', () => {
  const target = Buffer.alloc(HEADER_LENGTH + 1)
  for (const count of [0, 9, 10, 2_147_483_647]) {
    const end = writeHeader(target, 1, 42, count)
    assert.equal(target.toString('latin1', 1, end), `*${count}\r\n`)
  }
})
