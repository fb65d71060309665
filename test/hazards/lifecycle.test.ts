import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it, mock } from 'node:test'
import { createClusterProxy, type ProxyError } from '../../lib/index.ts'
import { freePort } from '../support/free-port.ts'
import { listen, next, startProxied } from '../support/proxied-cluster.ts'
import { connect } from '../support/raw-client.ts'

describe('E.17 lifecycle', () => {
  it('E17.1 shutdown lets go of clients that block, listen, or are in a transaction', async () => {
    await using proxied = await startProxied()
    const [blocked, subscribed, multi, watching] = await Promise.all(
      Array.from({ length: 4 }, () => proxied.connect())
    )
    blocked!.send(['BLPOP', 'list', '0'])
    await proxied.cluster.waitFor('BLPOP')
    await subscribed!.call('SUBSCRIBE', 'news')
    await multi!.ask('MULTI')
    await multi!.ask('SET', 'a', '1')
    await watching!.ask('WATCH', 'a')
    await proxied.proxy.shutdown({ timeout: 60_000 })
    await Promise.all([blocked, subscribed, multi, watching].map((client) => client!.closed))
    assert.equal(proxied.cluster.execute('GET', 'a'), null)
  })

  it('E17.2 a proxy listens before its cluster is up, and says so when it takes too long', async () => {
    const proxy = createClusterProxy({ nodes: `127.0.0.1:${await freePort()}`, retryBudget: 50 })
    proxy.on('error', () => {})
    const client = await connect(await listen(proxy))
    assert.equal(await client.ask('PING'), 'PONG')
    assert.match((await client.call('GET', 'a')).toString(), /^-CLUSTERDOWN /)
    await client.end()
    await proxy.shutdown()
  })

  it('E17.3 close, shutdown and an AbortSignal may come together and at any time', async () => {
    const proxy = createClusterProxy({ nodes: `127.0.0.1:${await freePort()}` })
    proxy.on('error', () => {})
    const abort = new AbortController()
    const closed = once(proxy, 'close')
    proxy.listen({ port: 0, host: '127.0.0.1', signal: abort.signal })
    await once(proxy, 'listening')
    abort.abort()
    proxy.close()
    await Promise.all([proxy.shutdown(), proxy.shutdown({ timeout: 0 }), closed])
    const early = createClusterProxy({ nodes: `127.0.0.1:${await freePort()}` })
    early.listen(0, '127.0.0.1')
    await early.shutdown()
    assert.equal(early.listening, false)
  })

  it('E17.4 a hook that throws, rejects or never settles costs no client its reply', async () => {
    await using proxied = await startProxied({ options: { credentials: undefined } })
    const { proxy } = proxied
    const errors: Error[] = []
    proxy.on('error', (error) => errors.push(error))
    proxy.on('command', () => {
      throw new Error('thrown')
    })
    const hooks = [
      (): unknown => Promise.reject(new Error('rejected')),
      (): unknown => new Promise(() => {}),
    ]
    for (const hook of hooks) proxy.on('command', hook)
    const client = await proxied.connect()
    assert.equal(await client.ask('SET', 'a', '1'), 'OK')
    assert.equal(await client.ask('GET', 'a'), '1')
    assert.deepEqual(
      errors.map((error) => (error as ProxyError).code),
      ['HOOK', 'HOOK', 'HOOK', 'HOOK']
    )
  })

  it('E17.7 the time of day may jump: no limit is measured by it', async () => {
    const options = { idleTimeout: 60_000, requestTimeout: 60_000, commandTimeout: 60_000 }
    await using proxied = await startProxied({ options })
    const [idle, waiting] = [await proxied.connect(), await proxied.connect()]
    await idle.ask('PING')
    for (const node of proxied.cluster.nodes) node.pause()
    const reply = waiting.call('GET', 'a')
    await waitUntilPending(proxied.proxy)
    const day = 86_400_000
    mock.timers.enable({ apis: ['Date'], now: Date.now() + day })
    try {
      await ticks()
      mock.timers.setTime(Date.now() + 2 * day)
      await ticks()
    } finally {
      mock.timers.reset()
    }
    for (const node of proxied.cluster.nodes) node.resume()
    assert.equal((await reply).toString(), '$-1\r\n')
    assert.equal(await idle.ask('PING'), 'PONG')
  })

  it('E17.8 an idle client is cut off, one that blocks, listens or is in a transaction is not', async () => {
    await using proxied = await startProxied({ options: { idleTimeout: 200 } })
    const [blocked, subscribed, multi, watching, idle] = await Promise.all(
      Array.from({ length: 5 }, () => proxied.connect())
    )
    blocked!.send(['BLPOP', 'list', '0'])
    await subscribed!.call('SUBSCRIBE', 'news')
    await multi!.ask('MULTI')
    await watching!.ask('WATCH', 'a')
    const gone = next<{ reason: string }>(proxied.proxy, 'clientDisconnect')
    await idle!.ask('PING')
    await idle!.closed
    assert.equal((await gone).reason, 'idleTimeout')
    await ticks()
    assert.equal(proxied.proxy.stats().clients, 4)
    assert.equal(await multi!.ask('PING'), 'QUEUED')
    assert.equal(await watching!.ask('PING'), 'PONG')
    await proxied.proxy.shutdown({ timeout: 60_000 })
  })
})

/** Long enough for every limit to be looked at: they are once a second. */
function ticks(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1300))
}

async function waitUntilPending(proxy: ReturnType<typeof createClusterProxy>): Promise<void> {
  while (!proxy.stats().nodes.some(({ pending }) => pending > 0)) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}
