import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startProxied } from '../support/proxied-cluster.ts'
import { MOST_PRIVATE, tryStateful } from '../support/stateful-run.ts'

// The whole of it is `npm run test:stateful`.
test('after random sequences of stateful commands, some cut off, every reply was right and every private connection is clean', async () => {
  const options = { maxPrivateConnections: MOST_PRIVATE, privateWait: 20_000 }
  await using side = await startProxied({ options, cluster: { masters: 2 } })
  const totals = await tryStateful({
    seed: 3,
    sequences: 1500,
    clients: 20,
    port: side.port,
    masters: side.cluster.nodes.map(({ port }) => port),
  })
  assert.ok(totals.cut > 10)
  assert.ok(totals.proven > 0)
})
