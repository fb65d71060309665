import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { createClusterProxy } from '../lib/index.ts'
import { createFakeCluster } from '../lib/testing/index.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from './support/certificate.ts'
import { connect } from './support/raw-client.ts'

const RIGHT = { cert: CERTIFICATE, key: CERTIFICATE_KEY }

test('certificates change for new clients while those that are connected stay', async () => {
  await using cluster = await createFakeCluster({ masters: 1 })
  await using proxy = createClusterProxy({
    nodes: cluster.addresses,
    tls: { ...RIGHT, minVersion: 'TLSv1.3' },
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  const dial = async (maxVersion: 'TLSv1.2' | 'TLSv1.3') => {
    const socket = tls.connect({ host: '127.0.0.1', port, ca: CERTIFICATE, maxVersion })
    await once(socket, 'secureConnect')
    return connect(socket)
  }
  await assert.rejects(dial('TLSv1.2'))
  const first = await dial('TLSv1.3')
  proxy.reconfigure({ tls: { ...RIGHT, minVersion: 'TLSv1.2' } })
  const second = await dial('TLSv1.2')
  assert.equal(await second.ask('PING'), 'PONG')
  assert.equal(await first.ask('SET', 'a', '1'), 'OK')
  for (const changes of [{ tls: { cert: 'x', key: 'y' }, maxClients: 1 }, { tls: undefined }]) {
    assert.throws(() => proxy.reconfigure(changes), {
      code: 'INVALID_OPTION',
      message: /^option 'tls'/,
    })
  }
  const third = await dial('TLSv1.2')
  assert.equal(await third.ask('GET', 'a'), '1')
})

test('clients must show a certificate, and need not any more, as soon as the options say so', async () => {
  await using cluster = await createFakeCluster({ masters: 1 })
  await using proxy = createClusterProxy({ nodes: cluster.addresses, tls: RIGHT })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  const ping = async (own: tls.ConnectionOptions) => {
    const options = { port, ca: CERTIFICATE, maxVersion: 'TLSv1.2' as const, ...own }
    const socket = tls.connect({ host: '127.0.0.1', ...options })
    await once(socket, 'secureConnect')
    return (await connect(socket)).ask('PING')
  }
  proxy.reconfigure({ tls: { ...RIGHT, ca: CERTIFICATE, requestCert: true } })
  await assert.rejects(ping({}))
  assert.equal(await ping(RIGHT), 'PONG')
  proxy.reconfigure({
    tls: { ...RIGHT, ca: CERTIFICATE, requestCert: true, rejectUnauthorized: false },
  })
  assert.equal(await ping({}), 'PONG')
  proxy.reconfigure({ tls: { ...RIGHT, requestCert: true } })
  await assert.rejects(ping({}))
  proxy.reconfigure({ tls: RIGHT })
  assert.equal(await ping({}), 'PONG')
})

test('TLS towards nodes is switched neither on nor off', async () => {
  const proxy = createClusterProxy({ nodes: '127.0.0.1:1' })
  assert.throws(() => proxy.reconfigure({ nodeTls: {} }), /cannot be switched on or off/)
  await proxy.shutdown()
})
