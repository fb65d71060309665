import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Catalogue } from '../../../lib/command/catalogue.ts'
import { findKeys, KEYS_MISSING } from '../../../lib/command/keys.ts'
import { keySlot } from '../../../lib/command/slot.ts'
import { ErrorReply, encodeReply, type ProtocolVersion } from '../../../lib/resp/encode.ts'
import { frameRequest } from '../../../lib/resp/request-reader.ts'
import { type GatherPlan, gatherPlan, isGathered } from '../../../lib/router/gather/gather.ts'
import { connect, type RawClient } from '../../support/raw-client.ts'
import { type RealServer, startServer } from '../../support/real-server.ts'
import { type Argument, shortDoubles, sortedText } from '../../support/resp-frame.ts'
import { needsServer } from '../../support/server-available.ts'
import { type Command, RandomReads } from './random-reads.ts'

const READS = 2500
/** `GATHER_SEED=n` repeats one run. */
const SEEDS = process.env.GATHER_SEED?.split(',').map(Number) ?? [1, 2, 3]
const UNORDERED = new Set(['sunion', 'sinter', 'sdiff'])
const SCORED = new Set(['zunion', 'zinter'])

/** Of the server. */
let serverVersion = '7.0.15'

function bytesOf(command: Command): Buffer[] {
  return command.map((argument) =>
    typeof argument === 'object' ? Buffer.from(argument) : Buffer.from(String(argument))
  )
}

function planOf(...command: Argument[]): GatherPlan | ErrorReply | undefined {
  const spec = Catalogue.builtIn().get(String(command[0]))
  assert.ok(spec)
  return gatherPlan(spec, bytesOf(command), serverVersion)
}

/** Carries a plan out as if each part went to another node. */
async function gathered(client: RawClient, command: Command): Promise<Buffer> {
  const protocol = protocolOf.get(client)!
  const plan = planOf(...command)
  assert.ok(plan, `${command[0]} is gathered`)
  if (plan instanceof ErrorReply) return encodeReply(plan, protocol)
  const replies = await client.pipeline(plan.parts.map(({ args }) => args))
  const failed = replies.find((frame) => frame[0] === 0x2d)
  if (failed !== undefined && !plan.expectsErrors) return failed
  return encodeReply(plan.finish(replies, protocol), protocol)
}

const protocolOf = new WeakMap<RawClient, ProtocolVersion>()

/** All bytes of a reply, but for the order of sets and the digits of scores. */
function essence(name: string, frame: Buffer): string {
  if (UNORDERED.has(name.toLowerCase())) return sortedText(frame)
  return SCORED.has(name.toLowerCase()) ? shortDoubles(frame) : frame.toString('latin1')
}

/** Whether a request is carried out in parts: it has keys, and a client of a single server would not wait. */
function isPlanned(command: Command): boolean {
  const bytes = bytesOf(command)
  const spec = Catalogue.builtIn().get(String(command[0]))!
  if (findKeys(spec, frameRequest(bytes), []) === KEYS_MISSING) return false
  const plan = planOf(...command)
  return plan === undefined || !('wait' in plan)
}

describe('a gathered reply is that of a single server', needsServer, () => {
  let server: RealServer
  const clients: RawClient[] = []

  before(async () => {
    server = await startServer()
    serverVersion = /redis_version:(\S+)/.exec(String(await server.call('INFO', 'server')))![1]!
    for (const protocol of [2, 3] as const) {
      const client = await connect(server.port)
      await client.call('HELLO', protocol)
      protocolOf.set(client, protocol)
      clients.push(client)
    }
  })

  after(async () => {
    for (const client of clients) await client.end()
    await server?.stop()
  })

  async function compare(client: RawClient, command: Command, label = ''): Promise<string> {
    const expected = essence(String(command[0]), await client.call(...command))
    const actual = essence(String(command[0]), await gathered(client, command))
    const shown = JSON.stringify(bytesOf(command).map((bytes) => bytes.toString('latin1')))
    assert.equal(actual, expected, `${label} RESP${protocolOf.get(client)} ${shown}`)
    return actual
  }

  for (const seed of SEEDS) {
    it(`to ${READS} random reads with seed ${seed}`, async () => {
      const random = new RandomReads(seed)
      await server.call('FLUSHALL')
      await clients[0]!.pipeline(random.data())
      let useful = 0
      for (let i = 0; i < READS; i++) {
        const command = random.next()
        if (!isPlanned(command)) continue
        const reply = await compare(clients[i % 2]!, command, `seed ${seed}, read ${i}`)
        if (!reply.startsWith('-')) useful++
      }
      assert.ok(useful > READS / 3, `only ${useful} of the reads are right`)
    })
  }

  async function each(commands: readonly Command[]): Promise<string[]> {
    const replies: string[] = []
    for (const command of commands) {
      for (const client of clients) replies.push(await compare(client, command))
    }
    return replies
  }

  it('to large sets and sorted sets with many equal scores', async () => {
    await server.call('FLUSHALL')
    for (const [key, first] of [
      ['ta', 0],
      ['tb', 1500],
      ['tc', 2900],
    ] as const) {
      const members = Array.from({ length: 3000 }, (_, n) => `member ${first + n}`)
      await server.call('SADD', key, ...members)
      const scored = members.flatMap((member, n): Argument[] => [
        n % 7 === 0 ? 0.1 * n : n % 5,
        member,
      ])
      await server.call('ZADD', `z${key}`, ...scored)
    }
    const names = ['UNION', 'INTER', 'DIFF']
    await each(names.map((name) => [`S${name}`, 'ta', 'tb', 'tc']))
    const options: Command[] = [[], ['WITHSCORES'], ['WITHSCORES', 'WEIGHTS', 0.1, 3, 0.7]]
    for (const rest of options) {
      await each([
        ['ZUNION', 3, 'zta', 'ztb', 'ztc', ...rest],
        ['ZINTER', 3, 'zta', 'ztb', 'ztc', ...rest],
        ['ZUNION', 3, 'zta', 'tb', 'zta', ...rest],
      ])
    }
    await each([
      ['ZDIFF', 3, 'zta', 'tb', 'tc', 'WITHSCORES'],
      ['SINTERCARD', 3, 'ta', 'tb', 'tc'],
      ['SINTERCARD', 2, 'ta', 'tb', 'LIMIT', 1499],
      ['ZINTERCARD', 2, 'zta', 'tb', 'LIMIT', 1501],
    ])
  })

  it('to sums and products that are no numbers, whichever source is the smallest', async () => {
    await server.call('FLUSHALL')
    const scores = ['inf', '-inf', '0', '-0', '1', '-1']
    const members = scores.flatMap((_, i) => scores.map((__, j) => `m${i}${j}`))
    const byFirst = members.flatMap((member): Argument[] => [scores[Number(member[1])]!, member])
    const bySecond = members.flatMap((member): Argument[] => [scores[Number(member[2])]!, member])
    await server.call('ZADD', 'first', ...byFirst)
    await server.call('ZADD', 'second', ...bySecond, 5, 'one more')
    const weights = ['1', '0', '-1', 'inf', '-inf']
    for (const name of ['ZUNION', 'ZINTER']) {
      for (const aggregate of ['SUM', 'MIN', 'MAX']) {
        for (const one of weights) {
          for (const other of weights) {
            const options = ['WEIGHTS', one, other, 'AGGREGATE', aggregate, 'WITHSCORES']
            await each([
              [name, 2, 'first', 'second', ...options],
              [name, 2, 'second', 'first', ...options],
            ])
          }
        }
      }
    }
  })

  it('to PFCOUNT of every encoding, of broken ones and of what is none', async () => {
    await server.call('FLUSHALL')
    const header = (encoding: number, body: Buffer): Buffer =>
      Buffer.concat([Buffer.from('HYLL'), Buffer.from([encoding, ...Array(11).fill(0)]), body])
    const numbers = (from: number, count: number): number[] =>
      Array.from({ length: count }, (_, n) => from + n)
    await server.call('PFADD', 'sparse', ...numbers(0, 50))
    await server.call('PFADD', 'dense', ...numbers(25, 30_000))
    await server.call('PFADD', 'nothing')
    await server.call('LPUSH', 'list', 'x')
    const strings: Record<string, Buffer | string> = {
      text: 'x'.repeat(100),
      number: '12',
      short: header(1, Buffer.alloc(0)).subarray(0, 15),
      third: header(2, Buffer.alloc(12_288)),
      cut: header(0, Buffer.alloc(12_287)),
      full: header(0, Buffer.alloc(12_288, 0xff)),
      high: header(0, Buffer.alloc(12_288, 0x33)),
      zeros: header(1, Buffer.from([0x7f, 0xff])),
      overflow: header(1, Buffer.from([0x7f, 0xff, 0x84])),
      beyond: header(1, Buffer.from([0x7f, 0xff, 0x00])),
      missing: header(1, Buffer.from([0x7f])),
      empty: header(1, Buffer.alloc(0)),
      values: header(1, Buffer.from([0xff, 0xff, 0x80, 0x7f, 0xf6])),
    }
    for (const [key, value] of Object.entries(strings)) await server.call('SET', key, value)
    // Until it was mended (CVE-2025-32023) a server counted what comes before the overflow.
    if (
      await server.call('PFCOUNT', 'overflow', 'sparse').then(
        () => true,
        () => false
      )
    ) {
      delete strings.overflow
    }
    const keys = ['sparse', 'dense', 'nothing', 'list', 'absent', ...Object.keys(strings)]
    const replies = await each(keys.flatMap((a) => keys.map((b): Command => ['PFCOUNT', a, b])))
    assert.ok(replies.some((reply) => reply.startsWith('-INVALIDOBJ')))
    assert.ok(replies.some((reply) => reply.startsWith('-WRONGTYPE Key')))
    assert.ok(replies.some((reply) => /^:\d{5}/.test(reply)))
    for (let n = 1; n < 200; n += 3) {
      await server.call('DEL', 'growing')
      await server.call('PFADD', 'growing', ...numbers(-n, n * 10))
      await each([['PFCOUNT', 'growing', 'sparse']])
    }
  })

  it('to LCS of strings of all lengths', async () => {
    await server.call('FLUSHALL')
    const random = new RandomReads(99)
    for (const length of [0, 1, 7, 8, 9, 16, 17, 31, 32, 33, 64, 65, 300]) {
      for (const other of [0, 1, 8, 16, 31, 32, 33, 500]) {
        const text = (size: number): string =>
          Array.from({ length: size }, () => random.choose('abc')).join('')
        await server.call('MSET', 'one', text(length), 'two', text(other))
        await each([
          ['LCS', 'one', 'two'],
          ['LCS', 'one', 'two', 'LEN'],
          ['LCS', 'one', 'two', 'IDX', 'WITHMATCHLEN'],
          ['LCS', 'one', 'two', 'IDX', 'MINMATCHLEN', 3],
          ['LCS', 'one', 'absent', 'IDX'],
          ['LCS', 'two', 'two', 'IDX', 'WITHMATCHLEN'],
        ])
      }
    }
  })

  it('to LCS of strings for which a server has no room', async () => {
    await server.call('MSET', 'one', 'x'.repeat(12_000), 'two', 'y'.repeat(12_000))
    const replies = await each([['LCS', 'one', 'two', 'LEN']])
    assert.ok(replies.every((reply) => reply.startsWith('-ERR Insufficient memory')))
  })

  it('to an LCS that the server takes some time for', async () => {
    await server.call('MSET', 'one', 'abcd'.repeat(1200), 'two', 'acbbd'.repeat(1100))
    await each([
      ['LCS', 'one', 'two'],
      ['LCS', 'one', 'two', 'IDX'],
    ])
  })

  it('and a wrong type comes before a wrong option only where the server sees it so', async () => {
    await server.call('FLUSHALL')
    await server.call('LPUSH', 'list', 'x')
    const commands: Command[] = [
      ['LCS', 'list', 'absent', 'BOGUS'],
      ['LCS', 'absent', 'list', 'LEN', 'IDX'],
      ['LCS', 'absent', 'absent', 'BOGUS'],
      ['ZUNION', 2, 'absent', 'list', 'WEIGHTS', 'x', 1],
      ['ZINTER', 2, 'absent', 'list', 'AGGREGATE'],
      ['ZDIFF', 2, 'list', 'absent', 'WEIGHTS', 1, 1],
      ['ZINTERCARD', 2, 'absent', 'list', 'LIMIT', '-1'],
      ['ZINTERCARD', 2, 'absent', 'absent', 'LIMIT', '-1'],
      ['SINTERCARD', 2, 'absent', 'list', 'LIMIT', '-1'],
      ['SINTER', 'absent', 'list'],
      ['SDIFF', 'absent', 'list'],
      ['XREAD', 'STREAMS', 'absent', 'list', 'x', 0],
      ['XREAD', 'STREAMS', 'list', 'absent', 'x', 0],
      ['XREAD', 'COUNT', 1, 'COUNT', 2],
      ['XREAD', 'JUNK', 'STREAMS', 'absent', 'absent', 0, 0],
    ]
    const replies = await each(commands)
    assert.ok(replies.every((reply) => reply.startsWith('-')))
  })

  it('to calls with too few arguments', async () => {
    for (const { name, arity } of Catalogue.builtIn().all()) {
      const spec = Catalogue.builtIn().get(name)!
      if (isGathered(spec)) await each([[name, ...Array(-arity - 2).fill('1')]])
    }
  })
})

describe('a plan', () => {
  it('is made for the reads that can be gathered, and for no other command', () => {
    const names = Array.from(Catalogue.builtIn().all()).filter(isGathered)
    assert.deepEqual(
      names.map(({ name }) => name).sort(),
      'lcs pfcount sdiff sinter sintercard sunion xread zdiff zinter zintercard zunion'.split(' ')
    )
    assert.equal(planOf('SUNIONSTORE', 'to', 'a', 'b'), undefined)
    assert.equal(planOf('MGET', 'a', 'b'), undefined)
  })

  it('tells what an XREAD that blocks waits for, and is not made for XREADGROUP', () => {
    const plan = planOf('XREAD', 'BLOCK', 70, 'COUNT', 2, 'STREAMS', 'a', 'b', '$', 5)
    assert.ok(plan !== undefined && 'wait' in plan)
    const { wait, parts } = plan
    assert.deepEqual([wait!.timeout, String(wait!.count)], [70, '2'])
    const streams = wait!.streams.map((each) => [each.slot, String(each.key), String(each.id)])
    assert.deepEqual(streams, [
      [slot('a'), 'a', '$'],
      [slot('b'), 'b', '5'],
    ])
    assert.deepEqual(texts(parts[1]!.args), ['XREAD', 'COUNT', '2', 'STREAMS', 'b', '5'])
    assert.ok(!('wait' in planOf('XREAD', 'STREAMS', 'block', 'b', 0, 0)!))
    assert.equal(planOf('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'a', 'b', '>', '>'), undefined)
  })

  it('reads the keys of a slot together where nothing depends on each of them', () => {
    const [first, second] = partsOf('SUNION', 'a{1}', 'b', 'c{1}', 'b')
    assert.deepEqual([first!.slot, second!.slot], [slot('1'), slot('b')])
    assert.deepEqual(texts(first!.args), ['SUNION', 'a{1}', 'c{1}'])
    assert.deepEqual(texts(second!.args), ['SUNION', 'b'])
  })

  it('subtracts from the first key what the other slots have', () => {
    assert.deepEqual(
      partsOf('SDIFF', 'a{1}', 'b', 'c{1}', 'd{b}').map(({ args }) => texts(args)),
      [
        ['SDIFF', 'a{1}', 'c{1}'],
        ['SUNION', 'b', 'd{b}'],
      ]
    )
    assert.deepEqual(
      partsOf('ZDIFF', 3, 'a', 'b', 'a', 'WITHSCORES').map(({ args }) => texts(args)),
      [
        ['ZDIFF', '2', 'a', 'a', 'WITHSCORES'],
        ['ZUNION', '1', 'b'],
      ]
    )
  })

  it('asks for a key once, however often it is named', () => {
    assert.equal(partsOf('ZUNION', 4, 'a', 'b', 'a', 'a').length, 2)
    assert.equal(partsOf('PFCOUNT', 'a', 'b', 'a').length, 2)
    assert.equal(partsOf('LCS', 'a', 'a').length, 1)
  })

  it('answers the first error of a part, if it is given one', () => {
    for (const name of ['SUNION', 'PFCOUNT', 'LCS']) {
      const plan = planOf(name, 'a', 'b')
      assert.ok(plan !== undefined && !(plan instanceof ErrorReply))
      const frames = ['-NOPERM no\r\n', '-WRONGTYPE other\r\n'].map((text) => Buffer.from(text))
      assert.equal(encodeReply(plan.finish(frames, 2), 2).toString(), '-NOPERM no\r\n')
    }
  })

  it('refuses frames that a part cannot have', () => {
    const plan = planOf('SUNION', 'a', 'b')
    assert.ok(plan !== undefined && !(plan instanceof ErrorReply))
    const frames = [Buffer.from(':1\r\n'), Buffer.from('*0\r\n')]
    assert.throws(() => plan.finish(frames, 2), { code: 'NODE_PROTOCOL' })
  })

  it('writes doubles as the version of the nodes does', () => {
    const spec = Catalogue.builtIn().get('zunion')!
    const args = bytesOf(['ZUNION', 2, 'a', 'b', 'WITHSCORES'])
    const frames = ['a', 'b'].map((_, i) => Buffer.from(`*2\r\n$1\r\nm\r\n$3\r\n0.${i + 1}\r\n`))
    const score = (version: string): string | undefined => {
      const plan = gatherPlan(spec, args, version)
      assert.ok(plan !== undefined && !(plan instanceof ErrorReply))
      return encodeReply(plan.finish(frames, 2), 2).toString().split('\r\n').at(-2)
    }
    assert.equal(score('7.0.15'), '0.30000000000000004')
    assert.equal(score('7.2.4'), '0.30000000000000004')
    frames[1] = Buffer.from('*2\r\n$1\r\nm\r\n$1\r\n1\r\n')
    assert.equal(score('7.0.15'), '1.1000000000000001')
    assert.equal(score('7.2.4'), '1.1')
  })
})

function partsOf(...command: Argument[]): GatherPlan['parts'] {
  const plan = planOf(...command)
  assert.ok(plan !== undefined && !(plan instanceof ErrorReply))
  return plan.parts
}

function texts(args: readonly (string | Uint8Array)[]): string[] {
  return args.map((argument) => Buffer.from(argument as Uint8Array).toString())
}

function slot(key: string): number {
  return keySlot(Buffer.from(key), 0, key.length)
}
