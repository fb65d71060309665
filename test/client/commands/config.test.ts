import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LocalSide } from './local-call.ts'

describe('CONFIG', () => {
  it('gives several settings in the order in which they are found, each once', async () => {
    const side = new LocalSide()
    side.services.maxClients = 12
    side.session.protocol = 3
    assert.equal(
      await side.text('CONFIG', 'GET', 'maxclients', 'max?lients', 'save'),
      '%2\r\n$10\r\nmaxclients\r\n$2\r\n12\r\n$4\r\nsave\r\n$0\r\n\r\n'
    )
  })

  it('never gives the password away', async () => {
    const side = new LocalSide()
    side.services.password = 'secret'
    assert.doesNotMatch((await side.text('CONFIG', 'GET', '*'))!, /secret/)
    assert.equal(await side.text('CONFIG', 'GET', 'requirepass'), '*0\r\n')
  })

  it('helps with what it answers', async () => {
    assert.match((await new LocalSide().text('CONFIG', 'HELP'))!, /^\*5\r\n\+CONFIG <subcommand>/)
  })
})
