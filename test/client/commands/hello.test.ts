import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeClient, LocalSide } from './local-call.ts'

describe('HELLO', () => {
  it('falls back where RESP3 is switched off, in the words that clients know', async () => {
    const side = new LocalSide()
    side.services.resp3 = false
    assert.equal(await side.text('HELLO', 3), '-NOPROTO unsupported protocol version\r\n')
    assert.equal(side.session.protocol, 2)
    assert.match((await side.text('HELLO', 2))!, /^\*14\r\n/)
  })

  it('changes no version when its AUTH fails, and keeps the AUTH when a later option fails', async () => {
    const side = new LocalSide(fakeClient(1, false))
    side.services.password = 'secret'
    await side.call('HELLO', 3, 'AUTH', 'default', 'x')
    assert.equal(side.session.protocol, 2)
    assert.match((await side.text('HELLO', 3))!, /^-NOAUTH HELLO must be called/)
    await side.call('HELLO', 3, 'AUTH', 'default', 'secret', 'SETNAME', 'a b')
    assert.equal(side.session.protocol, 2)
    assert.equal(side.session.authenticated, true)
    assert.match((await side.text('HELLO', 3))!, /^%7\r\n/)
  })
})
