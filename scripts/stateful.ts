/**
 * 100,000 random sequences of commands with a memory (transactions, blocking commands, client modes) from 100 clients, some of them cut off. Ends with status
 * 1 at the first wrong reply, or if a private connection is not clean afterwards.
 *
 *     node --import tsx scripts/stateful.ts [--sequences 100000] [--clients 100] [--seed 1] [--real]
 *
 * `--real` puts a cluster of `redis-server` processes behind the proxy in place of the fake one.
 *
 * @module
 */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { createClusterProxy } from '../lib/index.ts'
import { createFakeCluster } from '../lib/testing/index.ts'
import { startCluster } from '../test/support/real-cluster.ts'
import { MOST_PRIVATE, tryStateful } from '../test/support/stateful-run.ts'

const { values } = parseArgs({
  options: {
    sequences: { type: 'string', default: '100000' },
    clients: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    real: { type: 'boolean', default: false },
  },
})

const cluster = values.real
  ? await startCluster({ replicas: 0 })
  : await createFakeCluster({ masters: 3 })
const proxy = createClusterProxy({
  nodes: cluster.addresses,
  maxPrivateConnections: MOST_PRIVATE,
  privateWait: 20_000,
})
proxy.listen(0, '127.0.0.1')
await once(proxy, 'ready')
const started = performance.now()
try {
  const totals = await tryStateful({
    seed: Number(values.seed),
    sequences: Number(values.sequences),
    clients: Number(values.clients),
    port: (proxy.address() as AddressInfo).port,
    masters: cluster.nodes.map(({ port }) => port),
    onProgress: ({ sequences }) => console.log(`${sequences} sequences ...`),
  })
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(
    `${totals.sequences} sequences of ${values.clients} clients in ${seconds} s, seed ${values.seed}: ${totals.replies} commands answered rightly, ` +
      `${totals.cut} clients cut off; ${totals.proven} private connections asked, all clean`
  )
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await proxy.shutdown({ timeout: 0 })
  if ('stop' in cluster) await cluster.stop()
  else await cluster.close()
}
