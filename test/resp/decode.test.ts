import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ProxyError } from '../../lib/errors.ts'
import { decodeReply } from '../../lib/resp/decode.ts'
import { ErrorReply, encodeReply, type ReplyValue, SimpleString } from '../../lib/resp/encode.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

const refused = (why: RegExp) => (error: unknown) =>
  error instanceof ProxyError && error.code === 'NODE_PROTOCOL' && why.test(error.message)

describe('decodeReply', () => {
  const cases: [string, unknown][] = [
    ['+OK\r\n', 'OK'],
    ['+\r\n', ''],
    [':0\r\n', 0],
    [':-12\r\n', -12],
    ['$3\r\na\r\n\r\n', 'a\r\n'],
    ['$0\r\n\r\n', ''],
    ['$-1\r\n', null],
    ['*-1\r\n', null],
    ['*0\r\n', []],
    ['*2\r\n*1\r\n:1\r\n$-1\r\n', [[1], null]],
  ]
  for (const [frame, expected] of cases) {
    it(`reads ${JSON.stringify(frame)}`, () => {
      assert.deepEqual(decodeReply(bytes(frame)), expected)
    })
  }

  it('gives errors as values, within arrays as well', () => {
    assert.deepEqual(decodeReply(bytes('-ERR no\r\n')), new ErrorReply('ERR no'))
    assert.deepEqual(decodeReply(bytes('*2\r\n-MOVED 1 a:1\r\n:1\r\n')), [
      new ErrorReply('MOVED 1 a:1'),
      1,
    ])
  })

  const broken: [string, RegExp][] = [
    ['', /ends early/],
    ['+OK', /line does not end/],
    ['+OK\rx', /line does not end/],
    ['+OK\r\n+', /more follows/],
    ['$5\r\nabc\r\n', /bulk string does not end/],
    ['$999999999999\r\nabc\r\n', /bulk string does not end/],
    ['$-2\r\n', /negative/],
    ['*4294967296\r\n:1\r\n', /ends early/],
    ['*2\r\n:1\r\n', /ends early/],
    [':\r\n', /no number/],
    [':01\r\n', /no number/],
    ['$+1\r\na\r\n', /no number/],
    ['%1\r\n+a\r\n+b\r\n', /type '%'/],
  ]
  for (const [frame, why] of broken) {
    it(`refuses ${JSON.stringify(frame)}`, () => {
      assert.throws(() => decodeReply(bytes(frame)), refused(why))
    })
  }

  it('refuses deep nesting before anything recurses into it', () => {
    const nested = (levels: number) => bytes(`${'*1\r\n'.repeat(levels)}:1\r\n`)
    assert.match(JSON.stringify(decodeReply(nested(64))), /^\[{64}1\]{64}$/)
    for (const levels of [65, 500_000])
      assert.throws(() => decodeReply(nested(levels)), refused(/deeper than 64/))
  })

  it('reads back whatever was encoded, and no beginning of it', () => {
    const { reply } = fc.letrec<{ reply: ReplyValue }>((tie) => ({
      reply: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'binary' }),
        fc.integer(),
        fc.constant(null),
        fc.array(tie('reply'), { maxLength: 4 })
      ),
    }))
    fc.assert(
      fc.property(
        reply,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (value, cut) => {
          const frame = encodeReply(value, 2)
          assert.deepEqual(decodeReply(frame), value)
          const part = frame.subarray(0, Math.floor(frame.length * cut))
          assert.throws(() => decodeReply(part), refused(/./))
        }
      )
    )
  })

  it('knows no difference between a status and a string', () => {
    assert.equal(decodeReply(encodeReply(new SimpleString('PONG'), 2)), 'PONG')
  })
})
