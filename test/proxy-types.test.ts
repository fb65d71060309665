import type net from 'node:net'
import { test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import type {
  ClusterProxy,
  CommandEvent,
  createClusterProxy,
  ProxyStats,
  RedirectEvent,
  Topology,
  TopologyChangeEvent,
} from '../lib/index.ts'

/** Never called: what it holds is checked by the compiler. */
export function listeners(proxy: ClusterProxy): void {
  proxy.on('redirect', (event) => expectTypeOf(event).toEqualTypeOf<RedirectEvent>())
  proxy.once('topologyChange', (event) => expectTypeOf(event).toEqualTypeOf<TopologyChangeEvent>())
  proxy.on('command', (event) => expectTypeOf(event).toEqualTypeOf<CommandEvent>())
  proxy.on('ready', (...nothing) => expectTypeOf(nothing).toEqualTypeOf<[]>())
  // The events of net.Server keep their types.
  proxy.on('connection', (socket) => expectTypeOf(socket).toEqualTypeOf<net.Socket>())
}

test('a proxy is a net.Server with typed additions', () => {
  expectTypeOf<ReturnType<typeof createClusterProxy>>().toExtend<net.Server>()
  expectTypeOf<ClusterProxy>().toExtend<AsyncDisposable>()
  expectTypeOf<ClusterProxy['topology']>().toEqualTypeOf<Topology>()
  expectTypeOf<ReturnType<ClusterProxy['stats']>>().toEqualTypeOf<ProxyStats>()
  expectTypeOf<Parameters<typeof createClusterProxy>[0]>().toHaveProperty('nodes')
})

test('what an event or the topology tells cannot be changed', () => {
  expectTypeOf<RedirectEvent>().toEqualTypeOf<Readonly<RedirectEvent>>()
  expectTypeOf<Topology>().toEqualTypeOf<Readonly<Topology>>()
})
