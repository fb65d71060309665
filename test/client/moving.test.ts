import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { describe, it } from 'node:test'
import tls from 'node:tls'
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts'
import { type ProxiedCluster, startProxied } from '../support/proxied-cluster.ts'
import { connect, type RawClient } from '../support/raw-client.ts'

const ON = ['CLIENT', 'MAINT_NOTIFICATIONS', 'ON']

async function listener(proxied: ProxiedCluster, ...type: string[]): Promise<RawClient> {
  const client = await proxied.connect()
  await client.call('HELLO', '3')
  const words = type.length === 0 ? [] : ['moving-endpoint-type', ...type]
  assert.equal((await client.call(...ON, ...words)).toString(), '+OK\r\n')
  return client
}

function endpointOf(push: Buffer): string | undefined {
  const text = push.toString()
  const [, seconds, endpoint] = /^>4\r\n\$6\r\nMOVING\r\n:\d+\r\n:(\d+)\r\n(.*)$/s.exec(text)!
  assert.equal(seconds, '5')
  return endpoint
}

describe('maintenance notifications', () => {
  it('are told at a drain with a successor, with the address that the client used', async () => {
    await using proxied = await startProxied()
    const told = await listener(proxied, 'external-ip')
    const plain = await listener(proxied)
    const silent = await proxied.connect()
    await silent.call('HELLO', '3')
    const ended = proxied.proxy.shutdown({ timeout: 10_000, successor: true })
    const bulk = `127.0.0.1:${proxied.port}`
    for (const client of [told, plain]) {
      assert.equal(endpointOf(await client.readReply()), `$${bulk.length}\r\n${bulk}\r\n`)
    }
    await silent.closed
    // Who was told is served until it goes.
    assert.equal((await told.call('SET', 'a', '1')).toString(), '+OK\r\n')
    await Promise.all([told.end(), plain.end()])
    await ended
  })

  it('name no address that dies with the proxy', async () => {
    await using proxied = await startProxied()
    const [address, none] = [await listener(proxied), await listener(proxied, 'none')]
    const ended = proxied.proxy.shutdown({ timeout: 10_000 })
    await address.closed
    assert.equal(endpointOf(await none.readReply()), '_\r\n')
    await none.end()
    await ended
  })

  it('name the announced address, which outlives the proxy', async () => {
    const announce = { host: 'redis.example', port: 6379 }
    await using proxied = await startProxied({ options: { announce } })
    const client = await listener(proxied)
    const ended = proxied.proxy.shutdown({ timeout: 10_000 })
    assert.equal(endpointOf(await client.readReply()), '$18\r\nredis.example:6379\r\n')
    await client.end()
    await ended
  })

  it('name the host that a client by TLS asked for, since the certificate holds for that', async () => {
    const options = { tls: { key: CERTIFICATE_KEY, cert: CERTIFICATE } }
    await using proxied = await startProxied({ options })
    const raw = connectTcp(proxied.port, '127.0.0.1')
    const socket = tls.connect({
      ...{ socket: raw, servername: 'redis.example', ca: CERTIFICATE },
      checkServerIdentity: () => undefined,
    })
    await once(socket, 'secureConnect')
    const client = await connect(socket)
    await client.call('HELLO', '3')
    await client.call(...ON, 'moving-endpoint-type', 'external-fqdn')
    const ended = proxied.proxy.shutdown({ timeout: 10_000, successor: true })
    assert.match(endpointOf(await client.readReply())!, /\r\nredis\.example:\d+\r\n$/)
    await client.end()
    await ended
  })

  it('leave those who stay to the end of their time', async () => {
    await using proxied = await startProxied()
    const client = await listener(proxied)
    const ended = proxied.proxy.shutdown({ timeout: 2000, successor: true })
    await client.readReply()
    await client.closed
    await ended
  })

  it('can be switched off, end with RESET, and need RESP3', async () => {
    await using proxied = await startProxied()
    const old = await proxied.connect()
    assert.match((await old.call(...ON)).toString(), /^-ERR .*RESP3/)
    const off = await listener(proxied)
    assert.equal((await off.call('CLIENT', 'MAINT_NOTIFICATIONS', 'OFF')).toString(), '+OK\r\n')
    const reset = await listener(proxied)
    await reset.call('RESET')
    await reset.call('HELLO', '3')
    for (const wrong of [
      ['MAYBE'],
      ['ON', 'moving-endpoint-type'],
      ['ON', 'moving-endpoint-type', 'anywhere'],
      ['ON', 'endpoint', 'none'],
      ['ON', 'moving-endpoint-type', 'none', 'more'],
    ]) {
      assert.equal(
        (await reset.call('CLIENT', 'MAINT_NOTIFICATIONS', ...wrong)).toString(),
        '-ERR syntax error\r\n'
      )
    }
    const ended = proxied.proxy.shutdown({ timeout: 60_000, successor: true })
    await Promise.all([old.closed, off.closed, reset.closed, ended])
  })
})
