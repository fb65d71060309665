import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import type { ClusterProxyOptions } from '../../lib/index.ts'
import { startProxied } from '../support/proxied-cluster.ts'

/** A stream that comes from an address: what is written to it, and whether it is ended. */
class FarStream extends Duplex {
  readonly remoteAddress: string
  written = ''

  constructor(remoteAddress: string) {
    super()
    this.remoteAddress = remoteAddress
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString()
    done()
  }
}

/** What a client from an address is told to its PING. */
async function told(remoteAddress: string, options: Partial<ClusterProxyOptions>): Promise<string> {
  await using stage = await startProxied({ options })
  const stream = new FarStream(remoteAddress)
  const written = new Promise<void>((resolve) => {
    const write = stream._write
    stream._write = (chunk, encoding, done) => {
      write.call(stream, chunk, encoding, done)
      resolve()
    }
  })
  stage.proxy.emit('connection', stream)
  stream.push('PING\r\n')
  await written
  const { rejectedConnections } = stage.proxy.stats()
  assert.equal(rejectedConnections, stream.written.startsWith('-DENIED') ? 1 : 0)
  return stream.written
}

describe('protected mode', () => {
  it('turns away who comes from another machine while there is no password, and says what to do', async () => {
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::1']) {
      const answer = await told(address, { protectedMode: true })
      assert.match(
        answer,
        /^-DENIED the proxy is running in protected mode[^\n]*--password[^\n]*--protected-mode no[^\n]*\r\n$/
      )
    }
  })

  it('serves this machine, everybody when there is a password, and everybody when it is off', async () => {
    for (const address of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])
      assert.equal(await told(address, { protectedMode: true }), '+PONG\r\n')
    assert.equal(
      await told('10.1.2.3', { protectedMode: true, password: 'x' }),
      '-NOAUTH Authentication required.\r\n'
    )
    assert.equal(await told('10.1.2.3', {}), '+PONG\r\n')
  })
})

describe('reconfigure', () => {
  it('changes what it is told at once, all of it or nothing', async () => {
    await using stage = await startProxied()
    const { proxy } = stage
    await stage.connect()
    assert.throws(() => proxy.reconfigure({ maxClients: 1, readFrom: 'replica' }), {
      code: 'INVALID_OPTION',
      message: /'readFrom' cannot change while the proxy runs/,
    })
    const second = await stage.connect()
    assert.equal(await second.ask('PING'), 'PONG')
    proxy.reconfigure({ maxClients: 1 })
    const third = await stage.connect()
    assert.equal((await third.readReply()).toString(), '-ERR max number of clients reached\r\n')
    await third.closed
    proxy.reconfigure({ maxClients: undefined, password: 'secret' })
    const fourth = await stage.connect()
    assert.match((await fourth.call('GET', 'a')).toString(), /^-NOAUTH/)
    assert.equal(await second.ask('GET', 'a'), null)
  })
})
