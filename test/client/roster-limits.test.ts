import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { createClusterProxy } from '../../lib/index.ts'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { connect } from '../support/raw-client.ts'

async function started(
  t: TestContext,
  options: { memoryLimit?: number; maxClients?: number }
): Promise<{ port: number; proxy: ReturnType<typeof createClusterProxy> }> {
  const cluster = await createFakeCluster({ masters: 1 })
  const proxy = createClusterProxy({ nodes: cluster.addresses, ...options })
  t.after(async () => {
    await proxy.shutdown({ timeout: 0 })
    await cluster.close()
  })
  const ready = once(proxy, 'ready')
  proxy.listen(0, '127.0.0.1')
  await ready
  const address = proxy.address()
  assert.ok(address !== null && typeof address === 'object')
  return { port: address.port, proxy }
}

test('the client that holds most has to go when memoryLimit stays exceeded', async (t) => {
  const { port, proxy } = await started(t, { memoryLimit: 4096 })
  const [greedy, modest] = [await connect(port), await connect(port)]
  assert.equal(String(await modest.call('SET', 'k', 'v')), '+OK\r\n')
  const gone = once(proxy, 'clientDisconnect')
  // Half a request of 64 KiB: it is kept, and the other half never comes.
  greedy.stream.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$65536\r\n${'x'.repeat(32_768)}`)
  const [event] = await gone
  assert.match(event.reason, /memoryLimit/)
  await greedy.closed
  assert.equal(String(await modest.call('GET', 'k')), '$1\r\nv\r\n')
  await modest.end()
})

test('nobody is let in beyond maxClients, and the next is when one has left', async (t) => {
  const { port, proxy } = await started(t, { maxClients: 1 })
  const first = await connect(port)
  assert.equal(String(await first.call('PING')), '+PONG\r\n')
  const second = await connect(port)
  assert.equal(String(await second.readReply()), '-ERR max number of clients reached\r\n')
  await second.closed
  const left = once(proxy, 'clientDisconnect')
  await first.end()
  await left
  const third = await connect(port)
  assert.equal(String(await third.call('PING')), '+PONG\r\n')
  assert.deepEqual([proxy.stats().clients, proxy.stats().rejectedConnections], [1, 1])
  await third.end()
})
