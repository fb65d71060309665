import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import tls from 'node:tls'
import { dial, type Reading } from '../../lib/cluster/dial.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts'
import { next } from '../support/proxied-cluster.ts'

const PLAIN = { nodeTls: undefined, keepAlive: 0 }

/** Where sockets read to, with what was read. */
class Reader implements Reading {
  readonly #room = Buffer.alloc(100)
  readonly text: Promise<string>
  #told!: (text: string) => void

  constructor() {
    this.text = new Promise((resolve) => {
      this.#told = resolve
    })
  }

  readonly buffer = (): Buffer => this.#room

  readonly callback = (length: number): boolean => {
    this.#told(this.#room.toString('latin1', 0, length))
    return true
  }
}

/** Has a server listen, and gives its port; it is closed at the end of the test. */
async function listening(server: Server, target: number | string = 0): Promise<number> {
  const told = next(server, 'listening')
  if (typeof target === 'string') server.listen(target)
  else server.listen(target, '127.0.0.1')
  await told
  const address = server.address()
  return typeof address === 'string' ? 0 : (address as AddressInfo).port
}

function tlsServer(): tls.Server {
  return tls.createServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY })
}

test('a node is dialled over TCP', async (t) => {
  const server = createServer((accepted) => accepted.end('hello'))
  t.after(() => server.close())
  const port = await listening(server)
  const reader = new Reader()
  const socket = dial({ host: '127.0.0.1', port }, { ...PLAIN, keepAlive: 5 }, reader)
  assert.equal(socket.encrypted, undefined)
  assert.equal(await reader.text, 'hello')
})

test('a node is dialled over a UNIX socket', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'dial-'))
  const server = createServer((socket) => socket.end('hello'))
  t.after(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  const path = join(folder, 'redis.sock')
  await listening(server, path)
  const reader = new Reader()
  dial({ path }, PLAIN, reader)
  assert.equal(await reader.text, 'hello')
})

test('a node is dialled over TLS, its certificate checked and its name told', async (t) => {
  const server = tlsServer()
  server.on('secureConnection', (peer) => peer.end('hello'))
  t.after(() => server.close())
  const port = await listening(server)
  const accepted = next<Socket & { servername: string | false }>(server, 'secureConnection')
  const reader = new Reader()
  const settings = { ...PLAIN, nodeTls: { ca: CERTIFICATE } }
  const socket = dial({ host: 'localhost', port }, settings, reader)
  await next(socket, 'secureConnect')
  assert.equal(socket.encrypted, true)
  const { servername } = await accepted
  assert.equal(servername, 'localhost')
  assert.equal(await reader.text, 'hello')
  socket.destroy()
})

test('an IP address is no server name, unless the options give one', async (t) => {
  const server = tlsServer()
  t.after(() => server.close())
  const port = await listening(server)
  for (const [given, told] of [
    [{}, false],
    [{ servername: 'localhost' }, 'localhost'],
  ] as const) {
    const accepted = next<{ servername: string | false }>(server, 'secureConnection')
    const socket = dial(
      { host: '127.0.0.1', port },
      { ...PLAIN, nodeTls: { ca: CERTIFICATE, ...given } },
      new Reader()
    )
    await next(socket, 'secureConnect')
    assert.equal((await accepted).servername, told)
    socket.destroy()
  }
})

test('a certificate that nobody vouches for is refused', async (t) => {
  const server = tlsServer()
  server.on('tlsClientError', () => {})
  t.after(() => server.close())
  const port = await listening(server)
  const socket = dial({ host: '127.0.0.1', port }, { ...PLAIN, nodeTls: {} }, new Reader())
  assert.match((await next<Error>(socket, 'error')).message, /self-signed certificate/)
})

test('TLS options cannot redirect the connection', async (t) => {
  const server = tlsServer()
  t.after(() => server.close())
  const port = await listening(server)
  const nodeTls = { ca: CERTIFICATE, port: 1, host: '192.0.2.1' }
  const socket = dial({ host: '127.0.0.1', port }, { ...PLAIN, nodeTls }, new Reader())
  await next(socket, 'secureConnect')
  assert.equal(socket.remotePort, port)
  socket.destroy()
})
