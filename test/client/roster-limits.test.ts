import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { createClusterProxy, type ProgramHooks } from '../../lib/index.ts'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { connect } from '../support/raw-client.ts'

async function started(
  t: TestContext,
  options: { memoryLimit?: number; maxClients?: number; program?: ProgramHooks }
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

test('memoryLimit holds for all threads together', async (t) => {
  let elsewhere = 0
  const ask = async () => [{ thread: 1, value: elsewhere }]
  const threads = { index: 0, count: 2, clientsElsewhere: 0, idOf: () => undefined, ask }
  const { port, proxy } = await started(t, { memoryLimit: 65_536, program: { threads } })
  const [greedy, modest] = [await connect(port), await connect(port)]
  const gone = once(proxy, 'clientDisconnect')
  greedy.stream.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$65536\r\n${'x'.repeat(40_000)}`)
  while (proxy.stats().bufferedBytes < 40_000) assert.equal(await modest.ask('PING'), 'PONG')
  const late = await connect(port)
  assert.equal(String(await late.call('PING')), '+PONG\r\n')
  elsewhere = 30_000
  const [event] = await gone
  assert.match(event.reason, /memoryLimit/)
  await greedy.closed
  for (const client of [modest, late]) await client.end()
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
