import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { describe, test } from 'node:test'
import { inheritedSockets } from '../../lib/cli/inherited-sockets.ts'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { connect } from '../support/raw-client.ts'
import { Running } from '../support/running.ts'

async function listening(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** The file descriptor of a server or a socket, which Node has no public name for. */
function fdOf(owner: object): number {
  return (owner as { readonly _handle: { readonly fd: number } })._handle.fd
}

/** The program with sockets that listen already, as systemd starts it. */
function startWith(servers: readonly Server[], words: readonly string[], names = ''): Running {
  const environment = { LISTEN_FDS: String(servers.length), LISTEN_FDNAMES: names }
  const program = new Running(words, environment, { inherited: servers.map(fdOf) })
  for (const server of servers) server.close()
  return program
}

describe('sockets that the program inherits', () => {
  test('are served in place of port and bind, by one thread or several', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    for (const threads of ['1', '2']) {
      const servers = [await listening(), await listening()]
      const ports = servers.map(portOf)
      const words = ['--threads', threads, cluster.addresses[0]!]
      const program = startWith(servers, words, 'redis')
      const output = await program.listens()
      assert.match(output, /listens on the inherited socket redis, the inherited socket 4 in front/)
      for (const port of ports) {
        const client = await connect(port)
        assert.equal(await client.ask('SET', 'a', threads), 'OK')
        const info = String(await client.ask('PROXY', 'INFO', 'proxy'))
        assert.match(info, new RegExp(`tcp_port:${ports[0]}\r\n`))
      }
      program.process.kill('SIGTERM')
      assert.equal((await program.ended).code, 0)
    }
  })

  test('must listen', async () => {
    const server = await listening()
    const connected = await connect(portOf(server))
    const program = new Running(
      ['--threads', '1', '127.0.0.1:1'],
      { LISTEN_FDS: '1' },
      {
        inherited: [fdOf(connected.stream)],
      }
    )
    const { code, errors } = await program.ended
    await connected.end()
    server.close()
    assert.equal(code, 2)
    assert.match(errors, /the inherited socket 3 is none that listens: /)
  })

  test('keep the program in the foreground', async () => {
    const { code, errors } = await startWith([await listening()], ['--daemonize']).ended
    assert.equal(code, 2)
    assert.match(errors, /daemonize: sockets are handed to this process \(LISTEN_FDS\)/)
  })

  test('are those that are meant for this process, and asked for once', () => {
    const environment = { LISTEN_FDS: '2', LISTEN_PID: '17', LISTEN_FDNAMES: 'a:b', PATH: 'x' }
    assert.deepEqual(inheritedSockets({ ...environment }, 18), [])
    assert.deepEqual(inheritedSockets(environment, 17), [
      { fd: 3, name: 'a' },
      { fd: 4, name: 'b' },
    ])
    assert.deepEqual(environment, { PATH: 'x' })
    assert.throws(() => inheritedSockets({ LISTEN_FDS: 'x', LISTEN_PID: '17' }, 17), {
      code: 'INVALID_OPTION',
    })
  })
})
