import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeReply } from '../../support/resp-frame.ts'
import { Fixture } from './fixture.ts'

describe('connection commands of the fake', () => {
  const fixture = new Fixture()
  const say = (...command: string[]): Promise<string> => fixture.say(...command)

  it('HELLO changes the version, authenticates and names', async () => {
    fixture.node.setPassword('secret')
    const client = await fixture.connect()
    await assert.rejects(client.ask('HELLO', '3'), /^ReplyError: NOAUTH HELLO must be called/)
    const reply = await client.call('HELLO', '3', 'AUTH', 'default', 'secret', 'SETNAME', 'me')
    assert.equal(reply.toString().slice(0, 2), '%7')
    assert.equal(await client.ask('CLIENT', 'GETNAME'), 'me')
    assert.equal((await client.call('GET', 'a')).toString(), '_\r\n')
  })

  it('HELLO refuses what it does not know', async () => {
    assert.equal(await say('HELLO', '4'), '-NOPROTO unsupported protocol version\r\n')
    assert.equal(
      await say('HELLO', 'x'),
      '-ERR Protocol version is not an integer or out of range\r\n'
    )
    assert.equal(await say('HELLO', '3', 'foo'), "-ERR Syntax error in HELLO option 'foo'\r\n")
  })

  it('CLIENT REPLY silences replies', async () => {
    const { client } = fixture
    client.send('CLIENT REPLY SKIP\r\nPING\r\nECHO a\r\n')
    assert.equal((await client.readReply()).toString(), '$1\r\na\r\n')
    client.send('CLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\n')
    assert.equal((await client.readReply()).toString(), '+OK\r\n')
  })

  it('RESET forgets the transaction, the name and the version', async () => {
    await say('HELLO', '3')
    await say('CLIENT', 'SETNAME', 'me')
    await say('MULTI')
    assert.equal(await say('RESET'), '+RESET\r\n')
    assert.equal(await say('EXEC'), '-ERR EXEC without MULTI\r\n')
    assert.equal(await say('CLIENT', 'GETNAME'), '$-1\r\n')
  })

  it('QUIT answers before it ends the connection', async () => {
    fixture.client.send('QUIT\r\nPING\r\n')
    assert.equal((await fixture.client.readReply()).toString(), '+OK\r\n')
    await fixture.client.closed
    assert.deepEqual(fixture.node.received.length, 1)
  })

  it('CLIENT LIST and KILL know the connections', async () => {
    const other = await fixture.connect()
    const id = await other.ask('CLIENT', 'ID')
    assert.match(await say('CLIENT', 'LIST'), new RegExp(`id=${id} addr=127`))
    assert.equal(await say('CLIENT', 'KILL', 'ID', String(id)), ':1\r\n')
    await other.closed
    assert.equal(await say('CLIENT', 'KILL', '1.2.3.4:5'), '-ERR No such client\r\n')
  })

  it('SELECT knows no database but 0', async () => {
    assert.equal(await say('SELECT', '0'), '+OK\r\n')
    assert.equal(await say('SELECT', '1'), '-ERR SELECT is not allowed in cluster mode\r\n')
  })

  it('INFO has the fields that clients read at their start', async () => {
    const info = String(decodeReply(await fixture.client.call('INFO')))
    for (const field of ['redis_version:7.0.15', 'loading:0', 'role:master', 'cluster_enabled:1']) {
      assert.match(info, new RegExp(`^${field}\r$`, 'm'))
    }
  })

  it('CLIENT SETINFO exists where the version has it', async () => {
    assert.match(
      await say('CLIENT', 'SETINFO', 'LIB-NAME', 'x'),
      /^-ERR unknown subcommand 'SETINFO'/
    )
  })
})

describe('connection commands of a newer fake', () => {
  const fixture = new Fixture({ masters: 1, version: '7.2.4' })

  it('CLIENT SETINFO is accepted', async () => {
    assert.equal(await fixture.say('CLIENT', 'SETINFO', 'LIB-NAME', 'x'), '+OK\r\n')
    assert.match(await fixture.say('CLIENT', 'SETINFO', 'LIB', 'x'), /^-ERR Unrecognized option/)
    assert.equal(await fixture.say('CLIENT', 'NO-TOUCH', 'on'), '+OK\r\n')
  })
})
