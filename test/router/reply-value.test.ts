import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Double, ErrorReply, SimpleString } from '../../lib/resp/encode.ts'
import { numericOf, replyValue, wholeOf } from '../../lib/router/reply-value.ts'

const value = (text: string): unknown => replyValue(Buffer.from(text))

describe('the value of a raw reply', () => {
  it('is told for every type of both versions', () => {
    assert.deepEqual(value(':12\r\n'), 12n)
    assert.deepEqual(value(',1.5\r\n'), new Double(1.5))
    assert.deepEqual(value(',-inf\r\n'), new Double(-Infinity))
    assert.deepEqual(value('#t\r\n'), true)
    assert.deepEqual(value('+OK\r\n'), new SimpleString('OK'))
    assert.deepEqual(value('$2\r\nab\r\n'), Buffer.from('ab'))
    assert.deepEqual(value('=6\r\ntxt:ab\r\n'), Buffer.from('ab'))
    for (const none of ['_\r\n', '$-1\r\n', '*-1\r\n']) assert.equal(value(none), null)
    assert.deepEqual(value('*2\r\n:1\r\n*1\r\n:2\r\n'), [1n, [2n]])
    assert.deepEqual(value('~1\r\n:1\r\n'), [1n])
    assert.deepEqual(value('%1\r\n:1\r\n:2\r\n'), new Map([[1n, 2n]]))
    assert.deepEqual(value('|1\r\n:1\r\n:2\r\n:3\r\n'), 3n)
    assert.deepEqual((value('-ERR x\r\n') as ErrorReply).text, new ErrorReply('ERR x').text)
  })

  it('is refused when it is nested too deep', () => {
    assert.throws(() => value(`${'*1\r\n'.repeat(100)}:1\r\n`), { code: 'NODE_PROTOCOL' })
  })

  it('is a number where it says one', () => {
    assert.equal(numericOf(Buffer.from('2.5')), 2.5)
    assert.equal(numericOf(7n), 7)
    for (const none of [Buffer.from('x'), Buffer.from(''), null, undefined])
      assert.equal(numericOf(none), undefined)
    assert.equal(wholeOf(Buffer.from('2.5')), 2n)
    assert.equal(wholeOf(new Double(Infinity)), 0n)
  })
})
