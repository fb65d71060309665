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

  it('takes its options all or none, and of several the last, with servers since 7.2', async () => {
    const side = new LocalSide(fakeClient(1, false))
    side.services.serverVersion = '7.2.4'
    side.services.password = 'secret'
    const wrong = ['AUTH', 'default', 'x', 'SETNAME', 'first']
    const right = ['AUTH', 'default', 'secret', 'SETNAME', 'last']
    assert.match((await side.text('HELLO', 3, ...right, 'SETNAME', 'a b'))!, /^-ERR Client names/)
    assert.equal(side.session.authenticated, false)
    assert.match((await side.text('HELLO', 3, 'SETNAME', 'x'))!, /otherwise the HELLO <proto> AUTH/)
    assert.match((await side.text('HELLO', 3, ...right, ...wrong))!, /^-WRONGPASS /)
    assert.equal(side.session.name, '')
    assert.match((await side.text('HELLO', 3, ...wrong, ...right))!, /^%7\r\n/)
    assert.equal(side.session.name, 'last')
  })

  it('names a client once the cluster has let it in, with servers since 7.2', async () => {
    const side = new LocalSide(fakeClient(1, false))
    Object.assign(side.services, { serverVersion: '7.4.0', forwardAuth: true })
    side.services.tryOnCluster = async () => ({ error: undefined, user: 'alice', own: false })
    const reply = await side.text('HELLO', 3, 'SETNAME', 'me', 'AUTH', 'alice', 'secret')
    assert.match(reply!, /^%7\r\n/)
    assert.equal(side.session.name, 'me')
  })

  it('names the software of the servers', async () => {
    const side = new LocalSide()
    side.services.software = { name: 'valkey', version: '8.0.1' }
    const text = (await side.text('HELLO'))!
    assert.match(text, /server\r\n\$6\r\nvalkey\r\n\$7\r\nversion\r\n\$5\r\n8\.0\.1\r\n/)
  })

  it('changes no version when its AUTH fails, and keeps the AUTH when a later option fails before 7.2', async () => {
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
