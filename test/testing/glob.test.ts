import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchesGlob } from '../../lib/testing/glob.ts'

const MATCHES = [
  ['*', ''],
  ['*', 'anything'],
  ['a*c', 'abbc'],
  ['a**c', 'ac'],
  ['?b', 'ab'],
  ['[a-c]x', 'bx'],
  ['[c-a]x', 'bx'],
  ['[^a]x', 'bx'],
  ['\\*', '*'],
  ['[\\]]', ']'],
  ['h[ae]llo*', 'hello world'],
] as const

const MISSES = [
  ['', 'a'],
  ['a', ''],
  ['a', 'ab'],
  ['?', ''],
  ['a*c', 'ab'],
  ['[a-c]x', 'dx'],
  ['[^a]x', 'ax'],
  ['\\*', 'a'],
] as const

for (const [pattern, text] of MATCHES) {
  test(`'${pattern}' matches '${text}'`, () => assert.equal(matchesGlob(pattern, text), true))
}

for (const [pattern, text] of MISSES) {
  test(`'${pattern}' does not match '${text}'`, () =>
    assert.equal(matchesGlob(pattern, text), false))
}
