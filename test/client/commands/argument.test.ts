import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isPrintable } from '../../../lib/client/commands/argument.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('isPrintable', () => {
  it('accepts visible ASCII only, and nothing at all', () => {
    assert.ok(isPrintable(bytes('')))
    assert.ok(isPrintable(bytes('!a~')))
    for (const text of ['a b', 'a\n', '\x7f', '\xe9', '\0']) assert.ok(!isPrintable(bytes(text)))
  })
})
