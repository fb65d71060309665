import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import type { CommandSpec } from '../../lib/command/spec.ts'
import type { PartialFailureEvent } from '../../lib/index.ts'
import type { FakeNode } from '../../lib/testing/index.ts'
import { receivedBy, type Stage, setStage } from './stage.ts'

const always = { times: Number.POSITIVE_INFINITY }
const GATHER = { options: { crossSlot: 'gather' } } as const
const SPLIT = { options: { crossSlot: true } } as const
const DISABLED =
  '-ERR Cross-slot queries are disabled. They can be enabled by using the --enable-cross-slot option, or by calling `PROXY CONFIG SET enable-cross-slot 1`. WARN: cross-slot queries can break the atomicity of the query itself.\r\n'
const UNSUPPORTED = '-ERR Cross-slot queries are not supported for this command\r\n'

/** Errors of clients count as values here. */
async function text(stage: Stage, ...command: string[]): Promise<string> {
  return String(await (await stage.client()).call(...command))
}

/** What nodes got from clients: no questions of the proxy's own. */
function fromClients({ received }: FakeNode): string[] {
  const own = /^(?:CLUSTER|COMMAND|INFO|HELLO|PING)$/i
  return received
    .map(({ command }) => command)
    .filter(([name]) => !own.test(name!))
    .map((command) => command.join(' '))
}

function answerAll(stage: Stage, command: string, ...replies: string[]): void {
  for (const [i, node] of stage.cluster.nodes.entries()) {
    node.answer(command, replies[i % replies.length]!, always)
  }
}

describe('commands over several keys', () => {
  it('E4.1 forwards what has all keys in one slot as the one command that it is', async () => {
    await using stage = await setStage(GATHER)
    const client = await stage.client()
    await client.ask('MSET', '{a}1', 'x', '{a}2', 'y')
    await client.ask('MGET', '{a}1', '{a}2', '{a}1')
    await client.ask('DEL', '{a}1', '{a}2')
    await client.ask('SUNION', '{a}1', '{a}2')
    assert.deepEqual(fromClients(stage.cluster.owner('{a}1')), [
      'MSET {a}1 x {a}2 y',
      'MGET {a}1 {a}2 {a}1',
      'DEL {a}1 {a}2',
      'SUNION {a}1 {a}2',
    ])
  })

  it('A.1.6 refuses several slots by default, in the words of the official proxy, and sends nothing', async () => {
    await using stage = await setStage()
    const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
    for (const command of [['MGET'], ['DEL'], ['UNLINK'], ['EXISTS'], ['TOUCH']]) {
      assert.equal(await text(stage, ...command, a, b), DISABLED)
    }
    assert.equal(await text(stage, 'MSET', a, '1', b, '2'), DISABLED)
    for (const name of ['SDIFF', 'SINTER', 'SUNION', 'RENAME', 'PFCOUNT']) {
      assert.equal(await text(stage, name, a, b), UNSUPPORTED)
    }
    for (const node of stage.cluster.nodes) assert.deepEqual(fromClients(node), [])
  })

  it('E4.2 MGET answers in the order of its arguments, duplicates included, nil for another type', async () => {
    await using stage = await setStage(SPLIT)
    const [a, b, list] = [stage.keyOf(0), stage.keyOf(1), stage.keysOf(0, 2)[1]!]
    const client = await stage.client()
    await client.ask('MSET', b, '2', a, '1')
    await client.ask('RPUSH', list, 'x')
    const reply = await client.call('MGET', b, a, list, 'missing', b)
    assert.equal(String(reply), '*5\r\n$1\r\n2\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$1\r\n2\r\n')
  })

  it('E4.2 an error of one part of MGET is the reply, and names the node', async () => {
    await using stage = await setStage(SPLIT)
    const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
    stage.cluster.nodes[1]!.answer('MGET', '-OOM no\r\n', always)
    assert.equal(await text(stage, 'MGET', a, b), `-OOM no (from ${stage.name(1)})\r\n`)
  })

  it('E4.3 MSET that fails at one node says who has set what, and tells of it by an event', async () => {
    await using stage = await setStage(SPLIT)
    const events: PartialFailureEvent[] = []
    stage.proxy.on('partialFailure', (event) => events.push(event))
    const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
    stage.cluster.nodes[1]!.answer('MSET', '-OOM no\r\n', always)
    const reply = await text(stage, 'MSET', a, '1', b, '2')
    assert.equal(
      reply,
      `-ERR partial failure of 'mset': not applied by ${stage.name(1)} (1 key: OOM no); applied by ${stage.name(0)} (1 key)\r\n`
    )
    assert.equal(stage.cluster.execute('GET', a), '1')
    const { command, applied, failed } = events[0]!
    assert.deepEqual(
      [command, applied[0]!.keys.map(String), failed[0]!.keys.map(String)],
      ['mset', [a], [b]]
    )
  })

  it('E4.3 MSET without a last value sends nothing; of a key that is named twice the last value wins', async () => {
    await using stage = await setStage(SPLIT)
    const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
    assert.equal(
      await text(stage, 'MSET', a, '1', b),
      "-ERR wrong number of arguments for 'mset' command\r\n"
    )
    for (const node of stage.cluster.nodes) assert.deepEqual(fromClients(node), [])
    assert.equal(await text(stage, 'MSET', a, '1', b, '2', a, '3'), '+OK\r\n')
    assert.equal(stage.cluster.execute('GET', a), '3')
  })

  it('E4.5 sums DEL, UNLINK, EXISTS and TOUCH, and gives no partial sum', async () => {
    await using stage = await setStage(SPLIT)
    const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
    for (const key of [a, b]) stage.cluster.execute('SET', key, 'x')
    assert.equal(await text(stage, 'EXISTS', a, b, a, 'none'), ':3\r\n')
    assert.equal(await text(stage, 'TOUCH', a, b, 'none'), ':2\r\n')
    const fault = stage.cluster.nodes[1]!.answer('DEL', '-OOM no\r\n', always)
    assert.match(await text(stage, 'DEL', a, b), /^-ERR partial failure of 'del': /)
    fault.remove()
    assert.equal(await text(stage, 'UNLINK', a, b, 'none'), ':1\r\n')
  })

  const NEVER = [
    'MSETNX a 1 b 2',
    'RENAME a b',
    'RENAMENX a b',
    'COPY a b',
    'SMOVE a b x',
    'LMOVE a b LEFT LEFT',
    'RPOPLPUSH a b',
    'SUNIONSTORE a b',
    'SINTERSTORE a b',
    'SDIFFSTORE a b',
    'ZUNIONSTORE a 1 b',
    'ZINTERSTORE a 1 b',
    'ZDIFFSTORE a 1 b',
    'ZRANGESTORE a b 0 1',
    'PFMERGE a b',
    'BITOP AND a b',
    'GEOSEARCHSTORE a b FROMMEMBER x BYRADIUS 1 m',
    'GEORADIUS a 1 1 1 m STORE b',
    'SORT a STORE b',
    'LMPOP 2 a b LEFT',
    'ZMPOP 2 a b MIN',
    'EVAL script 2 a b',
    'EVALSHA sha 2 a b',
    'FCALL f 2 a b',
    'XREADGROUP GROUP g c STREAMS a b > >',
    'MIGRATE host 1 "" 0 1 KEYS a b',
  ]
  it('E4.4 E4.6 refuses what would be half done over several slots, whatever crossSlot says', async () => {
    for (const crossSlot of [false, true, 'gather'] as const) {
      await using stage = await setStage({ options: { crossSlot } })
      const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
      for (const line of NEVER) {
        const command = line
          .split(' ')
          .map((word) => (word === 'a' ? a : word === 'b' ? b : word === '""' ? '' : word))
        assert.equal(await text(stage, ...command), UNSUPPORTED, line)
      }
      for (const node of stage.cluster.nodes) assert.deepEqual(fromClients(node), [])
    }
  })

  it('E4.6 gathers reads over several slots where that is switched on, in either protocol', async () => {
    await using stage = await setStage(GATHER)
    const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
    const client = await stage.client()
    await client.ask('SADD', a, 'x', 'y')
    await client.ask('SADD', b, 'y', 'z')
    assert.equal(String(await client.call('SINTER', a, b)), '*1\r\n$1\r\ny\r\n')
    assert.equal(String(await client.call('SINTERCARD', '2', a, b)), ':1\r\n')
    await client.ask('HELLO', '3')
    assert.equal(String(await client.call('SINTER', a, b)), '~1\r\n$1\r\ny\r\n')
    await client.ask('SET', stage.keysOf(1, 2)[1]!, 'x')
    assert.match(String(await client.call('SUNION', a, stage.keysOf(1, 2)[1]!)), /^-WRONGTYPE /)
  })

  it('E4.6 gathers at most gatherMaxBytes', async () => {
    await using stage = await setStage({ options: { crossSlot: 'gather', gatherMaxBytes: 2000 } })
    const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
    for (const key of [a, b]) stage.cluster.execute('SADD', key, `${key}${'x'.repeat(1200)}`)
    assert.equal(
      await text(stage, 'SUNION', a, b),
      "-ERR the replies to 'sunion' exceed gatherMaxBytes (2000 bytes)\r\n"
    )
  })

  const ROUTES: readonly (readonly [line: string, key: string])[] = [
    ['OBJECT ENCODING k', 'k'],
    ['MEMORY USAGE k', 'k'],
    ['XGROUP CREATE k g 0', 'k'],
    ['XINFO STREAM k', 'k'],
    ['XINFO GROUPS k', 'k'],
    ['SORT k BY nosort GET other*', 'k'],
    ['SORT k STORE {k}2', 'k'],
    ['GEORADIUS k 1 1 1 m STORE {k}2', 'k'],
    ['GEORADIUSBYMEMBER k m 1 m STOREDIST {k}2', 'k'],
    ['MIGRATE host 1 k 0 1', 'k'],
    ['MIGRATE host 1  0 1 KEYS k {k}2', 'k'],
    ['ZUNION 2 k {k}2', 'k'],
    ['EVAL script 1 k', 'k'],
    ['FCALL f 1 k other', 'k'],
    ['XREAD COUNT 1 STREAMS k 0', 'k'],
    ['BITOP AND k {k}2', 'k'],
    ['DEBUG OBJECT k', 'k'],
  ]
  it('E4.7 finds the key wherever it stands', async () => {
    await using stage = await setStage({ options: { adminCommands: true } })
    for (const node of [0, 1]) {
      const key = stage.keyOf(node)
      for (const [line] of ROUTES) {
        const words = line
          .split(' ')
          .map((word) => (word === 'k' ? key : word.replace('{k}', `{${key}}`)))
        const arrived = stage.cluster.nodes.map((each) => fromClients(each).length)
        stage.cluster.nodes[node]!.answer(words[0]!, '+done\r\n')
        assert.equal(await text(stage, ...words), '+done\r\n', line)
        arrived[node]! += 1
        assert.deepEqual(
          stage.cluster.nodes.map((each) => fromClients(each).length),
          arrived,
          line
        )
      }
    }
  })

  it('E4.7 leaves a wrong number of keys to the node, whose words they are', async () => {
    await using stage = await setStage()
    answerAll(stage, 'EVAL', "-ERR Number of keys can't be negative\r\n")
    answerAll(stage, 'ZUNION', '-ERR syntax error\r\n')
    for (const count of ['-1', 'x', '5', '99999999999999999999']) {
      assert.match(await text(stage, 'EVAL', 'script', count, 'k'), /^-ERR Number of keys/)
      assert.match(await text(stage, 'ZUNION', count, 'k'), /^-ERR syntax error/)
    }
  })

  it('E4.8 sends scripts without keys to one master after the other', async () => {
    await using stage = await setStage()
    answerAll(stage, 'EVAL', ':1\r\n')
    const client = await stage.client()
    for (let i = 0; i < 6; i++) await client.ask('EVAL', 'return 1', '0')
    for (const node of stage.cluster.nodes) assert.equal(receivedBy(node, 'EVAL').length, 3)
  })

  it("E4.9 answers an unknown command in the server's words and guesses no key", async () => {
    await using stage = await setStage()
    assert.equal(
      await text(stage, 'foo', 'x', 'y'),
      "-ERR unknown command 'foo', with args beginning with: 'x' 'y' \r\n"
    )
    for (const node of stage.cluster.nodes) assert.deepEqual(fromClients(node), [])
  })
})

describe('commands that concern every master', () => {
  it('E4.11 asks masters only, and gives no partial number', async () => {
    await using stage = await setStage({
      cluster: { masters: 2, replicas: 1 },
      options: { readFrom: 'replica', retryBudget: 300, reconnectMaxDelay: 100 },
    })
    for (const key of [...stage.keysOf(0, 3), ...stage.keysOf(1, 2)])
      stage.cluster.execute('SET', key, 'x')
    assert.equal(await text(stage, 'DBSIZE'), ':5\r\n')
    assert.match(await text(stage, 'KEYS', '*'), /^\*5\r\n/)
    await text(stage, 'RANDOMKEY')
    for (const replica of stage.cluster.replicas) assert.deepEqual(fromClients(replica), [])
    await stage.cluster.nodes[1]!.stop()
    for (const command of [['DBSIZE'], ['KEYS', '*'], ['RANDOMKEY'], ['FLUSHALL']]) {
      assert.match(await text(stage, ...command), /CLUSTERDOWN the node cannot be reached/)
    }
  })

  it('E4.12 RANDOMKEY draws by the number of keys, and gives nil only if there are none', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const client = await stage.client()
    assert.equal(await client.ask('RANDOMKEY'), null)
    await client.ask('HELLO', '3')
    assert.equal(String(await client.call('RANDOMKEY')), '_\r\n')
    const few = stage.keysOf(1, 1)
    const many = stage.keysOf(2, 30)
    for (const key of [...few, ...many]) stage.cluster.execute('SET', key, 'x')
    for (const node of stage.cluster.nodes) node.received.length = 0
    const drawn = new Set<string>()
    for (let i = 0; i < 200; i++) drawn.add(String(await client.ask('RANDOMKEY')))
    assert.ok([...drawn].every((key) => few.includes(key) || many.includes(key)))
    assert.equal(receivedBy(stage.cluster.nodes[0]!, 'RANDOMKEY').length, 0)
    // 6 are to be expected of 200; the odds of none at all are 1 in 700, of 60 or more none.
    assert.ok(receivedBy(stage.cluster.nodes[1]!, 'RANDOMKEY').length < 60)
    assert.ok(drawn.size > 15, `${drawn.size} different keys`)
  })

  it('E4.12 RANDOMKEY goes on to the next master when the one that was drawn is empty by then', async () => {
    await using stage = await setStage()
    const [first, second] = stage.cluster.nodes
    answerAll(stage, 'DBSIZE', ':5\r\n')
    const nil = first!.answer('RANDOMKEY', '$-1\r\n', always)
    second!.answer('RANDOMKEY', '$1\r\nk\r\n', always)
    for (let i = 0; i < 10; i++) assert.equal(await text(stage, 'RANDOMKEY'), '$1\r\nk\r\n')
    nil.remove()
    const [other] = await stage.clients(1)
    first!.answer('RANDOMKEY', '$1\r\nn\r\n', always)
    const drawn = new Set<string>()
    for (let i = 0; i < 50; i++) drawn.add(String(await other!.ask('RANDOMKEY')))
    assert.deepEqual(drawn, new Set(['k', 'n']))
  })

  it('E4.12 E1.2 RANDOMKEY finds what its client wrote just before', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const key = stage.keyOf(0)
    // The question goes another way, and may come before the write.
    answerAll(stage, 'DBSIZE', ':0\r\n')
    const replies = await client.pipeline([['SET', key, 'x'], ['RANDOMKEY']])
    assert.equal(String(replies[1]), `$${key.length}\r\n${key}\r\n`)
  })

  it('E4.17 PUBLISH tells the number that the node tells', async () => {
    await using stage = await setStage()
    answerAll(stage, 'PUBLISH', ':7\r\n')
    assert.equal(await text(stage, 'PUBLISH', 'news', 'x'), ':7\r\n')
  })

  it('E4.13 KEYS is refused beyond gatherMaxBytes, and the client and others go on', async () => {
    await using stage = await setStage({ options: { gatherMaxBytes: 1024 } })
    for (const key of [...stage.keysOf(0, 100), ...stage.keysOf(1, 100)])
      stage.cluster.execute('SET', key, 'x')
    const client = await stage.client()
    assert.equal(
      String(await client.call('KEYS', '*')),
      "-ERR the replies to 'keys' exceed gatherMaxBytes (1024 bytes)\r\n"
    )
    assert.equal(await client.ask('DBSIZE'), 200)
  })

  it('E4.16 FLUSHALL that fails at one master says which, and tells of it by an event', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const events: PartialFailureEvent[] = []
    stage.proxy.on('partialFailure', (event) => events.push(event))
    for (const name of ['flushall', 'flushdb']) {
      stage.cluster.nodes[1]!.answer(name, '-BUSY a script runs\r\n')
      assert.equal(
        await text(stage, name),
        `-ERR partial failure of '${name}': not applied by ${stage.name(1)} (BUSY a script runs); applied by ${stage.name(0)}, ${stage.name(2)}\r\n`
      )
    }
    assert.deepEqual(
      events.map(({ command, failed }) => [command, failed.map(({ node }) => node)]),
      [
        ['flushall', [stage.name(1)]],
        ['flushdb', [stage.name(1)]],
      ]
    )
    assert.equal(await text(stage, 'FLUSHALL', 'ASYNC'), '+OK\r\n')
    for (const node of stage.cluster.nodes) assert.equal(receivedBy(node, 'FLUSHALL').length, 2)
  })

  it('E4.19 scripts and libraries reach every master, and a failure is told', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    for (const command of ['SCRIPT LOAD', 'SCRIPT FLUSH', 'FUNCTION LOAD', 'FUNCTION FLUSH']) {
      answerAll(stage, command, '+done\r\n')
      const words = command.endsWith('LOAD') ? [...command.split(' '), 'x'] : command.split(' ')
      assert.equal(await text(stage, ...words), '+done\r\n')
      for (const node of stage.cluster.nodes)
        assert.equal(fromClients(node).at(-1), words.join(' '))
    }
    await using other = await setStage()
    answerAll(other, 'SCRIPT LOAD', '+sha\r\n', '-OOM no\r\n')
    assert.match(
      await text(other, 'SCRIPT', 'LOAD', 'x'),
      /^-ERR partial failure of 'script\|load': not applied by \S+ \(OOM no\); applied by /
    )
  })

  it('E4.20 SCRIPT EXISTS is so if all say so; SCRIPT KILL succeeds if one does', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    answerAll(stage, 'SCRIPT EXISTS', '*2\r\n:1\r\n:1\r\n', '*2\r\n:1\r\n:0\r\n')
    assert.equal(await text(stage, 'SCRIPT', 'EXISTS', 'a', 'b'), '*2\r\n:1\r\n:0\r\n')
    for (const kill of ['SCRIPT KILL', 'FUNCTION KILL']) {
      const idle = '-NOTBUSY No scripts in execution right now.\r\n'
      const faults = stage.cluster.nodes.map((node) => node.answer(kill, idle, always))
      assert.equal(await text(stage, ...kill.split(' ')), idle)
      faults[1]!.remove()
      stage.cluster.nodes[1]!.answer(kill, '+OK\r\n')
      assert.equal(await text(stage, ...kill.split(' ')), '+OK\r\n')
      stage.cluster.nodes[1]!.answer(kill, '-UNKILLABLE it has written\r\n')
      assert.match(await text(stage, ...kill.split(' ')), /^-UNKILLABLE it has written \(from /)
    }
  })

  it('E4.15 INFO adds up what the masters say, and never waits for one that is lost', async () => {
    await using stage = await setStage({ options: { retryBudget: 300 } })
    for (const key of [...stage.keysOf(0, 3), ...stage.keysOf(1, 2)])
      stage.cluster.execute('SET', key, 'x')
    const client = await stage.client()
    assert.match(String(await client.ask('INFO')), /# Keyspace\r\ndb0:keys=5,expires=0,avg_ttl=0/)
    const nodes = String(await client.ask('INFO', 'nodes'))
    for (const node of [0, 1]) assert.ok(nodes.includes(`address=${stage.name(node)},`), nodes)
    await stage.cluster.nodes[1]!.stop()
    const begun = performance.now()
    const info = String(await client.ask('INFO'))
    assert.ok(performance.now() - begun < 250)
    assert.match(info, /loading:0\r\n/)
    assert.doesNotMatch(info, /Keyspace/)
    assert.match(String(await client.call('INFO', 'keyspace')), /^-ERR CLUSTERDOWN /)
  })
})

describe('commands for those who run the servers', () => {
  const ADMIN = { options: { adminCommands: true } } as const
  const specs = [...Catalogue.builtIn().all()].flatMap((spec) => [
    ...(spec.subcommands?.values() ?? [spec]),
  ])
  /** A call with as few arguments as may be, all of them one key. */
  const least = (spec: CommandSpec): string[] => {
    const words = spec.name.split('|')
    return [...words, ...Array(Math.max(0, Math.abs(spec.arity) - words.length)).fill('k')]
  }

  it('leave no trace in any node when they are refused, whatever the rights', async () => {
    for (const adminCommands of [false, true]) {
      await using stage = await setStage({ options: { adminCommands, crossSlot: 'gather' } })
      const client = await stage.client()
      const refused = specs.filter(
        ({ treatment }) =>
          /^(?:one-server|refused)$/.test(treatment) || (treatment === 'admin' && !adminCommands)
      )
      assert.ok(refused.length >= 15)
      for (const spec of refused) {
        if (spec.name === 'config|get') continue
        const reply = String(await client.call(...least(spec)))
        const expected =
          /^-(?:NOPERM|ERR unsupported command|ERR \w+ is not allowed in cluster mode)/
        assert.match(reply, expected, spec.name)
      }
      for (const node of stage.cluster.nodes) assert.deepEqual(fromClients(node), [])
    }
  })

  it('SYNC, PSYNC and REPLCONF are refused at once', async () => {
    await using stage = await setStage(ADMIN)
    for (const command of [['SYNC'], ['PSYNC', '?', '-1'], ['REPLCONF', 'ACK', '0']]) {
      assert.match(await text(stage, ...command), /^-NOPERM `\w+` is not available through/)
    }
  })

  it('reach every master when they are allowed', async () => {
    await using stage = await setStage(ADMIN)
    const everywhere = [
      'CONFIG SET maxmemory 1',
      'CONFIG RESETSTAT',
      'CONFIG REWRITE',
      'ACL SETUSER u on',
      'ACL DELUSER u',
      'ACL SAVE',
      'ACL LOG RESET',
      'BGSAVE',
      'SAVE',
      'BGREWRITEAOF',
      'SLOWLOG RESET',
      'DEBUG SLEEP 0',
      'MEMORY PURGE',
    ]
    for (const line of everywhere) {
      answerAll(stage, line.split(' ').slice(0, 2).join(' '), '+OK\r\n')
      assert.equal(await text(stage, ...line.split(' ')), '+OK\r\n', line)
      for (const node of stage.cluster.nodes) assert.equal(fromClients(node).at(-1), line)
    }
  })

  it('E4.19 CONFIG SET that fails at one master says which', async () => {
    await using stage = await setStage(ADMIN)
    answerAll(stage, 'CONFIG SET', '+OK\r\n', '-ERR CONFIG SET failed\r\n')
    assert.equal(
      await text(stage, 'CONFIG', 'SET', 'maxmemory', '1'),
      `-ERR partial failure of 'config|set': not applied by ${stage.name(1)} (ERR CONFIG SET failed); applied by ${stage.name(0)}\r\n`
    )
  })

  it('CONFIG SET of what names one server is refused, alone or among others', async () => {
    await using stage = await setStage(ADMIN)
    const names =
      'dir dbfilename port bind cluster-node-timeout cluster-announce-ip logfile pidfile unixsocket tls-port replica-announce-ip appendfilename aclfile'
    for (const name of names.split(' ')) {
      const command = ['CONFIG', 'SET', 'maxmemory', '1', name.toUpperCase(), 'x']
      assert.match(
        await text(stage, ...command),
        new RegExp(`^-NOPERM the setting '${name}' names one server`)
      )
    }
    for (const end of ['SEGFAULT', 'panic', 'RESTART', 'OOM', 'crash-and-recover', 'reload']) {
      assert.match(await text(stage, 'DEBUG', end), /^-NOPERM `debug\|/)
    }
    for (const node of stage.cluster.nodes) assert.deepEqual(fromClients(node), [])
  })

  it('CONFIG GET says what the masters say, and both values where they do not agree', async () => {
    await using stage = await setStage(ADMIN)
    const client = await stage.client()
    await client.ask('HELLO', '3')
    const reply = String(await client.call('CONFIG', 'GET', 'databases', 'port'))
    const ports = stage.cluster.nodes.map(({ port }) => port).join(' | ')
    assert.equal(
      reply,
      `%2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n$4\r\nport\r\n$${ports.length}\r\n${ports}\r\n`
    )
  })

  it('are no part of a transaction, allowed or not', async () => {
    await using stage = await setStage(ADMIN)
    const client = await stage.client()
    await client.ask('MULTI')
    assert.match(
      String(await client.call('CONFIG', 'SET', 'maxmemory', '1')),
      /^-ERR Command not allowed inside a transaction/
    )
    assert.match(String(await client.call('EXEC')), /^-EXECABORT/)
    for (const node of stage.cluster.nodes) assert.deepEqual(fromClients(node), [])
  })

  it('CONFIG GET is answered by the proxy for all others', async () => {
    await using stage = await setStage()
    assert.equal(
      await text(stage, 'CONFIG', 'GET', 'port', 'save'),
      '*2\r\n$4\r\nsave\r\n$0\r\n\r\n'
    )
    assert.match(await text(stage, 'CONFIG', 'SET', 'x'), /^-ERR wrong number of arguments for/)
    assert.match(
      await text(stage, 'CONFIG', 'SET', 'x', 'y'),
      /^-NOPERM `config\|set` .* adminCommands/
    )
    for (const node of stage.cluster.nodes) assert.deepEqual(fromClients(node), [])
  })

  it('one master answers for all where all have the same', async () => {
    await using stage = await setStage(ADMIN)
    answerAll(stage, 'ACL LIST', '*1\r\n$1\r\nu\r\n')
    answerAll(stage, 'FUNCTION LIST', '*0\r\n')
    assert.equal(await text(stage, 'ACL', 'LIST'), '*1\r\n$1\r\nu\r\n')
    assert.equal(await text(stage, 'FUNCTION', 'LIST'), '*0\r\n')
    assert.equal(stage.cluster.nodes.flatMap(fromClients).length, 2)
    assert.equal(await text(stage, 'ACL', 'WHOAMI'), '$7\r\ndefault\r\n')
  })
})
