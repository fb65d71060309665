import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createClient } from 'redis'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { freePort } from '../support/free-port.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { Running } from '../support/running.ts'

/** Milliseconds for everything; starting processes takes its time on a busy machine. */
const LIMIT = 240_000
const RESTARTS = 10
const CLIENTS = 4

/** What names the proxy that serves a client. */
async function processOf(client: RawClient): Promise<string> {
  return /run_id:(\w+)/.exec(String(await client.ask('INFO', 'server')))![1]!
}

describe('a restart', () => {
  test('ten times under load fails no command of node-redis', { timeout: LIMIT }, async () => {
    await using cluster = await createFakeCluster({ masters: 3 })
    const port = await freePort()
    const words = ['-p', String(port), '--bind', '127.0.0.1', '--threads', '1']
    const program = new Running([...words, ...cluster.addresses], {}, [], LIMIT)
    await program.says(/commands are served/)
    const errors: unknown[] = []
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () =>
        createClient({ socket: { host: '127.0.0.1', port } })
          .on('error', (error) => errors.push(error))
          .connect()
      )
    )
    let going = true
    const counts = clients.map(async (client, index) => {
      let count = 0
      while (going) {
        const pipeline = Array.from({ length: 8 }, () => client.incr(`counter-${index}`))
        const last = (await Promise.all(pipeline)).at(-1)
        count += 8
        assert.equal(last, count)
        await new Promise(setImmediate)
      }
      return count
    })
    const load = Promise.all(counts)
    const restarted = async (): Promise<void> => {
      for (let restart = 1; restart <= RESTARTS; restart++) {
        const admin = await connect(port)
        const before = await processOf(admin)
        assert.equal((await admin.call('PROXY', 'RESTART')).toString(), '+OK\r\n')
        await admin.closed
        const after = await connect(port)
        assert.notEqual(await processOf(after), before)
        await after.end()
      }
      going = false
    }
    await Promise.race([restarted(), load])
    const sums = await load
    assert.deepEqual(errors, [])
    for (const [index, sum] of sums.entries()) {
      assert.ok(sum > RESTARTS)
      assert.equal(cluster.execute('GET', `counter-${index}`), String(sum))
    }
    for (const client of clients) client.destroy()
    program.process.kill('SIGTERM')
    const { code, output } = await program.ended
    assert.equal(code, 0)
    assert.equal(output.match(/new threads serve/g)?.length, RESTARTS)
  })
})
