import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProxyError } from '../lib/index.ts'
import { readChanges, readOptions } from '../lib/option-reader.ts'
import { optionTable } from '../lib/options.ts'
import { type ClusterProxyOptions, parseNodeAddress, type Settings } from '../lib/settings.ts'

const NODES = '127.0.0.1:7000'

function read(options: Record<string, unknown>): Settings {
  return readOptions({ nodes: NODES, ...options } as ClusterProxyOptions)
}

/** The message with which options are refused. */
function refusal(options: unknown): string {
  try {
    readOptions(options as ClusterProxyOptions)
  } catch (error) {
    assert.ok(error instanceof ProxyError)
    assert.equal(error.code, 'INVALID_OPTION')
    return error.message
  }
  return assert.fail('it was accepted')
}

test('each option that is not given has the default that the table tells', () => {
  const settings = readOptions({ nodes: NODES })
  for (const [name, spec] of Object.entries(optionTable)) {
    if (name === 'nodes') continue
    assert.equal(settings[name as keyof Settings], spec.default, name)
  }
  assert.deepEqual(Object.keys(settings).sort(), Object.keys(optionTable).sort())
})

test('the defaults are those that the documentation promises', () => {
  const { nodes, ...defaults } = readOptions({ nodes: NODES })
  assert.deepEqual(nodes, [{ host: '127.0.0.1', port: 7000 }])
  assert.deepEqual(
    { ...defaults },
    {
      natMap: undefined,
      announceMap: undefined,
      autoRedirect: true,
      credentials: undefined,
      nodeTls: undefined,
      tls: undefined,
      password: undefined,
      allowedNetworks: undefined,
      users: undefined,
      forwardAuth: undefined,
      authFailureDelay: 100,
      protectedMode: false,
      proxyProtocol: false,
      trustedProxies: [],
      resp3: true,
      clusterEmulation: true,
      announce: undefined,
      readFrom: 'master',
      readYourWrites: true,
      maxReplicaLag: 10_000,
      replicaCheckInterval: 1000,
      availabilityZone: undefined,
      crossSlot: false,
      coalesce: false,
      adminCommands: false,
      gatherMaxBytes: 67_108_864,
      multiplexing: true,
      privatePoolSize: 10,
      privatePoolPrefill: false,
      privatePoolMinSize: 10,
      privatePoolSpawnEvery: 50,
      privatePoolSpawnRate: 2,
      maxPrivateConnections: 5000,
      privateWait: 5000,
      transactionIdleTimeout: 60_000,
      trackingTableMaxKeys: 1_000_000,
      scriptCacheBytes: 16 * 1024 * 1024,
      refreshInterval: 30_000,
      refreshMinInterval: 100,
      connectTimeout: 2000,
      commandTimeout: 30_000,
      retryBudget: 5000,
      maxRedirects: 16,
      reconnectMinDelay: 50,
      reconnectMaxDelay: 2000,
      keepAlive: 300,
      maxClients: 10_000,
      maxPipeline: 1024,
      maxBulkLength: 536_870_912,
      clientOutputPause: 1_048_576,
      clientOutputLimit: 268_435_456,
      subscriberOutputLimit: 33_554_432,
      subscriberOutputSoftLimit: 8_388_608,
      subscriberOutputSoftTime: 60_000,
      onSubscriptionGap: 'keep',
      nodeOutputPause: 4_194_304,
      requestTimeout: 60_000,
      idleTimeout: 0,
      memoryLimit: 1_073_741_824,
      program: undefined,
    }
  )
})

test('each row has a default that its own check accepts, an expectation and a help line', () => {
  for (const [name, spec] of Object.entries(optionTable)) {
    assert.ok(spec.expected.length > 0 && spec.help.endsWith('.'), name)
    if (spec.default !== undefined) assert.equal(spec.check(spec.default), spec.default, name)
  }
})

test('limits of numbers are part of the range, and what lies beside them is not', () => {
  for (const [name, spec] of Object.entries(optionTable)) {
    const range = /^a whole number from (\d+) to (\d+)$/.exec(spec.expected)
    if (range === null) continue
    const [least, most] = [Number(range[1]), Number(range[2])]
    assert.equal(spec.check(least), least, name)
    assert.equal(spec.check(most), most, name)
    for (const wrong of [least - 1, most + 1, least + 0.5, Number.NaN, String(least), null])
      assert.equal(spec.check(wrong), undefined, `${name} ${wrong}`)
  }
})

const WRONG: readonly (readonly [name: string, value: unknown, shown: string])[] = [
  ['nodes', [], '[]'],
  ['nodes', 7000, '7000'],
  ['nodes', '127.0.0.1:0', '"127.0.0.1:0"'],
  ['nodes', ['127.0.0.1:7000', '127.0.0.1:65536'], '["127.0.0.1:7000","127.0.0.1:65536"]'],
  ['nodes', { host: '', port: 7000 }, '{"host":"","port":7000}'],
  ['nodes', { host: 'a' }, '{"host":"a"}'],
  ['nodes', { path: '' }, '{"path":""}'],
  ['natMap', 'a:1', '"a:1"'],
  ['natMap', { 'a:1': '' }, '{"a:1":""}'],
  ['natMap', { 'a:1': { host: 'b', port: 0 } }, '{"a:1":{"host":"b","port":0}}'],
  ['natMap', { '10.0.0.0/33': 'b' }, '{"10.0.0.0/33":"b"}'],
  ['natMap', { a: '10.0.0.0/8' }, '{"a":"10.0.0.0/8"}'],
  ['announceMap', ['a'], '["a"]'],
  ['autoRedirect', 'no', '"no"'],
  ['resp3', 1, '1'],
  ['clusterEmulation', null, 'null'],
  ['announce', '10.0.0.1:7000', '"10.0.0.1:7000"'],
  ['announce', { host: 'a', port: '1' }, '{"host":"a","port":"1"}'],
  ['refreshInterval', 99, '99'],
  ['connectTimeout', '2s', '"2s"'],
  ['retryBudget', -1, '-1'],
  ['maxRedirects', 0, '0'],
  ['maxClients', 0, '0'],
  ['maxPipeline', 1.5, '1.5'],
  ['memoryLimit', 10n, '10n'],
  ['idleTimeout', () => 5, 'a function'],
  ['keepAlive', Symbol('x'), 'Symbol(x)'],
]

test('a wrong value is refused with the name, the value and what was expected', () => {
  for (const [name, value, shown] of WRONG) {
    const message = refusal({ nodes: NODES, [name]: value })
    const { expected } = optionTable[name as keyof Settings]
    assert.equal(message, `option '${name}': got ${shown}, expected ${expected}`)
  }
})

test('a long value is shown shortened', () => {
  const message = refusal({ nodes: NODES, resp3: 'x'.repeat(1000) })
  assert.equal(message, `option 'resp3': got "${'x'.repeat(76)}..., expected true or false`)
})

test('a value that cannot be written as JSON is refused like any other', () => {
  const circular: Record<string, unknown> = {}
  circular.self = circular
  assert.match(
    refusal({ nodes: NODES, announce: circular }),
    /^option 'announce': got \[object Object\]/
  )
})

test('secrets are never shown', () => {
  const secret = 'tops3cret'
  const wrong: Record<string, unknown>[] = [
    { password: [secret] },
    { credentials: secret },
    { credentials: { username: [secret], password: secret } },
    { credentials: { user: 'a', pass: secret } },
    { tls: secret },
    { nodeTls: [secret] },
    { nodes: `redis://user:${secret}@127.0.0.1:7000` },
    { nodes: ['a:1', `rediss://:p@${secret}@127.0.0.1:7000`] },
  ]
  for (const options of wrong) {
    const message = refusal({ nodes: NODES, ...options })
    assert.doesNotMatch(message, new RegExp(secret))
    assert.match(message, /^option '\w+': got .+, expected .+/)
  }
})

test('an empty password is refused, since it would let everybody in', () => {
  assert.equal(
    refusal({ nodes: NODES, password: '' }),
    "option 'password': got '', expected a string that is not empty, or nothing to let every client in"
  )
})

test('an unknown option is refused with the names that there are', () => {
  const message = refusal({ nodes: NODES, maxClient: 5 })
  assert.match(
    message,
    /^option 'maxClient' is unknown, expected one of nodes, natMap, .*memoryLimit, program$/
  )
  for (const name of ['__proto__x', 'toString', 'constructor'])
    assert.match(refusal({ nodes: NODES, [name]: 1 }), new RegExp(`option '${name}' is unknown`))
})

test('options that are no object, or lack nodes, are refused', () => {
  for (const options of [undefined, null, 'a:1', ['a:1'], 5])
    assert.match(refusal(options), /^options: got .*, expected an object with at least 'nodes'$/)
  assert.equal(refusal({}), `option 'nodes': got undefined, expected ${optionTable.nodes.expected}`)
})

test('an option that is undefined counts as not given', () => {
  assert.equal(read({ maxClients: undefined }).maxClients, 10_000)
})

test('nodes may be given one by one, as a list, and in every form', () => {
  const list = ['a:1', { host: 'b', port: 2 }, '/run/redis.sock', { path: 'c.sock' }, ':3']
  assert.deepEqual(read({ nodes: list }).nodes, [
    { host: 'a', port: 1 },
    { host: 'b', port: 2 },
    { path: '/run/redis.sock' },
    { path: 'c.sock' },
    { host: '127.0.0.1', port: 3 },
  ])
  assert.deepEqual(read({ nodes: { host: '::1', port: 7000 } }).nodes, [
    { host: '::1', port: 7000 },
  ])
})

const ADDRESSES: readonly (readonly [text: string, address: unknown])[] = [
  ['127.0.0.1:7000', { host: '127.0.0.1', port: 7000 }],
  ['node.example.org:65535', { host: 'node.example.org', port: 65535 }],
  ['[::1]:7000', { host: '::1', port: 7000 }],
  ['::1:7000', { host: '::1', port: 7000 }],
  ['2001:db8::5:6379', { host: '2001:db8::5', port: 6379 }],
  [':7000', { host: '127.0.0.1', port: 7000 }],
  ['/var/run/redis.sock', { path: '/var/run/redis.sock' }],
  ['./a:1/redis.sock', { path: './a:1/redis.sock' }],
  ['redis.sock', { path: 'redis.sock' }],
  ['', undefined],
  ['a:', undefined],
  ['a:0', undefined],
  ['a:65536', undefined],
  ['a:123456', undefined],
  ['a:+1', undefined],
  ['a:1 ', undefined],
  ['a b:1', undefined],
  ['a\0:1', undefined],
  ['redis://127.0.0.1:7000', undefined],
]

test('addresses are read in all their forms', () => {
  for (const [text, address] of ADDRESSES) assert.deepEqual(parseNodeAddress(text), address, text)
})

test('maps of addresses are taken as tables and as functions', () => {
  const table = { '10.0.0.1:7000': 'a:1', '10.0.0.2': 'b', '10.1.0.0/16': '127.0.0.0/8' }
  const map = (): undefined => undefined
  for (const natMap of [table, map, {}, { a: { host: 'b' } }])
    assert.equal(read({ natMap }).natMap, natMap)
})

test('credentials are taken as they are, and as a function', () => {
  const provider = (): { password: string } => ({ password: 'x' })
  for (const credentials of [{ password: 'x' }, { username: 'u', password: 'x' }, provider])
    assert.equal(read({ credentials }).credentials, credentials)
})

test('what can change while the proxy runs is checked like the rest, whole or not at all', () => {
  assert.deepEqual(readChanges({ crossSlot: 'gather', maxClients: 5 }), {
    crossSlot: 'gather',
    maxClients: 5,
  })
  assert.deepEqual(readChanges({ crossSlot: undefined }), { crossSlot: false })
  for (const [changes, message] of [
    [{ maxClients: 0 }, /^option 'maxClients': got 0, expected a whole number from 1/],
    [
      { natMap: {} },
      /^option 'natMap' cannot change while the proxy runs, expected one of .*crossSlot/,
    ],
    [{ toString: 1 }, /^option 'toString' is unknown, expected one of /],
  ] as const) {
    assert.throws(() => readChanges(changes as Partial<ClusterProxyOptions>), {
      code: 'INVALID_OPTION',
      message,
    })
  }
})
