import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { keySlot } from '../../lib/command/slot.ts'
import { type Command, RandomReads } from '../router/gather/random-reads.ts'
import { Dice } from '../support/dice.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import type { RealNode } from '../support/real-cluster.ts'
import { type RealServer, startServer } from '../support/real-server.ts'
import { type Argument, shortDoubles, sortedText } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'
import { footing, startProxy } from './proxied.ts'

const BATCH = 50
const BATCHES = 20
/** Slots that one node gives away before the next one does. */
const ROUND = 12
const MOST_MOVES = 120
/** `KEYSPACE_SEED=n` repeats one run. */
const SEED = Number(process.env.KEYSPACE_SEED ?? 7)
/** Their items come in the order of a hash table; each server has its own. */
const UNORDERED = new Set(['SUNION', 'SINTER', 'SDIFF', 'KEYS', 'SMEMBERS'])
const SCORED = new Set(['ZUNION', 'ZINTER'])
/** What they answer is of no moment while keys are on their way from one node to another. */
const COUNTS = new Set(['DBSIZE', 'KEYS'])

const execute = promisify(execFile)

function slotOf(key: string): number {
  const bytes = Buffer.from(key)
  return keySlot(bytes, 0, bytes.length)
}

/** What of a reply must be the same: all its bytes, but for the order of hash tables and the digits of scores. */
function essence(command: Command, frame: Buffer): string {
  const name = String(command[0]).toUpperCase()
  if (UNORDERED.has(name)) return sortedText(frame)
  return SCORED.has(name) ? shortDoubles(frame) : frame.toString('latin1')
}

const LETTERS = ['a', 'b', 'c', 'd', 'e']

/** Random writes, and reads that are split, over the keys that {@link RandomReads} reads; none has a tag. */
class RandomSplits {
  readonly #dice: Dice

  constructor(seed: number) {
    this.#dice = new Dice(seed)
  }

  next(): Command {
    const dice = this.#dice
    const some = (): string[] => Array.from({ length: 1 + dice.below(5) }, () => this.#key())
    const word = (): string => String(dice.below(20))
    const pairs = (): string[] => some().flatMap((key) => [key, word()])
    return dice.pick<() => Command>([
      () => ['MGET', ...some()],
      () => ['MGET', ...some()],
      () => ['MSET', ...pairs().map((each) => each.replace(/^[tzpx]/, 's'))],
      () => ['MSET', ...pairs().map((each) => each.replace(/^[tzpx]/, 's')), 's'],
      () => ['EXISTS', ...some()],
      () => ['TOUCH', ...some()],
      () => ['DEL', this.#key(), `n${dice.pick(LETTERS)}`],
      () => ['UNLINK', `n${dice.pick(LETTERS)}`, this.#key()],
      () => ['SADD', `t${dice.pick(LETTERS)}`, word(), word()],
      () => ['SREM', `t${dice.pick(LETTERS)}`, word()],
      () => ['ZADD', `z${dice.pick(LETTERS)}`, word(), word()],
      () => ['PFADD', `p${dice.pick(LETTERS)}`, word(), word()],
      () => ['SMEMBERS', `t${dice.pick(LETTERS)}`],
      () => ['DBSIZE'],
      () => ['KEYS', dice.pick(['*', 't*', '?a', 'none'])],
    ])()
  }

  #key(): string {
    return this.#dice.pick(['t', 'z', 's', 'p', 'x', 'n']) + this.#dice.pick(LETTERS)
  }
}

describe('a cluster behind the proxy is one keyspace', needsServer, () => {
  const real = footing({ replicas: 0 }, { crossSlot: 'gather' })
  let server: RealServer

  before(async () => {
    server = await startServer()
  })

  after(() => server?.stop())

  /**
   * Moves slots round by round from one node to the next until `goes` says no more, and gives how many. A node that gives slots away gets none in the same round:
   * what nodes hear from each other lags behind, and they would quarrel.
   */
  async function reshard(slots: readonly number[], goes: () => boolean): Promise<number> {
    const queue = [...new Set(slots)]
    let moves = 0
    for (let round = 0; goes(); round++) {
      const from = real.cluster.masters[round % 3]!
      const to = real.cluster.masters[(round + 1) % 3]!
      const owned = await slotsOf(from)
      const leaving = queue.filter((slot) => owned.has(slot)).slice(0, ROUND)
      for (const slot of leaving) {
        if (!goes()) break
        await real.cluster.migrateSlot(slot, from, to)
        moves++
        // It comes last when slots are chosen the next time.
        queue.push(...queue.splice(queue.indexOf(slot), 1))
      }
      await agreed()
    }
    return moves
  }

  /** Config epoch and slots of a node, in words, as another or itself knows them. */
  async function shareOf(node: RealNode, witness: RealNode): Promise<string[]> {
    const line = (await witness.view()).find(([id]) => id === node.id)!
    return [line[6]!, ...line.slice(8)]
  }

  async function slotsOf(node: RealNode): Promise<Set<number>> {
    const slots = new Set<number>()
    for (const word of (await shareOf(node, node)).slice(1)) {
      const [first, last = first] = word.split('-').map(Number)
      for (let slot = first!; slot <= last!; slot++) slots.add(slot)
    }
    return slots
  }

  /** Nodes tell nobody when they have heard of something: they are asked until all say the same. */
  async function agreed(): Promise<void> {
    for (const node of real.cluster.masters) {
      for (const witness of real.cluster.masters) {
        const same = async (): Promise<boolean> =>
          String(await shareOf(node, node)) === String(await shareOf(node, witness))
        while (!(await same())) await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  async function compare(
    direct: RawClient,
    proxied: RawClient,
    commands: readonly Command[],
    label: string
  ): Promise<void> {
    const [expected, actual] = await Promise.all([
      direct.pipeline(commands),
      proxied.pipeline(commands),
    ])
    for (const [i, command] of commands.entries()) {
      const shown = `${label}, ${i} in its batch: ${JSON.stringify(command.map(String))}`
      assert.equal(essence(command, actual[i]!), essence(command, expected[i]!), shown)
    }
  }

  /** Batches of random commands at both; `each` says which are left out. */
  async function compareRandomly(
    protocol: string,
    seed: number,
    phase: string,
    skipped: (command: Command) => boolean
  ): Promise<void> {
    await using direct = await connect(server.port)
    await using proxied = await connect(real.running.port)
    for (const client of [direct, proxied]) await client.call('HELLO', protocol)
    const reads = new RandomReads(seed)
    const splits = new RandomSplits(seed)
    // A key on its way from a node that is not flushed yet to one that is would outlive FLUSHALL.
    const keys = (await direct.ask('KEYS', '*')) as string[]
    const emptying: Command = phase === 'during' ? ['UNLINK', ...keys] : ['FLUSHALL']
    await compare(direct, proxied, [emptying, ...reads.data()], `${phase}, filling`)
    for (let batch = 0; batch < BATCHES; batch++) {
      const commands: Command[] = []
      while (commands.length < BATCH) {
        const command = commands.length % 2 === 0 ? reads.next() : splits.next()
        if (!skipped(command)) commands.push(command)
      }
      await compare(direct, proxied, commands, `seed ${seed}, ${phase}, batch ${batch}`)
    }
  }

  for (const protocol of ['2', '3']) {
    it(`and answers as a single server before, during and after a reshard, in RESP${protocol}`, async () => {
      const all = (): boolean => false
      await compareRandomly(protocol, SEED, 'before', all)
      let resharding = true
      const slots = ['t', 'z', 's', 'p', 'x', 'n'].flatMap((type) =>
        LETTERS.map((letter) => slotOf(type + letter))
      )
      // Nodes that are told of new owners for long enough end up in two minds: one run must not move slots without end.
      let asked = 0
      const moving = reshard(slots, () => resharding && asked++ < MOST_MOVES)
      try {
        const counts = ([name]: Command): boolean => COUNTS.has(String(name))
        for (const i of [1, 2, 3, 4]) await compareRandomly(protocol, SEED + i, 'during', counts)
      } finally {
        resharding = false
        await moving
      }
      assert.ok((await moving) > 30, `${await moving} slots were moved meanwhile`)
      await compareRandomly(protocol, SEED + 5, 'after', all)
    })
  }

  it('and SCAN gives every standing key while slots migrate, to redis-cli, ioredis and node-redis', async () => {
    const { port } = real.running
    const standing = Array.from({ length: 3000 }, (_, i) => `standing:${i}`)
    await using client = await connect(port)
    await client.call('FLUSHALL')
    for (let at = 0; at < standing.length; at += 500) {
      const values = standing.slice(at, at + 500).flatMap((key): Argument[] => [key, 'x'])
      await client.ask('MSET', ...values)
    }
    let scanning = true
    const scans: Readonly<Record<string, () => Promise<Iterable<string>>>> = {
      'redis-cli': async () => {
        const { stdout } = await execute('redis-cli', ['-p', String(port), '--scan'], {
          maxBuffer: 2 ** 26,
        })
        return stdout.trimEnd().split('\n')
      },
      ioredis: async () => {
        const redis = new Redis({ port })
        const found: string[] = []
        for await (const keys of redis.scanStream({ count: 20 })) found.push(...(keys as string[]))
        await redis.quit()
        return found
      },
      'node-redis': async () => {
        const redis = await createClient({ url: `redis://127.0.0.1:${port}` }).connect()
        const found: string[] = []
        for await (const keys of redis.scanIterator({ COUNT: 20 })) found.push(...keys)
        await redis.quit()
        return found
      },
    }
    const moving = reshard(standing.map(slotOf), () => scanning)
    try {
      for (const [name, scan] of Object.entries(scans)) {
        const found = new Set(await scan())
        const missing = standing.filter((key) => !found.has(key))
        assert.deepEqual(missing, [], name)
      }
    } finally {
      scanning = false
      await moving
    }
    assert.ok((await moving) > 30, `${await moving} slots were moved meanwhile`)
    assert.equal(await client.ask('DBSIZE'), standing.length)
  })

  it('and its scan ends without repetitions, with cursors that fit into a double, when nothing moves', async () => {
    await using client = await connect(real.running.port)
    await client.call('FLUSHALL')
    for (let i = 0; i < 500; i++) await client.ask('SET', `key:${i}`, 'x')
    const found: string[] = []
    let cursor = '0'
    do {
      const [next, keys] = (await client.ask('SCAN', cursor)) as [unknown, unknown[]]
      cursor = String(next)
      assert.ok(Number.isSafeInteger(Number(cursor)))
      found.push(...keys.map(String))
    } while (cursor !== '0')
    assert.equal(found.length, 500)
    assert.equal(new Set(found).size, 500)
    for (let i = 0; i < 20; i++) assert.ok(found.includes(String(await client.ask('RANDOMKEY'))))
  })

  it('and its reports are those of all masters', async () => {
    await using proxy = await startProxy({ nodes: real.cluster.addresses, adminCommands: true })
    for (const protocol of ['2', '3']) {
      await using client = await connect(proxy.port)
      await using direct = await connect(real.cluster.masters[0]!.port)
      for (const each of [client, direct]) await each.call('HELLO', protocol)
      const shape = (frame: Buffer): string => frame.toString('latin1', 0, 1)
      const reports = [
        'MEMORY STATS',
        'MEMORY DOCTOR',
        'MEMORY MALLOC-STATS',
        'LATENCY LATEST',
        'LATENCY DOCTOR',
        'LATENCY HISTOGRAM',
        'LATENCY HISTORY x',
        'LATENCY RESET',
        'SLOWLOG GET',
        'SLOWLOG LEN',
        'SLOWLOG RESET',
        'FUNCTION STATS',
        'FUNCTION LIST',
        'ACL LIST',
        'ACL LOG',
        'ACL CAT',
        'LASTSAVE',
        'CONFIG GET maxmemory',
        'CONFIG RESETSTAT',
        'MODULE LIST',
        'MEMORY PURGE',
        'TIME',
        'SCRIPT EXISTS x',
      ]
      for (const line of reports) {
        const [reply, expected] = await Promise.all(
          [client, direct].map((each) => each.call(...line.split(' ')))
        )
        assert.equal(shape(reply!), shape(expected!), `${line}: ${reply}`)
      }
      const set = await client.ask('CONFIG', 'SET', 'slowlog-max-len', '127')
      assert.equal(set, 'OK')
      for (const { port } of real.cluster.masters) {
        await using node = await connect(port)
        assert.deepEqual(await node.ask('CONFIG', 'GET', 'slowlog-max-len'), [
          'slowlog-max-len',
          '127',
        ])
      }
    }
  })
})
