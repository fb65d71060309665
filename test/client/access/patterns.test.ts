import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Patterns } from '../../../lib/client/access/patterns.ts'
import { READS, WRITES } from '../../../lib/command/key-access.ts'

function allows(words: string, name: string, access = READS | WRITES): boolean {
  const bytes = Buffer.from(`<<${name}>>`)
  return new Patterns(words.split(' ')).allow(bytes, 2, bytes.length - 2, access)
}

test('a prefix with a star is as good as any glob', () => {
  assert.equal(allows('~app:*', 'app:1'), true)
  assert.equal(allows('~app:*', 'app:'), true)
  assert.equal(allows('~app:*', 'app'), false)
  assert.equal(allows('~app:*', 'App:1'), false)
  assert.equal(allows('~a*b', 'axb'), true)
  assert.equal(allows('~a[0-9]*', 'a7x'), true)
  assert.equal(allows('~a[0-9]*', 'ax'), false)
  assert.equal(allows('~\\**', '*x'), true)
  assert.equal(allows('~\\**', 'x'), false)
  assert.equal(allows('~exact', 'exact'), true)
  assert.equal(allows('~exact', 'exactly'), false)
})

test('a pattern for reading or writing alone allows just that, and looking at keys in any case', () => {
  assert.equal(allows('%R~a*', 'a', READS), true)
  assert.equal(allows('%R~a*', 'a', WRITES), false)
  assert.equal(allows('%r~a* %W~a*', 'a', WRITES), true)
  // As in the server, two patterns do not add up.
  assert.equal(allows('%R~a* %W~a*', 'a', READS | WRITES), false)
  assert.equal(allows('%RW~a*', 'a'), true)
  assert.equal(allows('%W~a*', 'a', 0), true)
})

test('everything is allowed by one star only', () => {
  for (const word of ['~*', 'allkeys', '%RW~*', '&*', 'allchannels']) {
    assert.equal(new Patterns([word]).all, true, word)
  }
  for (const word of ['%R~*', '~**x', '~a*']) assert.equal(new Patterns([word]).all, false, word)
  assert.equal(new Patterns([]).allow(Buffer.from('a'), 0, 1, 0), false)
})

test('a pattern of channels is had as it stands', () => {
  const patterns = new Patterns(['&news.*'])
  assert.equal(patterns.has(Buffer.from('news.*')), true)
  assert.equal(patterns.has(Buffer.from('news.1')), false)
})
