import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { Server } from 'socket.io'
import { io, type Socket } from 'socket.io-client'
import { keySlot } from '../../lib/command/slot.ts'
import { needsServer } from '../support/server-available.ts'
import { footing } from './proxied.ts'

const LIMIT = 20_000
/** What the adapters publish on: to all, to a room, and their own questions and answers. */
const CHANNELS = ['socket.io#/#', 'socket.io#/#room#', 'socket.io-request#/#', 'socket.io#/#room']

/** A pair of connections, one of which subscribes. */
interface Pair {
  readonly pub: unknown
  readonly sub: unknown
  close(): Promise<unknown>
}

type Kind = 'ioredis' | 'node-redis'
type Adapter = ReturnType<typeof createAdapter> | ReturnType<typeof createShardedAdapter>

const ADAPTERS: Readonly<Record<string, (pair: Pair) => Adapter>> = {
  plain: ({ pub, sub }) => createAdapter(pub, sub),
  sharded: ({ pub, sub }) => createShardedAdapter(pub, sub),
}

async function connected(kind: Kind, port: number): Promise<Pair> {
  if (kind === 'ioredis') {
    const pub = new Redis({ port, host: '127.0.0.1' })
    const sub = pub.duplicate()
    await Promise.all([once(pub, 'ready'), once(sub, 'ready')])
    return { pub, sub, close: () => Promise.all([pub.quit(), sub.quit()]) }
  }
  const pub = createClient({ socket: { port, host: '127.0.0.1' } })
  const sub = pub.duplicate()
  await Promise.all([pub.connect(), sub.connect()])
  // What the adapter still unsubscribes from is waited for.
  return { pub, sub, close: () => Promise.all([pub.close(), sub.close()]) }
}

/** One server of an application, with its own connections to the proxy. */
class App implements AsyncDisposable {
  readonly io: Server
  readonly #http: HttpServer
  readonly #pair: Pair
  readonly #sockets: Socket[] = []

  constructor(http: HttpServer, server: Server, pair: Pair) {
    this.#http = http
    this.io = server
    this.#pair = pair
    server.on('connection', (socket) => {
      socket.on('join', async (room: string, done: () => void) => {
        await socket.join(room)
        done()
      })
    })
  }

  static async start(kind: Kind, adapter: string, port: number): Promise<App> {
    const pair = await connected(kind, port)
    const http = createServer()
    const server = new Server(http, { adapter: ADAPTERS[adapter]!(pair) })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    return new App(http, server, pair)
  }

  async socket(): Promise<Socket> {
    const { port } = this.#http.address() as AddressInfo
    const socket = io(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      reconnection: false,
    })
    this.#sockets.push(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('connect_error', reject)
    })
    return socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#sockets) each.disconnect()
    await this.io.close()
    await this.#pair.close()
  }
}

function heard(socket: Socket, event: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} came`)), LIMIT)
    socket.once(event, (value: unknown) => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}

/** Says it until it is heard: a message may be lost while the cluster changes, as by a server that restarts, but a later one arrives. */
async function insist(socket: Socket, event: string, say: () => void): Promise<void> {
  const timer = setInterval(say, 100)
  try {
    await heard(socket, event)
  } finally {
    clearInterval(timer)
  }
}

describe("socket.io's adapters for Redis, between two servers", needsServer, () => {
  const real = footing({ masters: 3, replicas: 1 }, { refreshInterval: 1000 })

  for (const kind of ['ioredis', 'node-redis'] as const) {
    for (const adapter of Object.keys(ADAPTERS)) {
      it(`the ${adapter} one, with ${kind}: to all, to a room, with acknowledgement, and who is there`, async () => {
        await using one = await App.start(kind, adapter, real.running.port)
        await using two = await App.start(kind, adapter, real.running.port)
        const [near, far] = [await one.socket(), await two.socket()]
        await insist(far, 'ready', () => one.io.emit('ready'))
        await insist(near, 'ready', () => two.io.emit('ready'))
        const all = [heard(near, 'news'), heard(far, 'news')]
        one.io.emit('news', { text: 'żółw', bytes: Buffer.from([0, 255]) })
        for (const each of await Promise.all(all)) {
          const { text, bytes } = each as { text: string; bytes: Buffer }
          assert.deepEqual([text, Buffer.from(bytes)], ['żółw', Buffer.from([0, 255])])
        }
        await far.emitWithAck('join', 'room')
        let strays = 0
        near.on('room', () => strays++)
        await insist(far, 'room', () => one.io.to('room').emit('room'))
        assert.equal(strays, 0)
        far.on('question', (answer: (text: string) => void) => answer('far'))
        near.on('question', (answer: (text: string) => void) => answer('near'))
        const answers = await one.io.timeout(5000).emitWithAck('question')
        assert.deepEqual(answers.sort(), ['far', 'near'])
        assert.equal((await one.io.fetchSockets()).length, 2)
        two.io.on('greeting', (answer: (text: string) => void) => answer('hello'))
        assert.deepEqual(await one.io.serverSideEmitWithAck('greeting'), ['hello'])
      })

      it(`the ${adapter} one, with ${kind}, goes on after every master has failed over`, async () => {
        await using one = await App.start(kind, adapter, real.running.port)
        await using two = await App.start(kind, adapter, real.running.port)
        const [near, far] = [await one.socket(), await two.socket()]
        await far.emitWithAck('join', 'room')
        await insist(far, 'room', () => one.io.to('room').emit('room'))
        for (const master of [...real.cluster.masters]) {
          const replica = await replicaOf(master.id)
          const failover = (async (): Promise<void> => {
            await master.kill()
            await real.cluster.failover(replica, 'TAKEOVER')
          })()
          await insist(near, 'news', () => two.io.emit('news'))
          await failover
          await insist(near, 'news', () => two.io.emit('news'))
          await insist(far, 'room', () => one.io.to('room').emit('room'))
          await master.restart()
          await real.cluster.healthy()
        }
        assert.equal((await one.io.fetchSockets()).length, 2)
      })
    }
  }

  for (const adapter of Object.keys(ADAPTERS)) {
    it(`the ${adapter} one goes on while the slots of its channels are resharded`, async () => {
      await using one = await App.start('ioredis', adapter, real.running.port)
      await using two = await App.start('ioredis', adapter, real.running.port)
      const [near, far] = [await one.socket(), await two.socket()]
      await far.emitWithAck('join', 'room')
      await insist(far, 'room', () => one.io.to('room').emit('room'))
      await insist(near, 'news', () => two.io.emit('news'))
      for (const channel of CHANNELS) {
        const bytes = Buffer.from(channel)
        const slot = keySlot(bytes, 0, bytes.length)
        const from = await real.cluster.ownerOf(slot)
        const to = real.cluster.masters.find((node) => node !== from)!
        const moved = real.cluster.migrateSlot(slot, from, to)
        await insist(near, 'news', () => two.io.emit('news'))
        await moved
        await real.cluster.healthy()
        await insist(near, 'news', () => two.io.emit('news'))
        await insist(far, 'room', () => one.io.to('room').emit('room'))
      }
      assert.equal((await one.io.fetchSockets()).length, 2)
    })
  }

  async function replicaOf(id: string) {
    for (const replica of real.cluster.replicas) {
      const own = (await replica.view()).find((fields) => fields[0] === replica.id)
      if (own?.[3] === id) return replica
    }
    throw new Error(`no replica of ${id}`)
  }
})
