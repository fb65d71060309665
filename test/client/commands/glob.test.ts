import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { matchesGlob } from '../../../lib/client/commands/glob.ts'

const matches = (pattern: string, text: string): boolean =>
  matchesGlob(Buffer.from(pattern, 'latin1'), text)

describe('matchesGlob', () => {
  const cases: [pattern: string, text: string, expected: boolean][] = [
    ['*', 'get', true],
    ['', 'get', false],
    ['g?t', 'GET', true],
    ['g?t', 'gt', false],
    ['*et*', 'getset', true],
    ['g**t', 'get', true],
    ['*a*b', 'aab', true],
    ['*a*b', 'aba', false],
    ['[gs]et', 'set', true],
    ['[^gs]et', 'set', false],
    ['[F-H]et', 'get', true],
    ['[h-f]et', 'get', true],
    ['[g', 'g', true],
    ['[]', 'g', false],
    ['[^]', 'g', true],
    ['[\\]]', ']', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['\\', '\\', true],
    ['get', 'getset', false],
    ['getset', 'get', false],
  ]
  for (const [pattern, text, expected] of cases) {
    it(`says ${expected} for '${text}' and '${pattern}'`, () => {
      assert.equal(matches(pattern, text), expected)
    })
  }

  it('does not try every way to share a text among many stars', () => {
    assert.equal(matches('*a'.repeat(2000), `${'a'.repeat(1999)}b`.repeat(2)), false)
  })
})
