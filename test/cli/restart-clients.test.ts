import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { endOf, flagsOf, idOf, startThreads } from '../support/two-threads.ts'

const ADMIN = ['--admin-commands', 'yes', '--shutdown-timeout', '60000']

/** A client that is told `MOVING` when its thread ends, and so has time to go by itself. */
async function movingClient(port: number): Promise<RawClient> {
  const client = await connect(port)
  await client.call('HELLO', '3')
  await client.call('CLIENT', 'MAINT_NOTIFICATIONS', 'ON')
  return client
}

/** Reads what a monitor is shown until it is this command; nothing of what was awaited may be missing before. */
async function shows(monitor: RawClient, ...commands: readonly string[]): Promise<void> {
  const awaited = [...commands]
  while (awaited.length > 0) {
    const line = String(await monitor.readReply())
    const found = awaited.indexOf(/\] "ECHO" "(.*)"\r\n$/.exec(line)?.[1] ?? '')
    if (found >= 0) awaited.splice(found, 1)
  }
}

async function restart(port: number): Promise<void> {
  const admin = await connect(port)
  assert.equal(String(await admin.call('PROXY', 'RESTART')), '+OK\r\n')
  await admin.closed
}

for (const threads of ['1', '2']) {
  describe(`a restart of ${threads} threads`, () => {
    test('ends monitors as it ends all clients, and those that move see what is asked until they do', async () => {
      await using cluster = await createFakeCluster({ masters: 1 })
      const { port, program } = await startThreads(cluster, ...ADMIN, '--threads', threads)
      const plain = await connect(port)
      const [moving, late] = [await movingClient(port), await movingClient(port)]
      for (const client of [plain, moving]) await client.call('MONITOR')
      await restart(port)
      await plain.closed
      // One of each new thread, and one that was there before.
      const [one, other] = [await connect(port), await connect(port)]
      await one.ask('ECHO', 'one')
      await other.ask('ECHO', 'other')
      await late.ask('ECHO', 'former')
      await shows(moving, 'one', 'other', 'former')
      // A monitor of a new thread sees what is asked in those that end.
      const next = await connect(port)
      assert.equal(String(await next.call('MONITOR')), '+OK\r\n')
      await late.ask('ECHO', 'from the former')
      await one.ask('ECHO', 'from the new')
      await shows(next, 'from the former', 'from the new')
      await shows(moving, 'from the former', 'from the new')
      for (const client of [moving, late]) client.stream.destroy()
      await other.ask('ECHO', 'last')
      await shows(next, 'last')
      await endOf(program)
    })

    test('does not end a pause', async () => {
      await using cluster = await createFakeCluster({ masters: 1 })
      const { port, program } = await startThreads(cluster, ...ADMIN, '--threads', threads)
      const client = await connect(port)
      await client.ask('CLIENT', 'PAUSE', '600000', 'WRITE')
      client.stream.destroy()
      await restart(port)
      const [one, other] = [await connect(port), await connect(port)]
      const id = String(await idOf(other))
      const set = other.call('SET', 'key', 'value')
      while (!(await flagsOf(one, id)).includes('b')) await one.ask('PING')
      assert.equal(cluster.execute('EXISTS', 'key'), 0)
      assert.equal(await one.ask('CLIENT', 'UNPAUSE'), 'OK')
      assert.equal(String(await set), '+OK\r\n')
      await endOf(program)
    })
  })
}
