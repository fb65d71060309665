import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { arityFits } from '../../lib/command/spec.ts'

describe('arityFits', () => {
  const cases: [string, number, boolean][] = [
    ['get', 1, false],
    ['get', 2, true],
    ['get', 3, false],
    ['mset', 2, false],
    ['mset', 3, true],
    ['mset', 4, true],
    ['command', 1, true],
    ['xgroup|destroy', 4, true],
    ['xgroup|destroy', 3, false],
  ]
  for (const [name, argc, expected] of cases) {
    it(`says ${expected} for ${name} with ${argc} arguments`, () => {
      assert.equal(arityFits(Catalogue.builtIn().get(name)!, argc), expected)
    })
  }
})
