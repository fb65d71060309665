import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect } from './raw-client.ts'
import { startServer } from './real-server.ts'
import { needsServer } from './server-available.ts'

test('a server takes settings, is suspended, and restarts empty', needsServer, async () => {
  await using server = await startServer({ config: { maxmemory: '32mb' }, password: 'secret' })
  assert.deepEqual(await server.call('CONFIG', 'GET', 'maxmemory'), ['maxmemory', '33554432'])
  await server.call('SET', 'key', 'value')
  server.suspend()
  const late = server.call('GET', 'key')
  server.resume()
  assert.equal(await late, 'value')
  const { pid } = server
  await server.restart()
  assert.notEqual(server.pid, pid)
  assert.equal(await server.call('GET', 'key'), null)
})

test('a setting that the server refuses fails the start with its words', needsServer, async () => {
  await assert.rejects(startServer({ config: { maxmemory: 'much' } }), /argument must be a memory/)
})

test('a server dies with the process that started it, even by SIGKILL', needsServer, async () => {
  const module = fileURLToPath(new URL('./real-server.ts', import.meta.url))
  const code = `import { startServer } from ${JSON.stringify(module)}
    const server = await startServer()
    process.stdout.write(String(server.port))
    setInterval(() => {}, 1000)`
  const owner = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', code],
    { stdio: ['ignore', 'pipe', 'inherit'] }
  )
  const [port] = await once(owner.stdout, 'data')
  const client = await connect(Number(port))
  owner.kill('SIGKILL')
  await client.closed
})
