import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Configuration } from '../../lib/cli/configuration.ts'
import { Listeners } from '../../lib/cli/listeners.ts'
import { Log } from '../../lib/cli/log.ts'

const folder = mkdtempSync(join(tmpdir(), 'proxy-listeners-'))
after(() => rmSync(folder, { recursive: true }))
const CONFIGURATION = new Configuration({ file: [], environment: [], 'command line': [] })

function silentLog(): Log {
  return new Log(undefined, true, { level: 'info', format: 'text', colors: false })
}

test('a connection that cannot be accepted is logged, and the socket listens on', async (t) => {
  const log = silentLog()
  const written = t.mock.method(log, 'write', () => {})
  const created = t.mock.method(net, 'createServer')
  const listeners = new Listeners((socket) => socket.end('in'), log)
  await listeners.open([{ options: { port: 0, host: '127.0.0.1' }, name: 'door' }], CONFIGURATION)
  const server = created.mock.calls[0]!.result as net.Server
  server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  assert.equal(written.mock.calls[0]!.arguments[1], 'a connection was not accepted: accept EMFILE')
  assert.equal(listeners.address?.host, '127.0.0.1')
  const client = net.connect(listeners.address!.port, '127.0.0.1')
  assert.equal(String((await once(client, 'data'))[0]), 'in')
  client.destroy()
  listeners.close()
})

test('a socket file stays unless nobody listens on it for sure', async (t) => {
  const path = join(folder, 'busy.sock')
  const busy = net.createServer().listen(path)
  await once(busy, 'listening')
  const dialled = t.mock.method(net, 'connect', () => {
    const socket = new EventEmitter()
    const full = Object.assign(new Error('connect EAGAIN'), { code: 'EAGAIN' })
    setImmediate(() => socket.emit('error', full))
    return socket
  })
  const listeners = new Listeners(() => {}, silentLog())
  const opened = listeners.open([{ options: { path }, name: path }], CONFIGURATION)
  await assert.rejects(opened, { code: 'EADDRINUSE' })
  assert.equal(dialled.mock.callCount(), 1)
  assert.ok(existsSync(path))
  busy.close()
})
