import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Configuration, entryOf } from '../../lib/cli/configuration.ts'
import { doorsOf, Listeners } from '../../lib/cli/listeners.ts'
import { Log } from '../../lib/cli/log.ts'
import { freePort } from '../support/free-port.ts'

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

/** What listening at some addresses comes to, by the names of the doors. */
function doorsAt(bind: string, port = 7777) {
  const words = [entryOf('bind', bind, '--bind'), entryOf('port', String(port), '--port')]
  return doorsOf(new Configuration({ file: [], environment: [], 'command line': words }), false)
}

test('addresses are named as in Redis and in node lists, each once', () => {
  const names = (bind: string): string[] => doorsAt(bind).map(({ name }) => name)
  assert.deepEqual(names('127.0.0.1 [::1] ::1,127.0.0.1'), ['127.0.0.1:7777', '[::1]:7777'])
  assert.deepEqual(names('127.0.0.1 *'), ['*:7777'])
  assert.equal(doorsAt('*')[0]!.options.host, undefined)
  assert.equal(doorsAt('[::1]')[0]!.options.host, '::1')
})

const loopback = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
const skip = !loopback.some(({ address }) => address === '::1') && 'this machine has no IPv6'

test('all addresses of IPv4 and all of IPv6 are listened on side by side', { skip }, async () => {
  const port = await freePort()
  for (const bind of ['0.0.0.0 ::', ':: 127.0.0.1', '::']) {
    const listeners = new Listeners((socket) => socket.end('in'), silentLog())
    await listeners.open(doorsAt(bind, port), CONFIGURATION)
    for (const host of ['127.0.0.1', '::1']) {
      const client = net.connect(port, host)
      assert.equal(String((await once(client, 'data'))[0]), 'in', `${bind}: ${host}`)
      client.destroy()
    }
    listeners.close()
  }
})
