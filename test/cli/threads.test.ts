import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import tls from 'node:tls'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts'
import { connect } from '../support/raw-client.ts'
import { connectTo, endOf, idOf, runIdOf, startThreads, threadOf } from '../support/two-threads.ts'

const folder = mkdtempSync(join(tmpdir(), 'proxy-threads-'))
after(() => rmSync(folder, { recursive: true }))

function written(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

describe('two threads', { concurrency: 2 }, () => {
  test('serve one port, and answer for each other whatever concerns all clients', async () => {
    await using cluster = await createFakeCluster({ masters: 2 })
    const { port, program } = await startThreads(cluster, '--maxclients', '4')
    const one = await connect(port)
    const other = await connect(port)
    const third = await connect(port)
    assert.notEqual(await threadOf(one), await threadOf(other))
    const ids = [await idOf(one), await idOf(other), await idOf(third)]
    assert.deepEqual(
      ids,
      [...ids].sort((a, b) => a - b)
    )
    assert.equal(new Set(ids).size, 3)
    assert.equal(
      (await one.call('PROXY', 'CLIENT', 'ID')).toString(),
      `+${await threadOf(one)}:${ids[0]}\r\n`
    )

    await one.ask('SET', 'key', 'value')
    assert.equal(await other.ask('GET', 'key'), 'value')

    for (const client of [one, other]) {
      const lines = String(await client.ask('CLIENT', 'LIST'))
        .trimEnd()
        .split('\n')
      assert.deepEqual(
        lines.map((line) => Number(/^id=(\d+) /.exec(line)?.[1])),
        ids
      )
      const info = String(await client.ask('PROXY', 'INFO'))
      assert.match(info, /\r\nthreads:2\r\n/)
      assert.match(info, /\r\nconnected_clients:3\r\n/)
      assert.match(info, /\r\nthread_0_clinets:\d\r\nthread_1_clinets:\d\r\n/)
      assert.match(info, new RegExp(`\r\nprocess_id:${program.process.pid}\r\n`))
      assert.match(String(await client.ask('INFO', 'clients')), /\r\nconnected_clients:3\r\n/)
      const shown = (await client.ask('PROXY', 'CLIENTS')) as unknown[][]
      assert.deepEqual(
        shown.map((fields) => fields[1]),
        ids
      )
    }
    assert.equal(
      String(await other.ask('CLIENT', 'LIST', 'ID', String(ids[2]), String(ids[0]))).split('\n')
        .length,
      3
    )

    for (const client of [one, other]) {
      await client.call('HELLO', '3')
      await client.call('SUBSCRIBE', 'news')
      await client.call('PSUBSCRIBE', '__key*')
    }
    assert.deepEqual(await third.ask('PUBSUB', 'NUMSUB', 'news', 'none'), ['news', 2, 'none', 0])
    assert.equal(await third.ask('PUBSUB', 'NUMPAT'), 1)
    assert.deepEqual(await third.ask('PUBSUB', 'CHANNELS', 'n*'), ['news'])
    await third.ask('PUBLISH', 'news', 'hello')
    for (const client of [one, other]) {
      assert.match(String(await client.readReply()), /message.*hello/s)
      await client.call('RESET')
    }
    assert.deepEqual(await third.ask('PUBSUB', 'CHANNELS'), [])

    assert.equal(await one.ask('PROXY', 'CONFIG', 'SET', 'enable-cross-slot', '1'), 'OK')
    for (const client of [one, other]) {
      assert.deepEqual(await client.ask('PROXY', 'CONFIG', 'GET', 'enable-cross-slot'), [
        'enable-cross-slot',
        1,
      ])
    }
    assert.equal(await one.ask('PROXY', 'CLUSTER', 'UPDATE'), 'done')

    const fourth = await connect(port)
    assert.equal(await fourth.ask('PING'), 'PONG')
    const fifth = await connect(port)
    assert.equal((await fifth.readReply()).toString(), '-ERR max number of clients reached\r\n')
    await fifth.closed

    assert.equal(await one.ask('CLIENT', 'KILL', 'ID', String(ids[1])), 1)
    await other.closed
    assert.equal(await one.ask('CLIENT', 'KILL', 'ID', String(ids[1])), 0)
    assert.equal(await third.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'), 2)
    await Promise.all([one.closed, fourth.closed])
    third.send(['PROXY', 'SHUTDOWN'])
    await third.closed
    assert.equal((await program.ended).code, 0)
  })

  test('are replaced by new ones at SIGUSR2, and PROXY RESTART, while their clients finish', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const { port, program } = await startThreads(cluster)
    await program.says(/commands are served[\s\S]*commands are served/)
    const [one, other] = [await connect(port), await connect(port)]
    const before = [await runIdOf(one), await runIdOf(other)]
    cluster.nodes[0]!.pause()
    const replies = [one, other].map((client) => client.call('INCR', 'counter'))
    cluster.nodes[0]!.resume()
    program.process.kill('SIGUSR2')
    await program.says(/new threads serve/)
    for (const reply of await Promise.all(replies)) assert.match(String(reply), /^:[12]\r\n$/)
    await Promise.all([one.closed, other.closed])
    const [next, last] = [await connect(port), await connect(port)]
    const renewed = [await runIdOf(next), await runIdOf(last)]
    assert.equal(new Set([...before, ...renewed]).size, 4)
    assert.equal(String(await next.call('PROXY', 'RESTART')), '+OK\r\n')
    await Promise.all([next.closed, last.closed])
    const ids = new Set<string>()
    for (const client of [await connect(port), await connect(port)]) ids.add(await runIdOf(client))
    assert.equal(ids.size, 2)
    assert.ok(renewed.every((id) => !ids.has(id)))
    await endOf(program)
  })

  test('are replaced when they die, which cuts off their own clients only', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const { port, program } = await startThreads(cluster, '--enable-debug-command')
    const one = await connect(port)
    const other = await connect(port)
    await one.ask('PROXY', 'CONFIG', 'SET', 'log-level', 'warning')
    await one.ask('PROXY', 'CONFIG', 'SET', 'connections-pool-size', '7')
    const thread = await threadOf(other)
    assert.equal(await one.ask('PROXY', 'DEBUG', 'KILL', String(thread), 'KILL'), 'OK')
    await other.closed
    assert.equal(await one.ask('PING'), 'PONG')
    await program.says(new RegExp(`a thread is gone .* thread=${thread} how=SIGKILL`))
    assert.equal(
      (await one.call('PROXY', 'DEBUG', 'KILL', '2')).toString(),
      '-ERR Invalid thread id\r\n'
    )
    const next = await connectTo(port, thread)
    assert.deepEqual(await next.ask('PROXY', 'CONFIG', 'GET', 'connections-pool-size'), [
      'connections-pool-size',
      7,
    ])
    await endOf(program)
  })

  test('take over a configuration that is read again, and open the log file again', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const file = join(folder, 'threads.conf')
    writeFileSync(file, 'log-level debug\n')
    const logfile = join(folder, 'threads.log')
    const words = ['-c', file, '--logfile', logfile, '--pidfile', join(folder, 'threads.pid')]
    const { port, program } = await startThreads(cluster, ...words)
    const [one, other] = [await connect(port), await connect(port)]
    writeFileSync(file, 'log-level info\nenable-cross-slot yes\ntcp-backlog 9\n')
    assert.deepEqual(await one.ask('PROXY', 'CONFIG', 'RELOAD'), [
      'changed',
      ['enable-cross-slot', 'log-level'],
      'needs-restart',
      ['tcp-backlog'],
    ])
    for (const client of [one, other]) {
      assert.equal(await client.ask('MSET', 'a', '1', 'b', '2'), 'OK')
      assert.equal(await client.ask('PROXY', 'CONFIG', 'GET', 'log-level'), 'info')
    }
    writeFileSync(file, 'log-level nothing\n')
    assert.match(
      (await other.call('PROXY', 'CONFIG', 'RELOAD')).toString(),
      /^-ERR nothing was changed: .*line 1: log-level: got 'nothing'/
    )
    renameSync(logfile, `${logfile}.1`)
    program.process.kill('SIGUSR1')
    do {
      for (const client of [one, other]) {
        const line = `from thread ${await threadOf(client)}.`
        await client.ask('PROXY', 'LOG', 'warning', line)
      }
    } while (!/thread 0\.[\s\S]*thread 1\./.test(written(logfile)))
    await endOf(program)
  })

  test('give clients that come by TLS ids that are unique over all threads', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    writeFileSync(join(folder, 'tls.key'), CERTIFICATE_KEY)
    writeFileSync(join(folder, 'tls.crt'), CERTIFICATE)
    const files = [`certFile=${folder}/tls.crt`, `keyFile=${folder}/tls.key`]
    const words = files.flatMap((file) => ['--tls', file])
    const peers = ['--proxy-protocol', 'yes', '--trusted-proxies', '127.0.0.1']
    const open = ['--protected-mode', 'no']
    const { port, program } = await startThreads(cluster, ...words, ...peers, ...open)
    const ids: number[] = []
    for (const last of [1, 2, 3]) {
      const raw = createConnection(port, '127.0.0.1')
      raw.write(`PROXY TCP4 198.51.100.${last} 10.0.0.1 1 2\r\n`)
      const options = { ca: CERTIFICATE, checkServerIdentity: () => undefined }
      const client = await connect(tls.connect({ socket: raw, ...options }))
      ids.push(await idOf(client))
      assert.match(String(await client.ask('CLIENT', 'INFO')), new RegExp(`100\\.${last}:1 `))
    }
    assert.deepEqual(ids, [1, 2, 3])
    await endOf(program)
  })

  test('end when the main process is gone', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const { port, program } = await startThreads(cluster)
    const [one, other] = [await connect(port), await connect(port)]
    assert.equal(await one.ask('PING'), 'PONG')
    program.process.kill('SIGKILL')
    await Promise.all([one.closed, other.closed])
    // Its output is closed when the last process that has it is gone.
    assert.equal((await program.ended).code, null)
  })

  test('serve a UNIX socket too, and end at once with PROXY SHUTDOWN ASAP', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const socket = join(folder, 'threads.sock')
    const { program } = await startThreads(cluster, '--unixsocket', socket)
    const [one, other] = [await connect(socket), await connect(socket)]
    const shown = new RegExp(` addr=${socket}:0 laddr=${socket}:0 .* flags=U `)
    for (const client of [one, other])
      assert.match(String(await client.ask('CLIENT', 'INFO')), shown)
    assert.notEqual(await threadOf(one), await threadOf(other))
    assert.equal(await one.ask('PING'), 'PONG')
    other.send(['PROXY', 'SHUTDOWN', 'ASAP'])
    await Promise.all([one.closed, other.closed])
    assert.equal((await program.ended).code, 0)
  })
})
