import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { freePort } from '../support/free-port.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { appears, Running } from '../support/running.ts'

const folder = mkdtempSync(join(tmpdir(), 'proxy-program-'))
after(() => rmSync(folder, { recursive: true }))

async function setting(client: RawClient, name: string): Promise<unknown> {
  return ((await client.ask('PROXY', 'CONFIG', 'GET', name)) as unknown[])[1]
}

const runId = async (client: RawClient): Promise<string> =>
  /run_id:(\w+)/.exec(String(await client.ask('INFO', 'server')))![1]!

describe('the program', { concurrency: 2 }, () => {
  test('keeps what needs a restart as it was until then, and its own sockets beyond', async () => {
    await using former = await createFakeCluster({ masters: 1 })
    await using latter = await createFakeCluster({ masters: 1 })
    const [port, another] = [await freePort(), await freePort()]
    const file = join(folder, 'restart.conf')
    const base = 'bind 127.0.0.1\nthreads 1\n'
    writeFileSync(file, `${base}port ${port}\ncluster ${former.addresses[0]}\n`)
    const program = new Running(['-c', file])
    await program.says(/commands are served/)
    const client = await connect(port)
    writeFileSync(
      file,
      `${base}port ${another}\ncluster ${latter.addresses[0]}\ntcp-backlog 9\nenable-debug-command yes\n`
    )
    for (let time = 1; time <= 2; time++) {
      assert.deepEqual(await client.ask('PROXY', 'CONFIG', 'RELOAD'), [
        'changed',
        [],
        'needs-restart',
        ['port', 'tcp-backlog', 'enable-debug-command', 'cluster'],
      ])
      assert.equal(await setting(client, 'enable-debug-command'), 0)
    }
    // A file that is just being written; what it says of a password would be that there is none.
    const written = readFileSync(file, 'utf8')
    writeFileSync(file, '')
    for (const words of [['CONFIG', 'RELOAD'], ['RESTART']]) {
      assert.equal(
        (await client.call('PROXY', ...words)).toString(),
        `-ERR nothing was changed: ${file}: it names no node of a cluster (cluster, redis_nodes), expected at least one\r\n`
      )
    }
    writeFileSync(file, written)
    assert.equal((await client.call('PROXY', 'RESTART')).toString(), '+OK\r\n')
    const next = await connect(port)
    assert.equal(await setting(next, 'enable-debug-command'), 1)
    assert.equal(await setting(next, 'tcp-backlog'), 511)
    assert.match(String(await next.ask('INFO', 'server')), new RegExp(`tcp_port:${port}\r\n`))
    assert.equal(await next.ask('SET', 'key', 'value'), 'OK')
    assert.equal(latter.execute('GET', 'key'), 'value')
    assert.deepEqual(await next.ask('PROXY', 'CONFIG', 'RELOAD'), [
      'changed',
      [],
      'needs-restart',
      ['port', 'tcp-backlog'],
    ])
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 0)
  })

  test('holds what it is told during a restart, by a reload or PROXY CONFIG SET', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const port = await freePort()
    const file = join(folder, 'during.conf')
    const base = `bind 127.0.0.1\nport ${port}\ncluster ${cluster.addresses[0]}\nthreads 1\n`
    writeFileSync(file, base)
    const program = new Running(['-c', file])
    await program.says(/commands are served/)
    const [asker, other] = [await connect(port), await connect(port)]
    const before = await runId(other)
    await other.ask('PROXY', 'CONFIG', 'SET', 'connections-pool-spawn-rate', '5')
    const restarted = asker.call('PROXY', 'RESTART')
    assert.equal(await other.ask('PING'), 'PONG')
    await other.ask('PROXY', 'CONFIG', 'SET', 'connections-pool-size', '7')
    writeFileSync(file, `${base}maxclients 60\n`)
    program.process.kill('SIGHUP')
    assert.equal((await restarted).toString(), '+OK\r\n')
    await program.says(/read again changed=maxclients /)
    const next = await connect(port)
    assert.notEqual(await runId(next), before)
    assert.equal(await setting(next, 'maxclients'), 60)
    assert.equal(await setting(next, 'connections-pool-size'), 7)
    assert.equal(await setting(next, 'connections-pool-spawn-rate'), 2)
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 0)
  })

  test('ends at SIGTERM during a restart too, with the threads that were to take over', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const port = await freePort()
    const words = ['-p', String(port), '--bind', '127.0.0.1', '--threads', '2']
    const program = new Running([...words, ...cluster.addresses])
    await program.listens()
    const [asker, other] = [await connect(port), await connect(port)]
    asker.send(['PROXY', 'RESTART'])
    assert.equal(await other.ask('PING'), 'PONG')
    program.process.kill('SIGTERM')
    const { code, output } = await program.ended
    assert.equal(code, 0)
    assert.match(output, /bye/)
  })

  test('hears signals before it listens: SIGHUP waits for that, SIGTERM ends it', async () => {
    for (const signal of ['SIGHUP', 'SIGTERM'] as const) {
      const socket = join(folder, `${signal}.sock`)
      // The threads come last.
      const words = ['--port', '0', '--unixsocket', socket, '--threads', '2', '127.0.0.1:1']
      const program = new Running(words)
      await appears(socket)
      program.process.kill(signal)
      if (signal === 'SIGHUP') {
        await program.says(/ listens on .*\n[\s\S]*read again changed=nothing/)
        program.process.kill('SIGTERM')
      }
      assert.equal((await program.ended).code, 0)
      assert.equal(existsSync(socket), false)
    }
  })

  test('gives no new client to a thread that a signal ends, and replaces it at once', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const port = await freePort()
    const words = ['-p', String(port), '--bind', '127.0.0.1', '--threads', '2']
    const program = new Running([...words, '--enable-debug-command', ...cluster.addresses])
    await program.says(/commands are served[\s\S]*commands are served/)
    const [one, other] = [await connect(port), await connect(port)]
    const thread = String(await other.ask('PROXY', 'CLIENT', 'THREAD'))
    assert.notEqual(String(await one.ask('PROXY', 'CLIENT', 'THREAD')), thread)
    cluster.nodes[0]!.pause()
    const reply = other.call('SET', 'key', 'value')
    assert.equal(await one.ask('PROXY', 'DEBUG', 'KILL', thread, 'TERM'), 'OK')
    await program.says(new RegExp(`a thread was told to end; .* thread=${thread}\n`))
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(port)))
    for (const client of clients) assert.equal(await client.ask('PING'), 'PONG')
    for (;;) {
      const next = await connect(port)
      if (String(await next.ask('PROXY', 'CLIENT', 'THREAD')) === thread) break
    }
    cluster.nodes[0]!.resume()
    assert.equal((await reply).toString(), '+OK\r\n')
    await other.closed
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 0)
  })
})
