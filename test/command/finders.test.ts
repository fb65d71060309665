import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { finders, hasBlockOption } from '../../lib/command/finders.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'

describe('finders', () => {
  it('belong to commands of the table whose keys must be searched', () => {
    for (const name of finders.keys()) {
      const spec = Catalogue.builtIn().get(name)!
      assert.equal(spec.movableKeys, true, name)
      assert.equal(spec.finder, finders.get(name))
    }
  })

  it('find only indexes of arguments, however few there are', () => {
    const words = 'streams store keys limit get by auth2 block group'.split(' ')
    for (const [name, finder] of finders) {
      for (const word of words) {
        for (let argc = 1; argc < 10; argc++) {
          const view = frameRequest([name, ...new Array(argc - 1).fill(word)])
          const positions: number[] = []
          const count = finder(view, positions)
          assert.ok(count >= 0 && count < argc, `${name} ${argc} ${word}: ${count}`)
          for (const at of positions.slice(0, count)) assert.ok(at > 0 && at < argc)
        }
      }
    }
  })
})

describe('hasBlockOption', () => {
  it('finds BLOCK before STREAMS only', () => {
    const has = (request: string) => hasBlockOption(frameRequest(request.split(' ')))
    assert.equal(has('xread block 0 streams a 0'), true)
    assert.equal(has('xread streams block 0'), false)
  })
})
