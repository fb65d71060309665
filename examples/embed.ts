/**
 * A Node.js service with a proxy inside: it listens for clients, and tells what it sees by events.
 * Run it with `npm run examples`, which needs nothing installed: the cluster is the one for tests.
 *
 * @module
 */

import { once } from 'node:events'
import { type AddressInfo, createConnection } from 'node:net'
import { createClusterProxy } from 'redis-cluster-proxy'
import { createFakeCluster } from 'redis-cluster-proxy/testing'

// Your own cluster would stand here as nodes: ['redis-1:6379', 'redis-2:6379'].
const cluster = await createFakeCluster({ masters: 3 })
const proxy = createClusterProxy({ nodes: cluster.addresses })

// A node sent a command on to another one; the client never sees it.
proxy.on('redirect', (event) => {
  console.log('redirect', JSON.stringify(event))
})

// Slots have another owner, or nodes came and went. `before` and `after` hold all nodes with their slots.
proxy.on('topologyChange', ({ before, after, ...event }) => {
  const versions = { before: before.version, after: after.version }
  console.log('topologyChange', JSON.stringify({ ...event, versions, nodes: after.nodes.length }))
})

// A client got its answer: what metrics and slow logs are made of. Milliseconds come with fractions.
proxy.on('command', ({ latency, ...event }) => {
  console.log('command', JSON.stringify({ ...event, latency: Number(latency.toFixed(1)) }))
})

// Without this listener an error would end the process, as with any server.
proxy.on('error', (error) => console.error('error', error.message))

// From here on it is any net.Server: choose the port that your clients know.
proxy.listen(0, '127.0.0.1')
await once(proxy, 'ready')

// A client. Any would do, such as ioredis or redis-cli; these two lines speak enough of the protocol to show something.
const client = createConnection((proxy.address() as AddressInfo).port, '127.0.0.1')
await send('SET greeting hello')

// The cluster moves the key to another node. The client is answered as if nothing had happened.
const changed = once(proxy, 'topologyChange')
const owner = cluster.owner('greeting')
cluster.migrate(cluster.slotOf('greeting'), cluster.masters.find((node) => node !== owner) ?? owner)
await send('GET greeting')
await changed

// No new clients, the last answers, and the end.
client.end()
await proxy.shutdown({ timeout: 1000 })
await cluster.close()

async function send(command: string): Promise<void> {
  client.write(`${command}\r\n`)
  const [reply] = await once(client, 'data')
  console.log(`${command} -> ${JSON.stringify(String(reply))}`)
}
