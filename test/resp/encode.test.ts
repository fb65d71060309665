import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Double,
  ErrorReply,
  encodeReply,
  NULL_ARRAY,
  OK,
  Push,
  RawReply,
  type ReplyValue,
  SimpleString,
  Verbatim,
} from '../../lib/resp/encode.ts'

const CASES: readonly [title: string, value: ReplyValue, two: string, three: string][] = [
  ['a string by its bytes', 'é', '$2\r\n\xc3\xa9\r\n', '$2\r\n\xc3\xa9\r\n'],
  ['bytes', Buffer.from([0, 13, 10, 255]), '$4\r\n\0\r\n\xff\r\n', '$4\r\n\0\r\n\xff\r\n'],
  ['an empty string', '', '$0\r\n\r\n', '$0\r\n\r\n'],
  ['an integer', -7, ':-7\r\n', ':-7\r\n'],
  ['a big integer', 9223372036854775807n, ':9223372036854775807\r\n', ':9223372036854775807\r\n'],
  ['true', true, ':1\r\n', '#t\r\n'],
  ['false', false, ':0\r\n', '#f\r\n'],
  ['null', null, '$-1\r\n', '_\r\n'],
  ['the null array', NULL_ARRAY, '*-1\r\n', '_\r\n'],
  ['a status', OK, '+OK\r\n', '+OK\r\n'],
  ['an error', new ErrorReply('ERR x'), '-ERR x\r\n', '-ERR x\r\n'],
  ['a double', new Double(1.5), '$3\r\n1.5\r\n', ',1.5\r\n'],
  ['infinity', new Double(Number.POSITIVE_INFINITY), '$3\r\ninf\r\n', ',inf\r\n'],
  ['negative infinity', new Double(Number.NEGATIVE_INFINITY), '$4\r\n-inf\r\n', ',-inf\r\n'],
  ['no number', new Double(Number.NaN), '$3\r\nnan\r\n', ',nan\r\n'],
  ['negative zero', new Double(-0), '$2\r\n-0\r\n', ',-0\r\n'],
  ['verbatim text', new Verbatim('a\r\nb'), '$4\r\na\r\nb\r\n', '=8\r\ntxt:a\r\nb\r\n'],
  ['markdown', new Verbatim('#', 'mkd'), '$1\r\n#\r\n', '=5\r\nmkd:#\r\n'],
  ['an array', ['a', 1, []], '*3\r\n$1\r\na\r\n:1\r\n*0\r\n', '*3\r\n$1\r\na\r\n:1\r\n*0\r\n'],
  ['a push', new Push(['a', 1]), '*2\r\n$1\r\na\r\n:1\r\n', '>2\r\n$1\r\na\r\n:1\r\n'],
  ['a map', new Map([['a', null]]), '*2\r\n$1\r\na\r\n$-1\r\n', '%1\r\n$1\r\na\r\n_\r\n'],
  ['a set', new Set([1]), '*1\r\n:1\r\n', '~1\r\n:1\r\n'],
  [
    'what is encoded already',
    [new RawReply(Buffer.from(':+5\r\n'))],
    '*1\r\n:+5\r\n',
    '*1\r\n:+5\r\n',
  ],
]

describe('encodeReply', () => {
  for (const [title, value, two, three] of CASES) {
    it(`encodes ${title} in both versions`, () => {
      assert.equal(encodeReply(value, 2).toString('latin1'), two)
      assert.equal(encodeReply(value, 3).toString('latin1'), three)
    })
  }

  it('lets no line end break a status or an error', () => {
    assert.equal(encodeReply(new SimpleString('a\r\nb'), 2).toString(), '+a  b\r\n')
    assert.equal(encodeReply(new ErrorReply('ERR \r\n-x\r\n'), 2).toString(), '-ERR   -x\r\n')
  })

  it('keeps the bytes of an error that are no text', () => {
    const error = new ErrorReply(Buffer.from('ERR \xff', 'latin1'))
    assert.equal(error.text, 'ERR \ufffd')
    assert.deepEqual(encodeReply(error, 2), Buffer.from('-ERR \xff\r\n', 'latin1'))
  })
})
