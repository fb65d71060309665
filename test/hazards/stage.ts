import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createConnection } from 'node:net'
import type { TestContext } from 'node:test'
import {
  type ClusterProxy,
  type ClusterProxyOptions,
  createClusterProxy,
  type ProxyEvents,
} from '../../lib/index.ts'
import {
  createFakeCluster,
  type FakeCluster,
  type FakeClusterOptions,
  type FakeNode,
  type NodeReference,
} from '../../lib/testing/index.ts'
import { RawClient } from '../support/raw-client.ts'
import type { Argument } from '../support/resp-frame.ts'
import { Wire } from './wire.ts'

type Event = 'redirect' | 'topologyChange' | 'nodeUp' | 'nodeDown'

/** A client whose replies may be left unawaited: a test that fails before says what failed, and not that its client is gone. */
class StageClient extends RawClient {
  override readReply(): Promise<Buffer> {
    return mayFail(super.readReply())
  }

  override call(...args: Argument[]): Promise<Buffer> {
    return mayFail(super.call(...args))
  }

  override ask(...args: Argument[]): ReturnType<RawClient['ask']> {
    return mayFail(super.ask(...args))
  }

  override pipeline(commands: readonly (readonly Argument[])[]): Promise<Buffer[]> {
    return mayFail(super.pipeline(commands))
  }
}

function mayFail<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {})
  return promise
}

/** How a stage is set; everything else are options of the proxy. */
export interface Scene {
  /** The fake cluster. */
  readonly cluster?: FakeClusterOptions
  /** Whether a {@link Wire} stands before each node, and is announced in its place. */
  readonly wired?: boolean
  readonly options?: Partial<ClusterProxyOptions>
}

/** A fake cluster, a proxy in front of it that is ready, and clients of it; all end with the scope. */
export class Stage implements AsyncDisposable {
  readonly cluster: FakeCluster
  readonly proxy: ClusterProxy
  /** What the proxy reported by `error` events. */
  readonly errors: Error[] = []
  readonly #wires: ReadonlyMap<FakeNode, Wire>
  readonly #clients: RawClient[] = []

  constructor(cluster: FakeCluster, wires: ReadonlyMap<FakeNode, Wire>, scene: Scene) {
    this.cluster = cluster
    this.#wires = wires
    const seeds =
      wires.size > 0
        ? [...wires.values()].map(({ port }) => `127.0.0.1:${port}`)
        : cluster.addresses
    this.proxy = createClusterProxy({ nodes: seeds, ...scene.options })
    this.proxy.on('error', (error) => this.errors.push(error))
  }

  /** The port of the proxy. */
  get port(): number {
    return (this.proxy.address() as AddressInfo).port
  }

  /** A new client of the proxy. */
  async client(): Promise<RawClient> {
    const socket = createConnection(this.port, '127.0.0.1').setNoDelay(true)
    await once(socket, 'connect')
    const client = new StageClient(socket)
    this.#clients.push(client)
    return client
  }

  /** Several clients of the proxy. */
  clients(count: number): Promise<RawClient[]> {
    return Promise.all(Array.from({ length: count }, () => this.client()))
  }

  /** What stands before a node. */
  wire(node: NodeReference): Wire {
    const wire = this.#wires.get(this.cluster.node(node))
    assert.ok(wire, 'the stage is wired')
    return wire
  }

  /** The name that the proxy has for a node. */
  name(node: NodeReference): string {
    const found = this.cluster.node(node)
    const wire = this.#wires.get(found)
    return wire === undefined ? found.address : `127.0.0.1:${wire.port}`
  }

  /** A list that grows with each event of that name. */
  record<Name extends Event>(name: Name): ProxyEvents[Name][0][] {
    const list: ProxyEvents[Name][0][] = []
    this.proxy.on(name, (...[event]: ProxyEvents[Name]) => {
      list.push(event)
    })
    return list
  }

  /** Keys of different slots that a node owns. */
  keysOf(node: NodeReference, count = 1): string[] {
    const keys: string[] = []
    const slots = new Set<number>()
    for (let i = 0; keys.length < count; i++) {
      const key = `key:${i}`
      const slot = this.cluster.slotOf(key)
      if (this.cluster.owner(slot) !== this.cluster.node(node) || slots.has(slot)) continue
      slots.add(slot)
      keys.push(key)
    }
    return keys
  }

  /** One key that a node owns. */
  keyOf(node: NodeReference): string {
    return this.keysOf(node)[0]!
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.stream.destroy()
    await this.proxy.shutdown({ timeout: 100 })
    for (const wire of this.#wires.values()) await wire[Symbol.asyncDispose]()
    await this.cluster.close()
  }
}

/** Sets a stage; two masters unless the scene says otherwise. */
export async function setStage(scene: Scene = {}): Promise<Stage> {
  const cluster = await createFakeCluster({ masters: 2, ...scene.cluster })
  const wires = new Map<FakeNode, Wire>()
  for (const node of scene.wired === true ? cluster.nodes : []) {
    const wire = await Wire.to(node.port)
    wires.set(node, wire)
    node.announce({ port: wire.port })
  }
  const stage = new Stage(cluster, wires, scene)
  const ready = once(stage.proxy, 'ready', { signal: AbortSignal.timeout(10_000) })
  stage.proxy.listen(0, '127.0.0.1')
  await ready
  return stage
}

/** The words of the commands with one of these names that a node received, in order. */
export function receivedBy(node: FakeNode, ...names: string[]): string[] {
  return node.received
    .filter(({ command }) => names.includes(command[0]!.toUpperCase()))
    .map(({ command }) => command.join(' '))
}

/** Has the nodes say that they know a command beside those of Redis 7.0, and waits until the proxy does. */
export async function teach(
  { cluster, proxy, port }: Stage,
  name: string,
  arity: number,
  firstKey: number,
  flags: readonly string[]
): Promise<void> {
  const keys = [firstKey, firstKey, firstKey > 0 ? 1 : 0]
  const row = [`$${name.length}\r\n${name}\r\n:${arity}\r\n*${flags.length}\r\n`]
  row.push(...flags.map((flag) => `+${flag}\r\n`), ...keys.map((key) => `:${key}\r\n`))
  for (const node of cluster.nodes) {
    // They are asked again with each look at the cluster.
    const times = Number.POSITIVE_INFINITY
    node.answer('COMMAND COUNT', ':999\r\n', { times })
    node.answer('COMMAND', `*1\r\n*6\r\n${row.join('')}`, { times })
  }
  await proxy.refresh()
  const client = new RawClient(createConnection(port, '127.0.0.1'))
  for (;;) {
    if (String(await client.call('COMMAND', 'INFO', name)).includes(name)) break
    await proxy.refresh()
  }
  client.stream.destroy()
}

/** How often a node was asked for the topology. */
export function questions(cluster: FakeCluster): number {
  return cluster.nodes.reduce(
    (sum, node) =>
      sum + node.received.filter(({ command }) => /^shards$/i.test(command[1] ?? '')).length,
    0
  )
}

/** Waits until something holds, which is looked at again whenever `emitter` tells of `event`; 5 seconds at most. */
export async function until(
  emitter: NodeJS.EventEmitter,
  event: string,
  holds: () => boolean
): Promise<void> {
  const signal = AbortSignal.timeout(5000)
  while (!holds()) await once(emitter, event, { signal })
}

/** The last client of a user of the cluster writes a key and leaves, and so much time passes that the connection of the user is closed by which it did. */
export async function leaveForGood(
  { cluster }: Stage,
  t: TestContext,
  client: RawClient,
  key: string
): Promise<void> {
  await client.ask('SET', key, '1')
  const node = cluster.owner(key)
  const { connection } = node.received.find(({ command }) => command[0] === 'SET')!
  const gone = new Promise<void>((resolve) => {
    node.on('disconnect', (number) => number === connection && resolve())
  })
  const now = performance.now.bind(performance)
  await client.end()
  t.mock.method(performance, 'now', () => now() + 11_000)
  await gone
  t.mock.restoreAll()
}
