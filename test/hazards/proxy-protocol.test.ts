import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import tls from 'node:tls'
import { type ClusterProxyOptions, createClusterProxy, type ProxyError } from '../../lib/index.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts'
import { next, type ProxiedCluster, startProxied } from '../support/proxied-cluster.ts'
import { binaryHeader, TCP4 } from '../support/proxy-protocol.ts'
import { connect, type RawClient } from '../support/raw-client.ts'

const HEADER = 'PROXY TCP4 198.51.100.7 203.0.113.1 50000 6379\r\n'

function start(options: Partial<ClusterProxyOptions> = {}): Promise<ProxiedCluster> {
  return startProxied({
    options: { proxyProtocol: true, trustedProxies: ['127.0.0.0/8'], ...options },
  })
}

async function addresses(client: RawClient): Promise<unknown[]> {
  const [, remote, local] = /addr=(\S+) laddr=(\S+)/.exec(
    String(await client.ask('CLIENT', 'INFO'))
  )!
  return [remote, local]
}

describe('E13.9 the PROXY protocol', () => {
  it('tells where a client is, wherever that is shown', async () => {
    await using proxied = await start()
    const connected = next<{ address: string }>(proxied.proxy, 'clientConnect')
    const client = await proxied.connect()
    client.send(`${HEADER}PING\r\n`)
    assert.equal((await client.readReply()).toString(), '+PONG\r\n')
    assert.equal((await connected).address, '198.51.100.7:50000')
    assert.deepEqual(await addresses(client), ['198.51.100.7:50000', '203.0.113.1:6379'])
    // What the client is told of the proxy is what it can reach: the balancer.
    assert.match(
      String(await client.ask('CLUSTER', 'NODES')),
      / 203\.0\.113\.1:6379@\d+\S* myself,master /
    )
  })

  it('may come byte for byte, and with the first commands in one piece', async () => {
    await using proxied = await start()
    const client = await proxied.connect()
    const bytes = Buffer.concat([
      binaryHeader(TCP4, Buffer.from([198, 51, 100, 7, 10, 0, 0, 1, 0, 5, 0, 6])),
      Buffer.from('PING\r\n'),
    ])
    for (const byte of bytes) {
      client.send(Buffer.from([byte]))
      await new Promise(setImmediate)
    }
    assert.equal((await client.readReply()).toString(), '+PONG\r\n')
    assert.deepEqual(await addresses(client), ['198.51.100.7:5', '10.0.0.1:6'])
    const local = await proxied.connect()
    local.send(Buffer.concat([binaryHeader(0, Buffer.alloc(0), 0x20), Buffer.from('PING\r\n')]))
    assert.equal((await local.readReply()).toString(), '+PONG\r\n')
    assert.match(String((await addresses(local))[0]), /^127\.0\.0\.1:/)
  })

  it('decides about protected mode by the real address', async () => {
    await using proxied = await start({ protectedMode: true })
    const far = await proxied.connect()
    far.send(HEADER)
    assert.match((await far.readReply()).toString(), /^-DENIED /)
    await far.closed
    const near = await proxied.connect()
    near.send('PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nPING\r\n')
    assert.equal((await near.readReply()).toString(), '+PONG\r\n')
  })

  it('closes a connection from a trusted peer that begins with something else, and says so once', async () => {
    await using proxied = await start()
    const warnings: ProxyError[] = []
    proxied.proxy.on('warning', (warning) => warnings.push(warning))
    for (const text of ['PING\r\n', 'PROXY TCP4 1 2 3 4\r\n', `PROXY UNKNOWN ${'x'.repeat(200)}`]) {
      const client = await proxied.connect()
      client.send(text)
      await client.closed
    }
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['PROXY_HEADER']
    )
    const cut = await proxied.connect()
    cut.send('PROXY TC')
    await cut.end()
    assert.equal(proxied.proxy.stats().connections, 0)
  })

  it('is no business of a peer that is not trusted: it is a client, whatever it says', async () => {
    await using proxied = await start({ trustedProxies: ['10.0.0.0/8', '::1'] })
    const client = await proxied.connect()
    assert.equal(await client.ask('PING'), 'PONG')
    assert.match(String((await addresses(client))[0]), /^127\.0\.0\.1:/)
    const liar = await proxied.connect()
    liar.send(HEADER)
    assert.match(
      (await liar.readReply()).toString(),
      /^-ERR unknown command 'PROXY'|^-ERR Unknown subc/
    )
    assert.match(String((await addresses(liar))[0]), /^127\.0\.0\.1:/)
  })

  it('comes before TLS', async () => {
    const options = { key: CERTIFICATE_KEY, cert: CERTIFICATE }
    await using proxied = await start({ tls: options })
    for (const together of [false, true]) {
      const raw = createConnection(proxied.port, '127.0.0.1')
      await once(raw, 'connect')
      if (together) raw.cork()
      raw.write(HEADER)
      const socket = tls.connect({
        socket: raw,
        ca: CERTIFICATE,
        checkServerIdentity: () => undefined,
      })
      raw.uncork()
      await once(socket, 'secureConnect')
      const client = await connect(socket)
      assert.deepEqual(await addresses(client), ['198.51.100.7:50000', '203.0.113.1:6379'])
      await client.end()
    }
    const plain = createConnection(proxied.port, '127.0.0.1')
    plain.on('error', () => {})
    plain.write('PING\r\n')
    await once(plain, 'close')
  })

  it('is believed from UNIX sockets if these are trusted', async () => {
    await using proxied = await start()
    for (const trusted of [true, false]) {
      const path = join(tmpdir(), `proxy-protocol-${process.pid}-${trusted}.sock`)
      const proxy = createClusterProxy({
        nodes: proxied.cluster.addresses,
        proxyProtocol: true,
        trustedProxies: trusted ? ['unix'] : ['127.0.0.1'],
      })
      const listening = once(proxy, 'listening')
      proxy.listen(path)
      await listening
      const client = await connect(path)
      if (trusted) client.send(HEADER)
      assert.deepEqual((await addresses(client))[0], trusted ? '198.51.100.7:50000' : `${path}:0`)
      await client.end()
      await proxy.shutdown()
    }
  })

  it('does not keep the proxy from shutting down while a header is awaited', async () => {
    await using proxied = await start()
    const silent = await proxied.connect()
    const half = await proxied.connect()
    half.send('PROXY ')
    const known = await proxied.connect()
    known.send(`${HEADER}PING\r\n`)
    await known.readReply()
    await proxied.proxy.shutdown({ timeout: 60_000 })
    await Promise.all([silent.closed, half.closed, known.closed])
  })

  it('needs peers to trust', () => {
    assert.throws(() => createClusterProxy({ nodes: 'a:1', proxyProtocol: true }), {
      code: 'INVALID_OPTION',
      message: /trustedProxies/,
    })
    for (const peer of ['localhost', '10.0.0.0/33', '', 5]) {
      assert.throws(
        () => createClusterProxy({ nodes: 'a:1', trustedProxies: [peer as string] }),
        /option 'trustedProxies': got .*, expected a list of IP addresses/
      )
    }
  })
})
