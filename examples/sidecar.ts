/**
 * An application that starts its proxy as a process of its own, before anything else: the application then knows one
 * address, whatever the cluster does. The same works beside an application in any other language.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { createFakeCluster } from 'redis-cluster-proxy/testing'

// The nodes of your cluster, as your configuration tells them.
const cluster = await createFakeCluster({ masters: 3 })
const sidecar = await startSidecar(cluster.addresses)

// A plain client of one server; it needs to know nothing of clusters.
const redis = new Redis(sidecar.port, '127.0.0.1')
await redis.set('greeting', 'hello')
console.log('GET greeting ->', await redis.get('greeting'))
const pipeline = redis.pipeline()
for (let i = 0; i < 1000; i++) pipeline.incr(`counter:${i}`)
const replies = await pipeline.exec()
const right = replies?.filter(([error, reply]) => error === null && reply === 1).length
console.log(`${right} of 1000 pipelined commands to all nodes answered rightly`)

await redis.quit()
await sidecar.stop()
await cluster.close()

interface Sidecar {
  readonly port: number
  stop(): Promise<void>
}

/** Starts `redis-cluster-proxy` on a free port of this machine, and waits until it listens. */
async function startSidecar(nodes: readonly string[]): Promise<Sidecar> {
  // In your project this is `npx redis-cluster-proxy`.
  const program = fileURLToPath(new URL('cli/main.js', import.meta.resolve('redis-cluster-proxy')))
  const port = await freePort()
  const words = ['--bind', '127.0.0.1', '--port', String(port), ...nodes]
  const child = spawn(process.execPath, [program, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // If this process ends, so does the sidecar.
  process.once('exit', () => child.kill())
  await listening(child)
  return { port, stop: () => stop(child) }
}

/** To the program port 0 means no TCP at all. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** Waits for "redis-cluster-proxy listens on 127.0.0.1:7777 ...". */
function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout?.on('data', (text: Buffer) => {
      output += text
      if (/ listens on /.test(output)) resolve()
    })
    child.once('exit', () => reject(new Error('the proxy did not start')))
  })
}

/** SIGTERM lets it answer what is in flight. */
async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
