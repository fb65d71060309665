import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { findKeys } from '../../lib/command/keys.ts'
import type { CommandSpec } from '../../lib/command/spec.ts'
import { encodeReply, type ReplyValue, SimpleString } from '../../lib/resp/encode.ts'
import { argumentsOf, frameRequest, REQUEST, RequestReader } from '../../lib/resp/request-reader.ts'
import { type MergeContext, mergeReplies, policyOf } from '../../lib/router/merge.ts'
import { splitBySlot } from '../../lib/router/split.ts'

function specOf(name: string, catalogue = Catalogue.builtIn()): CommandSpec {
  const spec = catalogue.get(name)
  assert.ok(spec)
  return spec
}

const NAMES = ['a:1', 'b:1', 'c:1']

function merge(
  name: string,
  frames: readonly string[],
  context: Partial<MergeContext> = {}
): string {
  const policy = policyOf(specOf(name))
  assert.ok(policy)
  const replies = frames.map((frame) => Buffer.from(frame, 'latin1'))
  const full: MergeContext = {
    command: name,
    names: NAMES.slice(0, frames.length),
    protocol: 3,
    ...context,
  }
  return mergeReplies(policy, replies, full).toString('latin1')
}

describe('the policy of a command', () => {
  it('is what servers declare, or follows from where its keys are', () => {
    const rules = [
      'mget',
      'mset',
      'del',
      'exists',
      'dbsize',
      'keys',
      'script|exists',
      'script|kill',
      'wait',
      'flushall',
      'slowlog|get',
    ].map((name) => {
      const { rule, effects } = policyOf(specOf(name))!
      return `${name} ${rule}${effects ? ' with effects' : ''}`
    })
    assert.deepEqual(rules, [
      'mget ordered',
      'mset all_succeeded with effects',
      'del agg_sum with effects',
      'exists agg_sum',
      'dbsize agg_sum',
      'keys concatenated',
      'script|exists agg_logical_and',
      'script|kill one_succeeded',
      'wait agg_min',
      'flushall all_succeeded with effects',
      'slowlog|get concatenated',
    ])
  })

  it('is a sum for LATENCY RESET, which 7.0 declares wrongly', () => {
    assert.deepEqual(policyOf(specOf('latency|reset')), { rule: 'agg_sum', effects: true })
  })

  it('is none where servers say that it is special, or something that is not known', () => {
    assert.equal(policyOf(specOf('info')), undefined)
    const tips = ['request_policy:all_shards', 'response_policy:agg_median']
    const row = ['module.cmd', 1, ['readonly'], 0, 0, 0, [], tips, [], []]
    assert.equal(policyOf(specOf('module.cmd', Catalogue.builtIn().overlaid([row]))), undefined)
  })
})

describe('replies in the order of the keys', () => {
  it('are put where their keys stood, attributes of items included', () => {
    const parts = [{ keys: [0, 3] }, { keys: [2] }, { keys: [1, 4] }]
    const item = '|1\r\n+ttl\r\n:5\r\n$1\r\nd\r\n'
    const frames = [
      `*2\r\n$1\r\na\r\n${item}`,
      '|1\r\n+x\r\n:1\r\n*1\r\n_\r\n',
      '*2\r\n$1\r\nb\r\n$0\r\n\r\n',
    ]
    assert.equal(
      merge('mget', frames, { parts }),
      `*5\r\n$1\r\na\r\n$1\r\nb\r\n_\r\n${item}$0\r\n\r\n`
    )
  })

  it('are an error when a node answers another number of items, or no array', () => {
    const parts = [{ keys: [0] }, { keys: [1] }]
    const unfit = "-ERR the replies of the nodes to 'mget' do not fit together\r\n"
    for (const second of ['*0\r\n', '*2\r\n+a\r\n+b\r\n', '*-1\r\n', '+OK\r\n', '~1\r\n+a\r\n']) {
      assert.equal(merge('mget', ['*1\r\n+a\r\n', second], { parts }), unfit)
    }
    assert.equal(merge('mget', ['*1\r\n+a\r\n', '*1\r\n+a\r\n']), unfit)
  })

  it('are the first error when there is one, which names the node', () => {
    const parts = [{ keys: [0] }, { keys: [1] }, { keys: [2] }]
    const frames = ['*1\r\n+a\r\n', '-CLUSTERDOWN gone\r\n', '-ERR other\r\n']
    assert.equal(merge('mget', frames, { parts }), '-CLUSTERDOWN gone (from b:1)\r\n')
  })

  it('of 100,000 keys are merged in the time that the bytes take', () => {
    const total = 100_000
    const parts = Array.from({ length: 1000 }, (_, part) => ({
      keys: Array.from({ length: total / 1000 }, (__, i) => i * 1000 + part),
    }))
    const replies = parts.map(({ keys }) => encodeReply(keys.map(String), 2))
    const context = { command: 'mget', names: parts.map(() => 'a:1'), protocol: 2, parts } as const
    const started = process.cpuUsage()
    const merged = mergeReplies({ rule: 'ordered', effects: false }, replies, context)
    const { user, system } = process.cpuUsage(started)
    assert.deepEqual(
      merged,
      encodeReply(
        Array.from({ length: total }, (_, i) => String(i)),
        2
      )
    )
    assert.ok(user + system < 3e6, `${user + system} microseconds`)
  })
})

describe('replies end to end', () => {
  const cases: readonly (readonly [what: string, frames: readonly string[], result: string])[] = [
    [
      'arrays',
      ['*2\r\n+a\r\n*1\r\n:1\r\n', '*0\r\n', '*1\r\n_\r\n'],
      '*3\r\n+a\r\n*1\r\n:1\r\n_\r\n',
    ],
    ['sets', ['~1\r\n+a\r\n', '~1\r\n+b\r\n'], '~2\r\n+a\r\n+b\r\n'],
    [
      'maps',
      ['%1\r\n+a\r\n:1\r\n', '%2\r\n+b\r\n:2\r\n+c\r\n:3\r\n'],
      '%3\r\n+a\r\n:1\r\n+b\r\n:2\r\n+c\r\n:3\r\n',
    ],
    [
      'a set and an array, which make an array',
      ['~1\r\n+a\r\n', '*1\r\n+b\r\n'],
      '*2\r\n+a\r\n+b\r\n',
    ],
    [
      'arrays behind attributes and beside nulls',
      ['|1\r\n+x\r\n+y\r\n*1\r\n+a\r\n', '*-1\r\n', '_\r\n'],
      '*1\r\n+a\r\n',
    ],
    ['nulls alone, which stay null', ['*-1\r\n', '*-1\r\n'], '*-1\r\n'],
    ['equal texts, which stay one', ['+OK\r\n', '+OK\r\n', '_\r\n'], '+OK\r\n'],
    ['other texts, which make an array', ['+a\r\n', '$1\r\nb\r\n'], '*2\r\n+a\r\n$1\r\nb\r\n'],
  ]
  for (const [what, frames, result] of cases) {
    it(`make one: ${what}`, () => assert.equal(merge('keys', frames), result))
  }

  it('are an error when they are of different kinds', () => {
    const unfit = "-ERR the replies of the nodes to 'keys' do not fit together\r\n"
    assert.equal(merge('keys', ['*1\r\n+a\r\n', '+a\r\n']), unfit)
    assert.equal(merge('keys', ['*2\r\n+a\r\n+b\r\n', '%1\r\n+a\r\n+b\r\n']), unfit)
  })
})

describe('replies that all or one must succeed', () => {
  it('are the first one when all succeeded', () => {
    assert.equal(merge('mset', ['|1\r\n+a\r\n+b\r\n+OK\r\n', '+OK\r\n']), '+OK\r\n')
    assert.equal(merge('script|load', ['$1\r\na\r\n', '$1\r\na\r\n']), '$1\r\na\r\n')
  })

  it('are one error that tells who failed and who did not', () => {
    assert.equal(
      merge('flushall', ['+OK\r\n', '-CLUSTERDOWN gone\r\n', '+OK\r\n']),
      "-ERR partial failure of 'flushall': not applied by b:1 (CLUSTERDOWN gone); applied by a:1, c:1\r\n"
    )
    assert.match(merge('del', [':3\r\n', '-MISCONF x\r\n']), /^-ERR partial failure of 'del': not/)
    assert.match(merge('mset', ['+OK\r\n', '-UNCERTAIN x\r\n']), /^-UNCERTAIN partial .*on b:1/)
  })

  it('are one line even when an error has several', () => {
    const text = merge('mset', ['+OK\r\n', '!10\r\nERR a\r\nb\0c\r\n'])
    assert.match(text, /^-ERR partial .*\(ERR a {2}b\0c\); applied by a:1\r\n$/)
  })

  it('are the very error when all failed alike', () => {
    const error = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    assert.equal(merge('mset', [error, error, error]), error)
    assert.equal(merge('dbsize', [error, error, error]), error)
  })

  it('are a success when one succeeded and that is enough', () => {
    const idle = '-NOTBUSY No scripts in execution right now.\r\n'
    assert.equal(merge('script|kill', [idle, '+OK\r\n', '-ERR x\r\n']), '+OK\r\n')
    assert.equal(merge('script|kill', [idle, idle, idle]), idle)
    assert.equal(
      merge('function|kill', [idle, '-UNKILLABLE Sorry\r\n', idle]),
      '-UNKILLABLE Sorry (from b:1)\r\n'
    )
  })
})

describe('numbers of several nodes', () => {
  it('are aggregated as declared, and never in part', () => {
    assert.equal(merge('dbsize', [':1\r\n', ':2\r\n', ':3\r\n']), ':6\r\n')
    assert.equal(merge('wait', [':1\r\n', ':0\r\n', ':3\r\n'], { protocol: 2 }), ':0\r\n')
    assert.equal(merge('script|exists', ['*1\r\n:1\r\n', '*1\r\n:0\r\n']), '*1\r\n:0\r\n')
    assert.equal(merge('exists', [':1\r\n', '-LOADING x\r\n']), '-LOADING x (from b:1)\r\n')
    assert.equal(
      merge('dbsize', [':1\r\n', '+OK\r\n']),
      "-ERR the replies of the nodes to 'dbsize' do not fit together\r\n"
    )
    for (const rule of ['agg_max', 'agg_logical_or'] as const) {
      const replies = [Buffer.from(':0\r\n'), Buffer.from(':1\r\n')]
      const context = { command: 'x', names: NAMES, protocol: 2 } as const
      assert.equal(mergeReplies({ rule, effects: false }, replies, context).toString(), ':1\r\n')
    }
  })
})

describe('how many nodes there are', () => {
  it('does not matter when there is one: its reply is handed on untouched', () => {
    for (const frame of ['|1\r\n+a\r\n+b\r\n*1\r\n+x\r\n', '-ERR x\r\n', '*2\r\n_\r\n:1\r\n']) {
      assert.equal(merge('mget', [frame], { parts: [{ keys: [0] }] }), frame)
      assert.equal(merge('flushall', [frame]), frame)
    }
  })

  it('may not be none', () => {
    assert.equal(merge('keys', []), "-ERR no node answered 'keys'\r\n")
  })
})

/** What one server with this data answers; also changes the data. */
function execute(data: Map<string, string>, request: Buffer): ReplyValue {
  const reader = new RequestReader()
  reader.feed(request)
  assert.equal(reader.next(), REQUEST)
  const [name, ...args] = argumentsOf(reader.request).map((arg) => arg.toString('latin1'))
  switch (name) {
    case 'mget':
      return args.map((key) => data.get(key) ?? null)
    case 'mset':
      for (let i = 0; i < args.length; i += 2) data.set(args[i]!, args[i + 1]!)
      return new SimpleString('OK')
    case 'del':
      return args.filter((key) => data.delete(key)).length
    default:
      return args.filter((key) => data.has(key)).length
  }
}

describe('a request that is split and merged', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', '{a}1', '{b}1', '{a}2', '', 'x\r\n\0')
  const words = fc.oneof(
    fc
      .tuple(fc.constantFrom('mget', 'del', 'exists'), fc.array(key, { minLength: 1 }))
      .map(([name, keys]) => [name, ...keys]),
    fc
      .array(fc.tuple(key, fc.string({ unit: 'binary-ascii' })), { minLength: 1 })
      .map((pairs) => ['mset', ...pairs.flat()])
  )

  it('is answered, and leaves the data, as if it had been executed in one piece', () => {
    fc.assert(
      fc.property(
        fc.array(words, { maxLength: 8 }),
        fc.constantFrom(2, 3),
        (requests, protocol) => {
          const single = new Map<string, string>()
          const cluster = new Map<string, string>()
          for (const request of requests) {
            const view = frameRequest(request)
            const spec = specOf(request[0]!)
            const positions: number[] = []
            const parts = splitBySlot(view, spec, positions, findKeys(spec, view, positions))
            assert.ok(typeof parts !== 'string')
            // The order in which nodes carry their parts out is open; the last first is one of them.
            const replies = parts
              .map(({ bytes, start, end }) => bytes.subarray(start, end))
              .reverse()
              .map((bytes) => encodeReply(execute(cluster, bytes), protocol as 2 | 3))
              .reverse()
            const names = parts.map(({ slot }) => `node of ${slot}`)
            const context = { command: spec.name, names, protocol: protocol as 2 | 3, parts }
            const merged = mergeReplies(policyOf(spec)!, replies, context)
            assert.deepEqual(merged, encodeReply(execute(single, view.buffer), protocol as 2 | 3))
            assert.deepEqual(cluster, single)
          }
        }
      )
    )
  })
})
