import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { keySlot } from '../../lib/command/slot.ts'
import type { RedirectEvent, TopologyChangeEvent } from '../../lib/index.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealCluster, type RealNode, startCluster } from '../support/real-cluster.ts'
import { needsServer } from '../support/server-available.ts'
import { type Proxied, startProxy, whenever } from './proxied.ts'

const WRITERS = 8
/** Commands that a writer sends at once, and how many such batches it has in flight. */
const BATCH = 6
const WINDOW = 20
/** Slots that move while the writers write. */
const MOVING = 30

/** Runs commands without pause until it is told to stop; the first wrong reply ends it. */
class Load {
  readonly #runs: Promise<void>[] = []
  #answered = 0
  #wanted = 0
  #reached: (() => void) | undefined
  #stopped = false

  /** Keeps one command going, by calling `step` with 0, 1, 2, ... */
  run(step: (i: number) => Promise<void>): void {
    const loop = async () => {
      for (let i = 0; !this.#stopped; i++) {
        await step(i)
        this.#answered++
        if (this.#answered >= this.#wanted) this.#reached?.()
      }
    }
    const running = loop()
    // Rejects when the test asks for it.
    running.catch(() => {})
    this.#runs.push(running)
  }

  /** Waits until that many more steps are done. */
  async more(count: number): Promise<void> {
    this.#wanted = this.#answered + count
    const reached = new Promise<void>((resolve) => {
      this.#reached = resolve
    })
    await Promise.race([reached, Promise.all(this.#runs)])
  }

  /** Lets what is in flight end; rejects with the first error that any command met. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#runs)
  }
}

/** The few commands that the load uses, alike for all clients. */
interface Commands {
  incr(key: string): Promise<number>
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<string | null>
  mset(one: string, other: string, value: string): Promise<unknown>
  mget(one: string, other: string): Promise<unknown>
}

/** Counts, writes and reads keys of one tag, old and new ones, alone and in pairs. */
function startLoad(load: Load, name: string, tag: string, client: Commands): void {
  const key = (text: string) => `{${tag}}:${name}:${text}`
  load.run(async (i) => assert.equal(await client.incr(key('count')), i + 1))
  load.run(async (i) => {
    const pair = key(String(i % 50))
    await client.set(pair, `value ${i}`)
    assert.equal(await client.get(pair), `value ${i}`)
  })
  load.run(async (i) => {
    assert.equal(await client.get(key(`new ${i}`)), null)
    assert.equal(await client.incr(key(`new ${i}`)), 1)
  })
  load.run(async (i) => {
    const pair = [key(`left ${i % 5}`), key(`right ${i % 5}`)] as const
    await client.mset(...pair, String(i))
    assert.deepEqual(await client.mget(...pair), [String(i), String(i)])
  })
}

function assertNone(events: readonly unknown[]): void {
  assert.deepEqual(events, [])
}

describe('a cluster that changes under load', needsServer, () => {
  let cluster: RealCluster
  let running: Proxied
  let io: Redis
  let nr: ReturnType<typeof createClient>
  const clientErrors: Error[] = []
  let redirects: RedirectEvent[] = []
  let changes: TopologyChangeEvent[] = []

  before(async () => {
    cluster = await startCluster()
    running = await startProxy({ nodes: cluster.addresses, refreshInterval: 1000 }, (proxy) => {
      proxy.on('redirect', (event) => redirects.push(event))
      proxy.on('topologyChange', (event) => changes.push(event))
    })
    io = new Redis({ port: running.port })
    io.on('error', (error) => clientErrors.push(error))
    nr = createClient({ url: `redis://127.0.0.1:${running.port}` })
    nr.on('error', (error) => clientErrors.push(error))
    await Promise.all([once(io, 'ready'), nr.connect()])
  })

  beforeEach(() => {
    redirects = []
    changes = []
  })

  afterEach(() => {
    assert.deepEqual(clientErrors, [])
    assert.deepEqual(running.errors, [])
  })

  after(async () => {
    io?.disconnect()
    nr?.destroy()
    await running?.proxy.shutdown()
    await cluster?.stop()
  })

  function startBoth(load: Load, tag: string): void {
    startLoad(load, 'io', tag, {
      incr: (key) => io.incr(key),
      set: (key, value) => io.set(key, value),
      get: (key) => io.get(key),
      mset: (one, other, value) => io.mset(one, value, other, value),
      mget: (one, other) => io.mget(one, other),
    })
    startLoad(load, 'nr', tag, {
      incr: (key) => nr.incr(key),
      set: (key, value) => nr.set(key, value),
      get: (key) => nr.get(key),
      mset: (one, other, value) => nr.mSet([one, value, other, value]),
      mget: (one, other) => nr.mGet([one, other]),
    })
  }

  /** A master that does not own the slot, beside the one that does. */
  async function parties(slot: number): Promise<[from: RealNode, to: RealNode]> {
    const from = await cluster.ownerOf(slot)
    return [from, cluster.masters.find((node) => node !== from)!]
  }

  it('shows ioredis and node-redis no error when a slot moves, step by step', async () => {
    const slot = keySlot(Buffer.from('moving'), 0, 6)
    const [from, to] = await parties(slot)
    const { proxy } = running
    const load = new Load()
    startBoth(load, 'moving')
    await load.more(500)
    assertNone(redirects)

    await cluster.migrateSlot(slot, from, to, { steps: ['importing', 'migrating'] })
    await whenever(proxy, 'redirect', () => redirects.length >= 20)
    await cluster.migrateSlot(slot, from, to, { steps: ['keys'] })
    await load.more(500)
    const asked = redirects.splice(0)
    const ends = { slot, from: from.address, to: to.address }
    for (const event of asked) {
      const { command, attempt, ...rest } = event
      assert.deepEqual(rest, { kind: 'ask', ...ends })
      assert.match(command, /^(incr|set|get|mset|mget)$/)
      assert(attempt >= 1)
    }
    assert(asked.some(({ command }) => command === 'incr'))
    assertNone(changes)

    await cluster.migrateSlot(slot, from, to, { steps: ['node'] })
    await whenever(proxy, 'topologyChange', () => changes.length > 0)
    await load.more(500)
    await load.stop()
    const moved = redirects.filter(({ kind }) => kind === 'moved')
    assert(moved.length > 0)
    for (const { command: _, attempt: __, ...rest } of moved) {
      assert.deepEqual(rest, { kind: 'moved', ...ends })
    }

    const [change] = changes
    assert(change !== undefined && changes.length === 1)
    const { before: old, after: now, reason, ...rest } = change
    assert(reason === 'redirect' || reason === 'interval')
    assert.deepEqual(rest, { slotsMoved: 1, added: [], removed: [], promoted: [] })
    assert.equal(now.version, old.version + 1)
    assert.equal(now.version, proxy.topology.version)
    const ownerIn = (topology: typeof now) =>
      topology.nodes.find(({ slots }) => slots.some(([low, high]) => low <= slot && slot <= high))
    assert.equal(ownerIn(old)?.address, from.address)
    assert.equal(ownerIn(now)?.address, to.address)
  })

  it('keeps what each of eight clients appends in order while many slots move', async () => {
    const { port } = running
    const slots = Array.from({ length: MOVING }, (_, i) => {
      const tag = `tag${i}`
      return { tag, slot: keySlot(Buffer.from(tag), 0, tag.length) }
    })
    const load = new Load()
    const writers: RawClient[] = []
    const written: number[][] = []
    const rests: (() => Promise<void>)[] = []
    for (let writer = 0; writer < WRITERS; writer++) {
      const client = await connect(port)
      if (writer % 2 === 1) await client.ask('HELLO', 3)
      writers.push(client)
      const counts = slots.map(() => 0)
      written.push(counts)
      const sent: Promise<Buffer[]>[] = []
      load.run(async (i) => {
        // Several at once for one slot, and the next ones before these are answered.
        const commands = Array.from({ length: BATCH }, (_, k) => {
          const index = (k % 2 === 0 ? i >> 3 : i + k) % MOVING
          return ['APPEND', `{${slots[index]!.tag}}:${writer}`, `${counts[index]!++},`]
        })
        sent.push(client.pipeline(commands))
        await new Promise((resolve) => setImmediate(resolve))
        if (sent.length < WINDOW) return
        for (const reply of await sent.shift()!) assert.match(String(reply), /^:\d+\r\n$/)
      })
      rests.push(async () => {
        for (const reply of (await Promise.all(sent)).flat()) {
          assert.match(String(reply), /^:\d+\r\n$/)
        }
      })
    }
    for (const { slot } of [...slots, ...slots.slice(0, 10)]) {
      const [from, to] = await parties(slot)
      await cluster.migrateSlot(slot, from, to, { steps: ['importing', 'migrating'] })
      await load.more(40)
      await cluster.migrateSlot(slot, from, to, { steps: ['keys'] })
      await load.more(40)
      await cluster.migrateSlot(slot, from, to, { steps: ['node'] })
    }
    await load.more(100)
    await load.stop()
    await Promise.all(rests.map((rest) => rest()))
    for (const [writer, client] of writers.entries()) {
      for (const [index, { tag }] of slots.entries()) {
        const value = String((await client.ask('GET', `{${tag}}:${writer}`)) ?? '')
        const numbers = value.split(',').slice(0, -1)
        const wrong = numbers.findIndex((number, i) => number !== String(i))
        const around = numbers.slice(Math.max(0, wrong - 3), wrong + 8).join()
        assert.equal(
          wrong,
          -1,
          `writer ${writer}, ${tag}: at ${wrong} of ${numbers.length}: ${around}`
        )
        assert.equal(numbers.length, written[writer]![index])
      }
      await client.end()
    }
    const kinds = new Set(redirects.map(({ kind }) => kind))
    assert.deepEqual([...kinds].sort(), ['ask', 'moved'])
  })

  it('shows ioredis and node-redis no error when a replica takes over', async () => {
    const tag = 'failover'
    const old = await cluster.ownerOf(keySlot(Buffer.from(tag), 0, tag.length))
    const view = await old.view()
    const replicaId = view.find((fields) => fields[3] === old.id)?.[0]
    const replica = cluster.nodes.find(({ id }) => id === replicaId)!
    const load = new Load()
    startBoth(load, tag)
    await load.more(500)
    await cluster.failover(replica)
    const promoted = () => changes.some(({ promoted: names }) => names.includes(replica.address))
    await whenever(running.proxy, 'topologyChange', promoted)
    await load.more(500)
    await load.stop()

    const change = changes.find(({ promoted: names }) => names.length > 0)!
    assert.deepEqual(change.promoted, [replica.address])
    const slots = (topology: typeof change.after, address: string) => {
      const ranges = topology.nodes.find((node) => node.address === address)?.slots ?? []
      return ranges.reduce((sum, [low, high]) => sum + high - low + 1, 0)
    }
    assert.equal(change.slotsMoved, slots(change.before, old.address))
    assert.equal(slots(change.after, replica.address), change.slotsMoved)
    assert.equal(slots(change.after, old.address), 0)
    assert.equal(running.proxy.topology.coveredSlots, 16384)
    const moved = redirects.filter(({ kind, to }) => kind === 'moved' && to === replica.address)
    assert(moved.length > 0 && moved.every(({ from }) => from === old.address))
  })
})
