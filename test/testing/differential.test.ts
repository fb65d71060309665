import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createFakeCluster, type FakeCluster } from '../../lib/testing/index.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealServer, startServer } from '../support/real-server.ts'
import { decodeReply, type Reply } from '../support/resp-frame.ts'
import { needsVersion } from '../support/server-available.ts'
import { CommandStream } from './command-stream.ts'

const COMMANDS = 4000
const SEEDS = [1, 2, 3]

/** Replies whose items come in the order of a hash table. */
const UNORDERED = new Set(['smembers', 'sunion', 'sinter', 'sdiff', 'keys', 'hkeys', 'hvals'])
const PAIRS = new Set(['hgetall'])
const CLOCK = new Set(['ttl', 'pttl', 'expiretime', 'pexpiretime'])

function sortItems(items: readonly Reply[]): Reply[] {
  return [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

function asPairs(reply: readonly Reply[]): Reply[] {
  if (reply.every(Array.isArray)) return [...reply]
  return reply.filter((_, i) => i % 2 === 0).map((item, i) => [item, reply[2 * i + 1]!])
}

/** Replies inside of EXEC have lost their command: order and times count in none of them. */
function loosely(reply: Reply): Reply {
  if (typeof reply === 'number' && reply > 50) return 'a time or more'
  return Array.isArray(reply) ? sortItems(reply.flat().map(loosely)) : reply
}

/** What of a reply must be the same: its bytes, but for the order of hash tables and the ticking of clocks. */
function essence(name: string, subcommand: string, frame: Buffer): unknown {
  const reply = decodeReply(frame)
  const type = String.fromCharCode(frame[0]!)
  if (CLOCK.has(name) && typeof reply === 'number' && reply > 0) return 'a time'
  if (name === 'object' && subcommand === 'refcount') return typeof reply
  if (name === 'exec' && Array.isArray(reply)) return reply.map(loosely)
  if (!Array.isArray(reply)) return frame.toString('latin1')
  if (PAIRS.has(name)) return [type, sortItems(asPairs(reply))]
  if (name === 'sscan') return [type, reply[0], sortItems(reply[1] as Reply[])]
  if (name === 'hscan') return [type, reply[0], sortItems(asPairs(reply[1] as Reply[]))]
  return UNORDERED.has(name) ? [type, sortItems(reply)] : frame.toString('latin1')
}

/** A command as COMMAND INFO describes it. */
type Described = Reply[]

/** What decides how a command is routed: arity, flags, first key, last key, step. */
function traits([name, arity, flags, first, last, step]: Described): unknown {
  return [name, arity, sortItems(flags as Reply[]), first, last, step]
}

/** A real cluster of one node that owns all slots. */
async function startClusterNode(): Promise<RealServer> {
  const started = await startServer({ config: { 'cluster-enabled': 'yes' } })
  await started.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383)
  while (!String(await started.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) {
    await setImmediate()
  }
  return started
}

describe('the fake answers as a real server does', needsVersion('7.0'), () => {
  let server: RealServer
  let cluster: FakeCluster

  before(async () => {
    server = await startClusterNode()
    cluster = await createFakeCluster({ masters: 1 })
  })

  after(async () => {
    await cluster?.close()
    await server?.stop()
  })

  async function compare(real: RawClient, fake: RawClient, commands: string[][]): Promise<void> {
    const [expected, actual] = await Promise.all([real.pipeline(commands), fake.pipeline(commands)])
    for (const [i, command] of commands.entries()) {
      const [name, subcommand = ''] = command.map((word) => word.toLowerCase()) as [string]
      assert.deepEqual(
        essence(name, subcommand, actual[i]!),
        essence(name, subcommand, expected[i]!),
        `command ${i}: ${JSON.stringify(command)}`
      )
    }
  }

  for (const protocol of ['2', '3']) {
    for (const seed of SEEDS) {
      it(`to ${COMMANDS} random commands in RESP${protocol} with seed ${seed}`, async () => {
        await using real = await connect(server.port)
        await using fake = await connect(cluster.nodes[0]!.port)
        for (const client of [real, fake]) {
          await client.call('HELLO', protocol)
          await client.ask('FLUSHALL')
        }
        const stream = new CommandStream(seed)
        for (let done = 0; done < COMMANDS; done += 200) {
          await compare(
            real,
            fake,
            Array.from({ length: 200 }, () => stream.next())
          )
        }
      })
    }
  }

  it('when it is asked what its commands are', async () => {
    await using real = await connect(server.port)
    await using fake = await connect(cluster.nodes[0]!.port)
    const names = (await fake.ask('COMMAND', 'LIST')) as string[]
    const [expected, actual] = (await Promise.all(
      [real, fake].map((client) => client.ask('COMMAND', 'INFO', ...names))
    )) as Described[][]
    for (const [i, name] of names.entries()) {
      const ours = actual![i]!
      const theirs = expected![i]!
      assert.deepEqual(traits(ours), traits(theirs), name)
      for (const sub of ours[9] as Described[]) {
        const peer = (theirs[9] as Described[]).find((one) => one[0] === sub[0])
        assert.ok(peer, String(sub[0]))
        assert.deepEqual(traits(sub), traits(peer), String(sub[0]))
      }
    }
  })

  it('when it is asked for the keys of a command', async () => {
    await using real = await connect(server.port)
    await using fake = await connect(cluster.nodes[0]!.port)
    const stream = new CommandStream(1)
    const commands = Array.from({ length: 2000 }, () => ['COMMAND', 'GETKEYS', ...stream.next()])
    await compare(real, fake, commands)
  })
})
