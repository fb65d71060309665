import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import tls from 'node:tls'
import { createClusterProxy, type NodeAddress } from '../../lib/index.ts'
import { freePort } from '../support/free-port.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'
import { type RealServer, type ServerConfig, startServer } from '../support/real-server.ts'
import { needsServer } from '../support/server-available.ts'
import { TlsCluster } from '../support/tls-cluster.ts'
import { startProxy } from './proxied.ts'

/** Keys of slots 12182, 866 and 7186: with three masters, each of another one. */
const KEYS = ['foo', 'hello', 'key:7'] as const
const PASSWORD = 'secret'
const HOST_NAME = 'redis.internal'

/** Writes keys of all masters through the proxy and reads them back, in both protocol versions. */
async function assertServes(port: number, open = () => connect(port)): Promise<void> {
  for (const protocol of [2, 3]) {
    await using client = await open()
    await client.ask('HELLO', protocol)
    for (const key of KEYS) {
      assert.equal(await client.ask('SET', key, `${key} ${protocol}`), 'OK')
      assert.equal(await client.ask('GET', key), `${key} ${protocol}`)
    }
  }
}

/** One node that owns all slots. */
async function startOneNode(config: ServerConfig = {}): Promise<RealServer> {
  const server = await startServer({ config: { 'cluster-enabled': 'yes', ...config } })
  await server.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383)
  return server
}

describe('entry points of a real cluster', needsServer, () => {
  let cluster: RealCluster
  before(async () => {
    cluster = await startCluster({
      replicas: 0,
      password: PASSWORD,
      // What nodes announce to clients is a name that nobody can look up; among themselves they use addresses.
      config: {
        'cluster-announce-hostname': HOST_NAME,
        'cluster-preferred-endpoint-type': 'hostname',
      },
    })
  })
  after(() => cluster?.stop())

  const natMap = { [HOST_NAME]: '127.0.0.1' }
  const credentials = { password: PASSWORD }

  it('may be given as text, as host and port, or by name', async () => {
    const { port } = cluster.nodes[0]!
    const forms: (string | NodeAddress)[] = [
      `127.0.0.1:${port}`,
      `:${port}`,
      { host: '127.0.0.1', port },
      `localhost:${port}`,
    ]
    for (const nodes of forms) {
      await using running = await startProxy({ nodes, natMap, credentials })
      await assertServes(running.port)
      assert.deepEqual(running.errors, [])
    }
  })

  it('are tried in turn until one answers', async () => {
    const dead = `127.0.0.1:${await freePort()}`
    const { address } = cluster.nodes[1]!
    await using running = await startProxy({ nodes: [dead, address], natMap, credentials })
    await assertServes(running.port)
    assert.deepEqual(running.errors, [])
  })

  it('all dead: the proxy says so, clients are told, and it serves as soon as one is there', async () => {
    const port = await freePort()
    const proxy = createClusterProxy({ nodes: `127.0.0.1:${port}`, retryBudget: 100 })
    const failed = new Promise<Error>((resolve) => proxy.once('error', resolve))
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const address = proxy.address() as { port: number }
    assert.match(String(await failed), /no node answers with a usable slot table.*ECONNREFUSED/)
    await using client = await connect(address.port)
    await assert.rejects(client.ask('GET', 'foo'), /CLUSTERDOWN Hash slot not served/)
    const ready = new Promise<void>((resolve) => proxy.once('ready', resolve))
    await using server = await startServer()
    await server.restart({ port })
    await ready
    assert.equal(await client.ask('SET', 'foo', 'bar'), 'OK')
    await proxy.shutdown()
  })

  it('announced addresses are dialled as an object says', async () => {
    const { address, port } = cluster.nodes[0]!
    // The more exact entry wins over the host alone.
    const exact = { ...natMap, [`${HOST_NAME}:${port}`]: { host: 'localhost', port } }
    await using running = await startProxy({ nodes: address, natMap: exact, credentials })
    await assertServes(running.port)
    const known = running.proxy.topology.nodes.map((node) => node.address).sort()
    const expected = cluster.addresses.map((one) => (one === address ? `localhost:${port}` : one))
    assert.deepEqual(known, expected.sort())
  })

  it('announced addresses are dialled as a function says', async () => {
    const asked = new Set<string>()
    await using running = await startProxy({
      nodes: cluster.nodes[0]!.address,
      natMap: (host, port) => {
        asked.add(`${host}:${port}`)
        return { host: '127.0.0.1', port }
      },
      credentials,
    })
    await assertServes(running.port)
    assert.deepEqual(
      [...asked].sort(),
      cluster.nodes.map(({ port }) => `${HOST_NAME}:${port}`).sort()
    )
  })

  it('a redirect to an announced address is followed through the map', async () => {
    await using running = await startProxy({ nodes: cluster.addresses, natMap, credentials })
    await using client = await connect(running.port)
    await client.ask('SET', 'foo', 'moved')
    const slot = Number(await client.ask('CLUSTER', 'KEYSLOT', 'foo'))
    const from = await cluster.ownerOf(slot)
    const to = cluster.masters.find((node) => node !== from)!
    await cluster.migrateSlot(slot, from, to)
    assert.equal(await client.ask('GET', 'foo'), 'moved')
    assert.equal(running.proxy.stats().redirects, 1)
  })

  it('credentials may be a function that takes its time, and a user of the ACL', async () => {
    for (const node of cluster.nodes) {
      await node.call('ACL', 'SETUSER', 'proxy', 'on', '>pass', '~*', '&*', '+@all')
    }
    let asked = 0
    await using running = await startProxy({
      nodes: cluster.addresses,
      natMap,
      credentials: async () => {
        asked++
        await new Promise((resolve) => setImmediate(resolve))
        return { username: 'proxy', password: 'pass' }
      },
    })
    await assertServes(running.port)
    assert(asked >= 3, `asked ${asked} times`)
    const users = String(await cluster.nodes[0]!.call('CLIENT', 'LIST')).match(/user=\w+/g)
    assert(users?.includes('user=proxy'))
  })

  it('wrong credentials are reported with the words of the server', async () => {
    const options = { nodes: cluster.addresses, natMap, credentials: { password: 'wrong' } }
    await assert.rejects(startProxy(options), /refused the proxy: WRONGPASS/)
  })
})

describe('other upstreams', needsServer, () => {
  it('a server without cluster support is one master of all slots', async () => {
    await using server = await startServer({ password: PASSWORD })
    await using running = await startProxy({
      nodes: server.address,
      credentials: { username: 'default', password: PASSWORD },
    })
    await assertServes(running.port)
    const { nodes, coveredSlots } = running.proxy.topology
    assert.equal(coveredSlots, 16384)
    assert.deepEqual(
      nodes.map(({ address, role, slots }) => ({ address, role, slots })),
      [{ address: server.address, role: 'master', slots: [[0, 16383]] }]
    )
  })

  describe('a UNIX socket', () => {
    let directory: string
    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'redis-cluster-proxy-'))
    })
    after(() => rmSync(directory, { recursive: true }))

    for (const [kind, start] of [
      ['a cluster', startOneNode],
      ['a single server', (config: ServerConfig) => startServer({ config })],
    ] as const) {
      it(`of ${kind} is an entry point, as text and as object`, async () => {
        const path = join(directory, `${kind.replaceAll(' ', '-')}.sock`)
        await using server = await start({ unixsocket: path })
        await whenWritable(server)
        for (const nodes of [path, { path }]) {
          await using running = await startProxy({ nodes })
          await assertServes(running.port)
        }
      })
    }
  })

  it('an announced address that leads nowhere is mapped to the real one', async () => {
    await using server = await startOneNode({ 'cluster-announce-ip': '10.255.0.1' })
    await whenWritable(server)
    const announced = `10.255.0.1:${server.port}`
    for (const natMap of [{ [announced]: server.address }, { '10.255.0.1': '127.0.0.1' }]) {
      await using running = await startProxy({ nodes: server.address, natMap })
      await assertServes(running.port)
      assert.equal(running.proxy.topology.nodes[0]?.address, server.address)
    }
  })
})

/** A node that has just got its slots says CLUSTERDOWN for a while. */
async function whenWritable(server: RealServer): Promise<void> {
  const limit = Date.now() + 10_000
  while (!/cluster_state:ok|support disabled/.test(await state(server))) {
    assert(Date.now() < limit, 'the node became no cluster')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function state(server: RealServer): Promise<string> {
  return String(await server.call('CLUSTER', 'INFO').catch((error: Error) => error.message))
}

describe('TLS towards nodes and clients', needsServer, () => {
  let cluster: TlsCluster
  let secure: Record<'ca' | 'cert' | 'key', Buffer>

  before(async () => {
    cluster = await TlsCluster.start()
    const { ca, cert, key } = cluster.files
    secure = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) }
  })

  after(() => cluster?.stop())

  async function secureClient(port: number): Promise<RawClient> {
    const socket = tls.connect({ host: '127.0.0.1', port, ca: secure.ca })
    await new Promise((resolve, reject) => {
      socket.once('secureConnect', () => resolve(undefined))
      socket.once('error', reject)
    })
    return connect(socket)
  }

  it('works on both sides, with certificates of an own authority on each', async () => {
    const { ca, cert, key } = secure
    await using running = await startProxy({
      nodes: `127.0.0.1:${cluster.ports[0]}`,
      nodeTls: { ca, cert, key },
      tls: { cert, key },
    })
    assert(running.proxy instanceof tls.Server)
    await assertServes(running.port, () => secureClient(running.port))
    const known = running.proxy.topology.nodes.map(({ address }) => address).sort()
    assert.deepEqual(known, cluster.ports.map((port) => `127.0.0.1:${port}`).sort())
    await using client = await secureClient(running.port)
    const big = 'x'.repeat(3_000_000)
    await client.ask('SET', 'big', big)
    assert.equal(await client.ask('GET', 'big'), big)
    assert.deepEqual(running.errors, [])
  })

  it('works towards the nodes alone, by name', async () => {
    const { ca, cert, key } = secure
    await using running = await startProxy({
      nodes: `localhost:${cluster.ports[1]}`,
      nodeTls: { ca, cert, key },
    })
    await assertServes(running.port)
  })

  it('works towards clients alone', async () => {
    const { cert, key } = secure
    await using running = await startProxy({
      nodes: cluster.servers[0]!.address,
      tls: { cert, key },
    })
    await assertServes(running.port, () => secureClient(running.port))
    await using plain = await connect(running.port)
    plain.send(['PING'])
    await assert.rejects(plain.readReply())
  })

  it('refuses nodes whose certificate nobody vouches for', async () => {
    const { cert, key } = secure
    const options = { nodes: `127.0.0.1:${cluster.ports[0]}`, nodeTls: { cert, key } }
    await assert.rejects(startProxy(options), /certificate/)
  })
})

describe('a master that joins a real cluster', needsServer, () => {
  it('E4.19 knows the functions of the others', async () => {
    const config = { 'cluster-enabled': 'yes' }
    await using cluster = await startCluster({ masters: 2, replicas: 0 })
    await using added = await startServer({ config })
    await using running = await startProxy({ nodes: cluster.addresses })
    await using client = await connect(running.port)
    const code = "#!lua name=lib\nredis.register_function('one', function() return 1 end)"
    assert.equal(await client.ask('FUNCTION', 'LOAD', code), 'lib')
    await cluster.nodes[0]!.call('CLUSTER', 'MEET', '127.0.0.1', added.port)
    for (;;) {
      await running.proxy.refresh()
      const libraries = await added.call('FUNCTION', 'LIST')
      if (Array.isArray(libraries) && libraries.length > 0) break
    }
    const [library] = (await added.call('FUNCTION', 'LIST')) as unknown[][]
    assert.equal(String(library![1]), 'lib')
  })
})
