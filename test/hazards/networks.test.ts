import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { setStage } from './stage.ts'

/** Counts who connects to 127.0.0.2. */
async function trap(): Promise<{ port: number; visits: () => number; close: () => void }> {
  let visits = 0
  const server = createServer((socket) => {
    visits++
    socket.destroy()
  })
  server.listen(0, '127.0.0.2')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { port: address.port, visits: () => visits, close: () => server.close() }
}

describe('E13.11 addresses that nodes name', () => {
  it('are dialled only in networks that are allowed, whoever names them and how', async () => {
    const elsewhere = await trap()
    await using stage = await setStage({
      options: { allowedNetworks: ['127.0.0.1'], retryBudget: 300, maxRedirects: 3 },
    })
    const client = await stage.client()
    const downs = stage.record('nodeDown')
    const slot = stage.cluster.slotOf('k')
    const node = stage.cluster.owner('k')
    assert.equal(await client.ask('SET', 'k', '1'), 'OK')
    for (const kind of ['ASK', 'MOVED']) {
      node.answer('GET', `-${kind} ${slot} 127.0.0.2:${elsewhere.port}\r\n`)
      // An ASK leads nowhere; a MOVED is set right by the next look at the cluster.
      const reply = (await client.call('GET', 'k')).toString()
      assert.match(reply, /^(?:-CLUSTERDOWN .*allowedNetworks|\$1\r\n1)/)
    }
    assert.equal(elsewhere.visits(), 0)
    assert.match(String(downs[0]?.cause), /127\.0\.0\.2, which is in none of allowedNetworks/)
    assert.equal(await client.ask('GET', 'k'), '1')
    elsewhere.close()
  })

  it('may be anywhere without the option, and entry points in any case', async () => {
    const elsewhere = await trap()
    await using stage = await setStage({ options: { retryBudget: 300 } })
    const client = await stage.client()
    const visited = stage.record('nodeDown')
    const node = stage.cluster.owner('k')
    node.answer('GET', `-ASK ${stage.cluster.slotOf('k')} 127.0.0.2:${elsewhere.port}\r\n`)
    await client.call('GET', 'k')
    assert.ok(elsewhere.visits() > 0)
    assert.equal(visited[0]?.address, `127.0.0.2:${elsewhere.port}`)
    elsewhere.close()
    // The nodes are entry points here: no network need allow them.
    await using strict = await setStage({ options: { allowedNetworks: ['192.0.2.0/24'] } })
    const other = await strict.client()
    assert.equal(await other.ask('SET', 'k', '1'), 'OK')
  })
})
