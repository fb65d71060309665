import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as dial } from 'node:net'
import { describe, it } from 'node:test'
import tls from 'node:tls'
import { type ClusterProxyOptions, createClusterProxy } from '../../lib/index.ts'
import { createFakeCluster, type FakeCluster } from '../../lib/testing/index.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts'
import { listen, next } from '../support/proxied-cluster.ts'
import { connect } from '../support/raw-client.ts'

/** A host for which {@link CERTIFICATE} is not good. */
const HOST = '127.0.0.2'

/** A fake cluster whose nodes speak TLS and are announced by IP address; `names` are the server names that were asked for. */
async function secured(): Promise<{ cluster: FakeCluster; doors: tls.Server[]; names: unknown[] }> {
  const cluster = await createFakeCluster({ masters: 2 })
  const names: unknown[] = []
  const doors: tls.Server[] = []
  for (const node of cluster.nodes) {
    const door = tls.createServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, (socket) => {
      names.push(socket.servername)
      const inner = dial(node.port, '127.0.0.1')
      socket.pipe(inner).pipe(socket)
      for (const each of [socket, inner]) each.on('error', () => {})
    })
    door.on('tlsClientError', () => {})
    door.listen(0, HOST)
    await once(door, 'listening')
    const address = door.address()
    assert.ok(typeof address === 'object' && address !== null)
    node.announce({ host: HOST, port: address.port })
    doors.push(door)
  }
  return { cluster, doors, names }
}

/** Runs a proxy before such a cluster, and lets go of all. */
async function before(
  nodeTls: ClusterProxyOptions['nodeTls'],
  then: (proxy: ReturnType<typeof createClusterProxy>, names: unknown[]) => Promise<void>
): Promise<void> {
  const { cluster, doors, names } = await secured()
  const address = doors[0]!.address()
  assert.ok(typeof address === 'object' && address !== null)
  const nodes = [{ host: HOST, port: address.port }]
  const proxy = createClusterProxy({ nodes, nodeTls, reconnectMaxDelay: 50 })
  try {
    await then(proxy, names)
  } finally {
    await proxy.shutdown({ timeout: 0 })
    for (const door of doors) door.close()
    await cluster.close()
  }
}

describe('E13.8 TLS towards nodes', () => {
  it('checks the name or address that is dialled, and never goes on without', async () => {
    await before({ ca: CERTIFICATE }, async (proxy, names) => {
      const failed = next<Error>(proxy, 'error')
      await listen(proxy)
      assert.match((await failed).message, /IP: 127\.0\.0\.2 is not in the cert's list/)
      // Nothing got through, and above all nothing in plain.
      assert.ok(names.every((name) => name === false))
      assert.equal(proxy.topology.version, 0)
    })
  })

  it('checks one name for all where nodes announce addresses, and tells it to each', async () => {
    await before({ ca: CERTIFICATE, servername: 'localhost' }, async (proxy, names) => {
      const ready = next(proxy, 'ready')
      const port = await listen(proxy)
      await ready
      await using client = await connect(port)
      for (const key of ['foo', 'hello']) assert.equal(await client.ask('SET', key, 'x'), 'OK')
      assert.ok(names.length > 0 && names.every((name) => name === 'localhost'), names.join())
    })
  })

  it('uses other certificates for new connections while those that stand go on', async () => {
    await before({ ca: CERTIFICATE, servername: 'localhost' }, async (proxy, names) => {
      const ready = next(proxy, 'ready')
      const port = await listen(proxy)
      await ready
      await using client = await connect(port)
      assert.equal(await client.ask('SET', 'foo', 'x'), 'OK')
      const known = names.length
      // Nobody vouches for the nodes any more: what stands is served, what is new is refused.
      proxy.reconfigure({ nodeTls: { servername: 'localhost' } })
      assert.equal(await client.ask('GET', 'foo'), 'x')
      const down = next<{ cause: Error }>(proxy, 'nodeDown')
      await using other = await connect(port)
      await other.ask('HELLO', 3)
      other.send(['GET', 'foo'])
      assert.match((await down).cause.message, /self-signed certificate/)
      assert.equal(names.length, known)
      proxy.reconfigure({ nodeTls: { ca: CERTIFICATE, servername: 'localhost' } })
      assert.match(String(await other.readReply()), /x/)
    })
  })
})
