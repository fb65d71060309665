/**
 * One million malformed requests against a proxy in this process, with well-behaved clients beside them. Ends with status 1
 * at the first crash, hang, wrong reply or leak, and tells the seed and the bytes.
 *
 *     node --import tsx scripts/fuzz.ts [--requests 1000000] [--seed 1] [--real]
 *
 * `--real` puts a cluster of `redis-server` processes behind the proxy in place of the fake one.
 *
 * @module
 */

import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { createClusterProxy } from '../lib/index.ts'
import { createFakeCluster } from '../lib/testing/index.ts'
import { attack, type HostileTotals } from '../test/support/hostile-run.ts'
import { startCluster } from '../test/support/real-cluster.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    real: { type: 'boolean', default: false },
  },
})

const [nodes, stopCluster] = await cluster(values.real)
const proxy = createClusterProxy({ nodes })
proxy.listen(0, '127.0.0.1')
await once(proxy, 'ready')
const started = performance.now()
try {
  const totals = await attack({
    seed: Number(values.seed),
    requests: Number(values.requests),
    proxy,
    onProgress: (sofar) => console.log(`${sofar.malformed} malformed requests ...`),
  })
  console.log(summary(totals))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await proxy.shutdown()
  await stopCluster()
}

async function cluster(real: boolean): Promise<[string[], () => Promise<void>]> {
  if (!real) {
    const fake = await createFakeCluster()
    return [fake.addresses, () => fake.close()]
  }
  const servers = await startCluster({ replicas: 0 })
  return [servers.nodes.map((node) => node.address), () => servers.stop()]
}

function summary(totals: HostileTotals): string {
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  const memory = Math.round(process.memoryUsage().rss / 2 ** 20)
  return [
    `${totals.malformed} malformed requests on ${totals.connections} connections in ${seconds} s, seed ${values.seed}:`,
    `  ${totals.protocolErrors} connections ended by a protocol error, ${totals.closed} closed without a reply`,
    `  ${totals.replies} requests answered, ${totals.errorReplies} of them with an error`,
    `  ${totals.readBack} values of well-behaved clients written and read back`,
    `  no crash, no hang, no wrong reply, no data of another client; ${memory} MB resident at the end`,
  ].join('\n')
}
