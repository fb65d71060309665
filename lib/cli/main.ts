#!/usr/bin/env -S node --min-semi-space-size=16
import { type ClusterProxy, createClusterProxy, ProxyError } from '../index.ts'
import { createFakeCluster, type FakeCluster } from '../testing/index.ts'
import { readArguments, USAGE } from './arguments.ts'

/** Starts the proxy in front of a given cluster, or of one that runs within this process. */
async function main(): Promise<void> {
  const { host, port, nodes, help } = readArguments(process.argv.slice(2))
  if (help) {
    process.stdout.write(USAGE)
    return
  }
  const embedded = nodes.length === 0 ? await createFakeCluster({ masters: 3 }) : undefined
  const proxy = createClusterProxy({ nodes: embedded?.addresses ?? nodes })
  proxy.on('error', (error) => {
    process.stderr.write(`redis-cluster-proxy: ${error.message}\n`)
    // Without a socket to listen on there is nothing to wait for; everything else is tried again.
    if ('syscall' in error && error.syscall === 'listen') process.exit(1)
  })
  await new Promise<void>((resolve) => proxy.listen({ host, port, backlog: 511 }, () => resolve()))
  announce(proxy, embedded, nodes)
  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) process.exit(1)
    stopping = true
    await proxy.shutdown()
    await embedded?.close()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

function announce(
  proxy: ClusterProxy,
  embedded: FakeCluster | undefined,
  nodes: readonly string[]
): void {
  const address = proxy.address()
  if (address === null || typeof address === 'string') return
  const { address: host, port } = address
  const behind =
    embedded === undefined
      ? `the cluster at ${nodes.join(', ')}`
      : `an embedded cluster of ${embedded.masters.length} masters, whose data end with this process`
  process.stdout.write(
    `redis-cluster-proxy listens on ${host}:${port} in front of ${behind}\n` +
      `Try:  redis-cli -p ${port} set greeting hello\n` +
      `      redis-cli -p ${port} get greeting\n` +
      `A cluster of your own:  npm start -- 127.0.0.1:7000 127.0.0.1:7001\n`
  )
}

try {
  await main()
} catch (error) {
  process.stderr.write(
    `redis-cluster-proxy: ${error instanceof Error ? error.message : String(error)}\n`
  )
  process.exitCode = error instanceof ProxyError ? 2 : 1
}
