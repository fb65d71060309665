import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { freePort } from '../support/free-port.ts'
import { connect } from '../support/raw-client.ts'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'
import { Running } from '../support/running.ts'
import { needsServer } from '../support/server-available.ts'

type Node = RealCluster['nodes'][number]

/** The private connections to a node: what they were asked last of their own accord is their number. */
async function privates(node: Node): Promise<string[]> {
  const list = String(await node.call('CLIENT', 'LIST')).split('\n')
  return list.filter((line) => / cmd=client\|id /.test(line)).map((line) => line.split(' ', 1)[0]!)
}

/** Asks until a node has so many, all others than those before. */
async function has(node: Node, count: number, before: readonly string[] = []): Promise<string[]> {
  const deadline = performance.now() + 10_000
  for (;;) {
    const found = await privates(node)
    if (found.length === count && !found.some((one) => before.includes(one))) return found
    assert.ok(performance.now() < deadline, `${found.length} private connections, not ${count}`)
  }
}

describe('private pools before a real cluster', needsServer, () => {
  it('A.1.4.1 A.1.4.3 are full at the start of the program, in every thread, and filled again when they are lost', async () => {
    await using cluster = await startCluster({ replicas: 0, password: 'secret' })
    const port = await freePort()
    const program = new Running([
      ...['-p', String(port), '--bind', '127.0.0.1', '--threads', '2', '-a', 'secret'],
      ...['--connections-pool-size', '3', '--connections-pool-spawn-every', '10'],
      ...cluster.addresses.map(String),
    ])
    await program.listens()
    try {
      const full = await Promise.all(cluster.nodes.map((node) => has(node, 6)))
      await using client = await connect(port)
      const transaction = [['MULTI'], ['SET', 'foo', 'bar'], ['GET', 'foo'], ['EXEC']]
      const replies = await client.pipeline(transaction)
      assert.match(String(replies[3]), /^\*2\r\n\+OK\r\n\$3\r\nbar\r\n$/)
      for (const [index, node] of cluster.nodes.entries()) {
        const numbers = full[index]!.map((line) => line.replace('id=', ''))
        for (const number of numbers) await node.call('CLIENT', 'KILL', 'ID', number)
        await has(node, 6, full[index])
      }
    } finally {
      program.process.kill('SIGTERM')
    }
    assert.equal((await program.ended).code, 0)
  })
})
