import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LocalSide } from './local-call.ts'

/** A client whose node answers by `reply`, and what that node was asked. */
function withNode(reply: () => Promise<Buffer>): { side: LocalSide; asked: string[] } {
  const asked: string[] = []
  const side = new LocalSide()
  side.services.callAny = (args, lane) => {
    asked.push(`${args.map(String).join(' ')} ${lane}`)
    return reply()
  }
  return { side, asked }
}

describe('COMMAND DOCS', () => {
  it('is asked once for each protocol version', async () => {
    const { side, asked } = withNode(async () => Buffer.from('*0\r\n'))
    await Promise.all([side.call('COMMAND', 'DOCS'), side.call('command', 'docs')])
    assert.equal(await side.text('COMMAND', 'DOCS'), '*0\r\n')
    side.session.protocol = 3
    await side.call('COMMAND', 'DOCS')
    assert.deepEqual(asked, ['COMMAND DOCS 0', 'COMMAND DOCS 1'])
  })

  it('is asked again when the servers have another version', async () => {
    const { side, asked } = withNode(async () => Buffer.from('*0\r\n'))
    await side.call('COMMAND', 'DOCS')
    side.services.software = { name: 'valkey', version: '8.0.0' }
    await side.call('COMMAND', 'DOCS')
    assert.equal(asked.length, 2)
  })

  it('forgets failures and errors', async () => {
    const replies = [
      Promise.reject(new Error('lost')),
      Promise.resolve(Buffer.from('-ERR unknown subcommand\r\n')),
      Promise.resolve(Buffer.from('*0\r\n')),
    ]
    const { side } = withNode(() => replies.shift()!)
    await assert.rejects(side.call('COMMAND', 'DOCS'), /lost/)
    assert.match((await side.text('COMMAND', 'DOCS'))!, /^-ERR/)
    assert.equal(await side.text('COMMAND', 'DOCS'), '*0\r\n')
  })

  it('is forwarded when commands are named', async () => {
    const { side, asked } = withNode(async () => Buffer.from('*0\r\n'))
    await side.call('COMMAND', 'DOCS', 'get')
    await side.call('COMMAND', 'DOCS', 'get')
    assert.deepEqual(asked, ['COMMAND DOCS get 0', 'COMMAND DOCS get 0'])
  })
})
