import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type FakeClient, fakeClient, fakeServices, LocalSide } from './local-call.ts'

/** Three clients, the second of which asks. */
function three(): { side: LocalSide; clients: readonly FakeClient[] } {
  const clients = [fakeClient(1), fakeClient(2), fakeClient(3)]
  return { side: new LocalSide(clients[1], fakeServices(clients)), clients }
}

/** The fields of each line of a reply of CLIENT LIST. */
function parsed(reply: string): Record<string, string>[] {
  const lines = reply.slice(reply.indexOf('\n') + 1, -2).split('\n')
  assert.equal(lines.pop(), '')
  return lines.map((line) => Object.fromEntries(line.split(' ').map((pair) => pair.split('='))))
}

const ended = (clients: readonly FakeClient[]): string[] => clients.map((client) => client.ended)

describe('CLIENT LIST and INFO', () => {
  it('show a client in the fields of the server, in its order', async () => {
    const client = fakeClient(7)
    Object.assign(client.session, { name: 'me', libName: 'lib', libVersion: '1.2', protocol: 3 })
    Object.assign(client, { lastCommand: 'client|info', inputBytes: 2, outputBytes: 3 })
    const text = (await new LocalSide(client).text('CLIENT', 'INFO'))!
    const line =
      'id=7 addr=127.0.0.1:50007 laddr=127.0.0.1:7777 fd=-1 name=me age=0 idle=0 flags=N db=0 ' +
      'sub=0 psub=0 ssub=0 multi=-1 qbuf=2 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 ' +
      'oll=0 omem=3 tot-mem=5 events=r cmd=client|info user=default redir=-1 resp=3 lib-name=lib ' +
      'lib-ver=1.2 tot-net-in=0 tot-net-out=0 tot-cmds=0\n'
    assert.equal(text, `=${line.length + 4}\r\ntxt:${line}\r\n`)
  })

  it('list everybody, those of a kind, or those with an id', async () => {
    const { side } = three()
    const ids = async (...args: (string | number)[]): Promise<(string | undefined)[]> =>
      parsed((await side.text('CLIENT', 'LIST', ...args))!).map(({ id }) => id)
    assert.deepEqual(await ids(), ['1', '2', '3'])
    assert.deepEqual(await ids('TYPE', 'Normal'), ['1', '2', '3'])
    assert.deepEqual(await ids('ID', 3, 9, 1, 3), ['3', '1', '3'])
    assert.equal(await side.text('CLIENT', 'LIST', 'TYPE', 'replica'), '$0\r\n\r\n')
  })

  it('show what a client has turned on as flags', async () => {
    const client = fakeClient(1)
    client.remoteAddress = '/run/proxy.sock:0'
    const side = new LocalSide(client)
    for (const name of ['NO-EVICT', 'NO-TOUCH']) await side.call('CLIENT', name, 'ON')
    await side.call('READONLY')
    const [line] = parsed((await side.text('CLIENT', 'LIST'))!)
    assert.equal(line?.flags, 'UreT')
    assert.equal(line?.cmd, 'NULL')
  })
})

describe('CLIENT SETINFO', () => {
  it('keeps the name and the version of the library', async () => {
    const side = new LocalSide()
    assert.equal(await side.text('CLIENT', 'SETINFO', 'LIB-NAME', 'ioredis'), '+OK\r\n')
    assert.equal(await side.text('CLIENT', 'SETINFO', 'lib-ver', '6.0.0'), '+OK\r\n')
    assert.equal(side.session.libName, 'ioredis')
    assert.equal(side.session.libVersion, '6.0.0')
  })

  it('refuses what the server refuses since 7.2, in its words', async () => {
    const side = new LocalSide()
    const cases: [string[], string][] = [
      [['lib-nam', 'x'], "-ERR Unrecognized option 'lib-nam'\r\n"],
      [
        ['LIB-ver', 'a b'],
        '-ERR LIB-ver cannot contain spaces, newlines or special characters.\r\n',
      ],
      [['lib-name'], "-ERR wrong number of arguments for 'client|setinfo' command\r\n"],
    ]
    for (const [args, text] of cases) {
      assert.equal(await side.text('CLIENT', 'SETINFO', ...args), text)
    }
    assert.equal(side.session.libVersion, '')
  })
})

describe('CLIENT REPLY', () => {
  it('has a reply only when it turns replies on', async () => {
    const side = new LocalSide()
    assert.equal(await side.call('CLIENT', 'REPLY', 'SKIP'), undefined)
    assert.equal(side.session.replyMode, 'skip')
    assert.equal(await side.call('CLIENT', 'REPLY', 'OFF'), undefined)
    assert.equal(side.session.replyMode, 'off')
    assert.equal(await side.call('CLIENT', 'REPLY', 'SKIP'), undefined)
    assert.equal(side.session.replyMode, 'off')
    assert.equal(await side.text('CLIENT', 'REPLY', 'ON'), '+OK\r\n')
    assert.equal(side.session.replyMode, 'on')
  })
})

describe('CLIENT KILL', () => {
  it('ends the client at an address, itself only after the reply', async () => {
    const { side, clients } = three()
    assert.equal(await side.text('CLIENT', 'KILL', '127.0.0.1:50003'), '+OK\r\n')
    assert.equal(await side.text('CLIENT', 'KILL', '127.0.0.1:50002'), '+OK\r\n')
    assert.deepEqual(ended(clients), ['no', 'after replies', 'killed'])
  })

  it('counts those whom the filters leave, and spares itself unless told', async () => {
    const { side, clients } = three()
    assert.equal(await side.text('CLIENT', 'KILL', 'ID', 3, 'LADDR', '1.1.1.1:1'), ':0\r\n')
    assert.equal(await side.text('CLIENT', 'KILL', 'TYPE', 'normal', 'ID', 3), ':1\r\n')
    assert.deepEqual(ended(clients), ['no', 'no', 'killed'])
    assert.equal(await side.text('CLIENT', 'KILL', 'USER', 'default'), ':2\r\n')
    assert.deepEqual(ended(clients), ['killed', 'no', 'killed'])
    assert.equal(await side.text('CLIENT', 'KILL', 'ID', 2, 'SKIPME', 'no'), ':1\r\n')
    assert.deepEqual(ended(clients), ['killed', 'after replies', 'killed'])
  })

  it('knows the least age of Redis 7.4', async () => {
    const { side, clients } = three()
    Object.assign(clients[0]!.session, { createdAt: Date.now() - 60_000 })
    assert.equal(await side.text('CLIENT', 'KILL', 'MAXAGE', 30), ':1\r\n')
    assert.deepEqual(ended(clients), ['killed', 'no', 'no'])
    assert.equal(
      await side.text('CLIENT', 'KILL', 'MAXAGE', 'x'),
      '-ERR maxage is not an integer or out of range\r\n'
    )
    assert.equal(
      await side.text('CLIENT', 'KILL', 'MAXAGE', 0),
      '-ERR maxage should be greater than 0\r\n'
    )
  })
})

describe('CLIENT', () => {
  it('never says OK to what it does not do', async () => {
    const side = new LocalSide()
    assert.equal(
      await side.text('CLIENT', 'TRACKING', 'ON'),
      '-ERR unsupported command `client|tracking`: the proxy does not provide it\r\n'
    )
  })

  it('remembers NO-EVICT and NO-TOUCH', async () => {
    const side = new LocalSide()
    for (const on of [true, false]) {
      await side.call('CLIENT', 'NO-EVICT', on ? 'ON' : 'OFF')
      assert.equal(await side.text('CLIENT', 'NO-TOUCH', on ? 'on' : 'off'), '+OK\r\n')
      assert.equal(side.session.noEvict, on)
      assert.equal(side.session.noTouch, on)
    }
    assert.equal(await side.text('CLIENT', 'NO-TOUCH', 'x'), '-ERR syntax error\r\n')
  })
})

describe('CLIENT PAUSE', () => {
  it('refuses what the server refuses, in its words', async () => {
    const side = new LocalSide()
    const cases: [string[], string][] = [
      [['x'], '-ERR timeout is not an integer or out of range\r\n'],
      [['99999999999999999999'], '-ERR timeout is not an integer or out of range\r\n'],
      [['-1'], '-ERR timeout is negative\r\n'],
      [['1', 'X'], '-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n'],
      [
        ['1', 'WRITE', 'X'],
        "-ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.\r\n",
      ],
      [[], "-ERR wrong number of arguments for 'client|pause' command\r\n"],
    ]
    for (const [args, text] of cases) {
      assert.equal(await side.text('CLIENT', 'PAUSE', ...args), text)
    }
    assert.equal(side.services.pause.on, false)
  })

  it('lasts until CLIENT UNPAUSE', async () => {
    const side = new LocalSide()
    assert.equal(await side.text('CLIENT', 'PAUSE', '60000', 'write'), '+OK\r\n')
    assert.equal(side.services.pause.on, true)
    assert.equal(await side.text('CLIENT', 'UNPAUSE'), '+OK\r\n')
    assert.equal(side.services.pause.on, false)
  })
})
