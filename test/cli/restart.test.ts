import assert from 'node:assert/strict'
import net from 'node:net'
import { describe, test } from 'node:test'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { CountingLoad } from '../support/counting-load.ts'
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

/** A socket that is bound to a free port, of which this process accepts nothing. Node has no public name for it. */
function boundSocket(): { readonly fd: number; port: number; close(): void } {
  const { _createServerHandle } = net as unknown as {
    _createServerHandle(address: string, port: number, family: number): Handle
  }
  interface Handle {
    readonly fd: number
    getsockname(out: object): void
    close(): void
  }
  const handle = _createServerHandle('127.0.0.1', 0, 4)
  const name: { port?: number } = {}
  handle.getsockname(name)
  return { fd: handle.fd, port: name.port!, close: () => handle.close() }
}

describe('a restart', () => {
  test('ten times under load fails no command of node-redis', { timeout: LIMIT }, async () => {
    await using cluster = await createFakeCluster({ masters: 3 })
    const port = await freePort()
    const words = ['-p', String(port), '--bind', '127.0.0.1', '--threads', '1']
    const program = new Running([...words, ...cluster.addresses], {}, { limit: LIMIT })
    await program.says(/commands are served/)
    const load = await CountingLoad.start(port, CLIENTS)
    await load.during(cluster, async () => {
      for (let restart = 1; restart <= RESTARTS; restart++) {
        const admin = await connect(port)
        const before = await processOf(admin)
        assert.equal((await admin.call('PROXY', 'RESTART')).toString(), '+OK\r\n')
        await admin.closed
        const after = await connect(port)
        assert.notEqual(await processOf(after), before)
        await after.end()
      }
    })
    program.process.kill('SIGTERM')
    const { code, output } = await program.ended
    assert.equal(code, 0)
    assert.equal(output.match(/new threads serve/g)?.length, RESTARTS)
  })

  test('by another program with the same inherited socket fails none either, ten times', {
    timeout: LIMIT,
  }, async () => {
    await using cluster = await createFakeCluster({ masters: 3 })
    const socket = boundSocket()
    const start = async (threads: number): Promise<Running> => {
      const words = ['--threads', String(threads), ...cluster.addresses]
      const program = new Running(
        words,
        { LISTEN_FDS: '1' },
        {
          inherited: [socket.fd],
          limit: LIMIT,
        }
      )
      await program.says(/commands are served/)
      return program
    }
    let program = await start(2)
    const load = await CountingLoad.start(socket.port, CLIENTS)
    await load.during(cluster, async () => {
      for (let restart = 1; restart <= RESTARTS; restart++) {
        const next = await start(restart % 2 === 0 ? 2 : 1)
        program.process.kill('SIGTERM')
        const { code, output } = await program.ended
        assert.equal(code, 0)
        assert.match(output, /another process serves the inherited sockets/)
        program = next
      }
    })
    socket.close()
    program.process.kill('SIGTERM')
    const { code, output } = await program.ended
    assert.equal(code, 0)
    assert.doesNotMatch(output, /another process serves/)
  })
})
