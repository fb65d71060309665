import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeClient, fakeServices, LocalSide } from './local-call.ts'

describe('QUIT', () => {
  it('answers and ends the connection after it', async () => {
    const side = new LocalSide()
    assert.equal(await side.text('QUIT', 'ignored'), '+OK\r\n')
    assert.equal(side.client.ended, 'after replies')
  })
})

describe('RESET', () => {
  it('takes everything back, and answers in RESP2', async () => {
    const side = new LocalSide()
    const { session } = side
    session.protocol = 3
    session.name = 'me'
    session.replyMode = 'off'
    session.readonlyMode = true
    assert.equal(await side.text('RESET'), '+RESET\r\n')
    const { protocol, name, replyMode, readonlyMode, authenticated } = session
    assert.deepEqual(
      { protocol, name, replyMode, readonlyMode, authenticated },
      { protocol: 2, name: '', replyMode: 'on', readonlyMode: false, authenticated: true }
    )
  })

  it('ends the authentication where a password is needed', async () => {
    const side = new LocalSide()
    side.services.password = 'secret'
    await side.call('RESET')
    assert.equal(side.session.authenticated, false)
  })
})

describe('SELECT', () => {
  it('refuses the databases that a cluster has not', async () => {
    const side = new LocalSide()
    assert.equal(await side.text('SELECT', 1), '-ERR SELECT is not allowed in cluster mode\r\n')
    assert.equal(await side.text('SELECT', 15), '-ERR SELECT is not allowed in cluster mode\r\n')
    assert.equal(await side.text('SELECT', 16), '-ERR DB index is out of range\r\n')
    assert.equal(side.session.db, 0)
  })
})

describe('READONLY and READWRITE', () => {
  it('set the mode of the session', async () => {
    const side = new LocalSide()
    await side.call('READONLY')
    assert.equal(side.session.readonlyMode, true)
    await side.call('READWRITE')
    assert.equal(side.session.readonlyMode, false)
  })
})

describe('AUTH', () => {
  function locked(): LocalSide {
    const client = fakeClient(1, false)
    const services = fakeServices([client])
    services.password = 'secret'
    return new LocalSide(client, services)
  }

  it('lets in who knows the password', async () => {
    for (const args of [['secret'], ['default', 'secret']]) {
      const side = locked()
      assert.equal(await side.text('AUTH', ...args), '+OK\r\n')
      assert.equal(side.session.authenticated, true)
    }
  })

  it('leaves a client as it was when the password is wrong', async () => {
    const side = locked()
    const wrong = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'
    for (const args of [['x'], [''], ['default', 'x'], ['Default', 'secret'], ['', 'secret']]) {
      assert.equal(await side.text('AUTH', ...args), wrong)
      assert.equal(side.session.authenticated, false)
    }
    await side.call('AUTH', 'secret')
    assert.equal(await side.text('AUTH', 'x'), wrong)
    assert.equal(side.session.authenticated, true)
  })
})
