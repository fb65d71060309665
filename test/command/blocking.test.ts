import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isBlockingCall } from '../../lib/command/blocking.ts'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'

describe('isBlockingCall', () => {
  const cases: [string, boolean][] = [
    ['get block', false],
    ['lpop a', false],
    ['lmpop 1 a left', false],
    ['blpop a 0', true],
    ['blmpop 0 1 a left', true],
    ['bzpopmin a 0', true],
    ['brpoplpush a b 0', true],
    ['wait 1 0', true],
    ['xread streams a 0', false],
    ['xread block 0 streams a 0', true],
    ['XREAD COUNT 1 Block 0 STREAMS a 0', true],
    ['xread streams block 0', false],
    ['xread count block streams a 0', false],
    ['xread block streams streams a 0', true],
    ['xread somenewoption 5 block 0 streams a 0', true],
    ['xread block', true],
    ['xreadgroup group block block streams a >', false],
    ['xreadgroup group streams block block 0 streams a >', true],
    ['xreadgroup noack group g c streams block >', false],
    ['xreadgroup block 5 group g c noack streams a >', true],
  ]
  for (const [request, expected] of cases) {
    it(`says ${expected} for '${request}'`, () => {
      const view = frameRequest(request.split(' '))
      const spec = Catalogue.builtIn().find(view)!
      assert.equal(isBlockingCall(spec, view), expected)
    })
  }

  it('says true for a command that only the cluster knows and flags as blocking', () => {
    const row = ['blmovem', -2, ['write', 'blocking'], 1, 1, 1, [], [], [], []]
    const view = frameRequest(['BLMOVEM', 'a'])
    const spec = Catalogue.builtIn().overlaid([row]).find(view)!
    assert.equal(isBlockingCall(spec, view), true)
  })
})
