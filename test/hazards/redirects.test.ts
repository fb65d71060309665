import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, it } from 'node:test'
import type { FakeNode } from '../../lib/testing/index.ts'
import { questions, receivedBy, type Scene, type Stage, setStage, until } from './stage.ts'

/** Starts the migration of a key's slot from the first node to the second; the key itself has moved. */
function moveKey(stage: Stage, key: string): number {
  const slot = stage.cluster.slotOf(key)
  stage.cluster.setImporting(slot, 1)
  stage.cluster.setMigrating(slot, 1)
  stage.cluster.moveKeys(slot)
  return slot
}

/** Answers a command with bytes until told to end. */
const always = { times: Number.POSITIVE_INFINITY }

describe('MOVED', () => {
  it('E2.1 MOVED is followed, patches the map at once, is told, and never seen by the client', async () => {
    await using stage = await setStage({ options: { refreshMinInterval: 60_000 } })
    const redirects = stage.record('redirect')
    const changes = stage.record('topologyChange')
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    stage.cluster.execute('SET', key, 'x')
    stage.cluster.migrate(slot, 1)
    const client = await stage.client()
    assert.equal(await client.ask('GET', key), 'x')
    assert.equal(await client.ask('APPEND', key, 'y'), 2)
    assert.deepEqual(redirects, [
      { kind: 'moved', slot, from: stage.name(0), to: stage.name(1), command: 'get', attempt: 1 },
    ])
    assert.deepEqual(receivedBy(stage.cluster.nodes[0]!, 'GET', 'APPEND'), [`GET ${key}`])
    assert.equal(stage.proxy.stats().redirects, 1)
    assert.deepEqual(changes, [])
  })

  it('E2.1 MOVED to a node that is not in the map is followed there', async () => {
    await using stage = await setStage({ options: { refreshMinInterval: 60_000 } })
    const key = stage.keyOf(0)
    const added = await stage.cluster.addNode()
    stage.cluster.migrate(stage.cluster.slotOf(key), added)
    const client = await stage.client()
    assert.equal(await client.ask('SET', key, 'x'), 'OK')
    assert.deepEqual(receivedBy(added, 'SET'), [`SET ${key} x`])
  })

  it('E2.1 MOVED has the topology looked at, and its change is told once with what changed', async () => {
    await using stage = await setStage()
    const changes = stage.record('topologyChange')
    const [key, other] = stage.keysOf(0, 2)
    const client = await stage.client()
    for (const each of [key!, other!]) stage.cluster.migrate(stage.cluster.slotOf(each), 1)
    await client.ask('SET', key!, 'x')
    await until(stage.proxy, 'topologyChange', () => changes.length > 0)
    await stage.proxy.refresh()
    await stage.proxy.refresh()
    assert.equal(changes.length, 1)
    const { reason, slotsMoved, added, removed, promoted, before, after } = changes[0]!
    assert.deepEqual(
      { reason, slotsMoved, added, removed, promoted },
      { reason: 'redirect', slotsMoved: 2, added: [], removed: [], promoted: [] }
    )
    assert.equal(after.version, before.version + 1)
    assert.equal(stage.proxy.topology.version, after.version)
    const { length } = receivedBy(stage.cluster.nodes[0]!, 'SET')
    await client.ask('SET', other!, 'x')
    assert.equal(receivedBy(stage.cluster.nodes[0]!, 'SET').length, length)
  })

  it('E2.17 ten thousand MOVED at once lead to few questions', async () => {
    await using stage = await setStage({ cluster: { masters: 2 } })
    const client = await stage.client()
    const keys = Array.from({ length: 30_000 }, (_, i) => `k${i}`)
      .filter((key) => stage.cluster.owner(key) === stage.cluster.nodes[0])
      .slice(0, 10_000)
    await client.ask('GET', keys[0]!)
    for (let slot = 0; slot < 8192; slot++) stage.cluster.setSlot(slot, 1)
    const before = questions(stage.cluster)
    const frames = await client.pipeline(keys.map((key) => ['SET', key, 'x']))
    assert.ok(frames.every((frame) => String(frame) === '+OK\r\n'))
    await stage.proxy.refresh()
    const asked = questions(stage.cluster) - before
    assert.ok(asked >= 1 && asked <= 10, `asked ${asked} times`)
  })

  it('E2.28 MOVED to the node that sent it has its connection replaced, and is tried again', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    const client = await stage.client()
    await client.ask('GET', key)
    const { connection: stale } = node.received.at(-1)!
    const gone: number[] = []
    node.on('disconnect', (connection) => gone.push(connection))
    let last = 0
    node.on('command', ({ connection }) => {
      last = connection
    })
    // Only the old connection leads astray, as one through a load balancer does.
    node.answer(
      (command) => command[1] === key,
      () => (last === stale ? `-MOVED ${slot} ${node.address}\r\n` : undefined),
      always
    )
    const replies = client.pipeline([
      ['APPEND', key, 'a'],
      ['APPEND', key, 'b'],
      ['GET', key],
    ])
    assert.equal(String((await replies)[2]), '$2\r\nab\r\n')
    assert.ok(receivedBy(node, 'APPEND').length < 30)
    await until(node, 'disconnect', () => gone.includes(stale))
  })
})

describe('ASK', () => {
  it('E2.2 ASK is followed with ASKING in the same write, for this one command, and changes no map', async () => {
    await using stage = await setStage({ options: { refreshMinInterval: 60_000 } })
    const redirects = stage.record('redirect')
    const key = stage.keyOf(0)
    const slot = moveKey(stage, key)
    const client = await stage.client()
    assert.equal(await client.ask('SET', key, 'x'), 'OK')
    assert.equal(await client.ask('GET', key), 'x')
    const told = { kind: 'ask', slot, from: stage.name(0), to: stage.name(1), attempt: 1 }
    assert.deepEqual(redirects, [
      { ...told, command: 'set' },
      { ...told, command: 'get' },
    ])
    assert.deepEqual(receivedBy(stage.cluster.nodes[1]!, 'ASKING', 'SET', 'GET'), [
      'ASKING',
      `SET ${key} x`,
      'ASKING',
      `GET ${key}`,
    ])
    assert.deepEqual(receivedBy(stage.cluster.nodes[0]!, 'SET', 'GET'), [
      `SET ${key} x`,
      `GET ${key}`,
    ])
    assert.deepEqual(stage.cluster.violations, [])
  })

  it('E2.4 ASKING and its command are one unit when the connection is lost between them', async () => {
    await using stage = await setStage()
    const target = stage.cluster.nodes[1]!
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'x')
    moveKey(stage, key)
    const client = await stage.client()
    target.dropConnections({ before: 'execution', when: 'ASKING' })
    assert.equal(await client.ask('GET', key), 'x')
    target.dropConnections({ after: 'execution', when: 'ASKING' })
    assert.equal(await client.ask('GET', key), 'x')
    target.dropConnections({ after: 'execution', when: 'ASKING' })
    assert.match(String(await client.call('APPEND', key, 'y')), /^-UNCERTAIN /)
    assert.equal(await client.ask('GET', key), 'x')
    assert.deepEqual(stage.cluster.violations, [])
  })

  it('E2.2 an error in reply to ASKING is swallowed: the reply to the command says what matters', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    moveKey(stage, key)
    stage.cluster.nodes[1]!.answer('ASKING', '-ERR no\r\n')
    const client = await stage.client()
    // The node took no notice of ASKING, so it sends the command back to the owner, which sends it on again.
    assert.equal(await client.ask('SET', key, 'x'), 'OK')
  })
})

describe('chains of redirects', () => {
  it('E2.3 ASK, MOVED and ASK are followed one after the other', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const redirects = stage.record('redirect')
    const [first, second, third] = stage.cluster.nodes as [FakeNode, FakeNode, FakeNode]
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    stage.cluster.migrate(slot, 2)
    first.answer('SET', `-ASK ${slot} ${second.address}\r\n`)
    second.answer('SET', `-MOVED ${slot} ${third.address}\r\n`)
    third.answer('SET', `-ASK ${slot} ${second.address}\r\n`)
    second.answer('SET', `-MOVED ${slot} ${third.address}\r\n`)
    const client = await stage.client()
    assert.equal(await client.ask('SET', key, 'x'), 'OK')
    assert.deepEqual(
      redirects.map(({ kind, to, attempt }) => ({ kind, to, attempt })),
      [
        { kind: 'ask', to: second.address, attempt: 1 },
        { kind: 'moved', to: third.address, attempt: 2 },
        { kind: 'ask', to: second.address, attempt: 3 },
        { kind: 'moved', to: third.address, attempt: 4 },
      ]
    )
  })

  it('E2.3 two nodes that point at each other end in an error that names the last redirect', async () => {
    await using stage = await setStage({ options: { maxRedirects: 6 } })
    const redirects = stage.record('redirect')
    const [first, second] = stage.cluster.nodes as [FakeNode, FakeNode]
    const [key, other] = stage.keysOf(0, 2)
    const slot = stage.cluster.slotOf(key!)
    first.answer('SET', `-MOVED ${slot} ${second.address}\r\n`, always)
    second.answer('SET', `-MOVED ${slot} ${first.address}\r\n`, always)
    const client = await stage.client()
    const loop = client.call('SET', key!, 'x')
    assert.equal(String(await (await stage.client()).call('GET', other!)), '$-1\r\n')
    assert.equal(
      String(await loop),
      `-ERR Too many cluster redirections. Last: MOVED ${slot} ${second.address}\r\n`
    )
    assert.equal(redirects.length, 6)
    assert.equal(receivedBy(first, 'SET').length + receivedBy(second, 'SET').length, 7)
  })

  it('E2.3 two nodes that ask for each other do so without end too', async () => {
    await using stage = await setStage({ options: { maxRedirects: 5 } })
    const [first, second] = stage.cluster.nodes as [FakeNode, FakeNode]
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    first.answer('GET', `-ASK ${slot} ${second.address}\r\n`, always)
    second.answer('GET', `-ASK ${slot} ${first.address}\r\n`, always)
    const client = await stage.client()
    assert.match(
      String(await client.call('GET', key)),
      /^-ERR Too many cluster redirections\. Last: ASK /
    )
  })

  it('E2.3 redirects after the third are delayed, so that a loop does not spin', async () => {
    await using stage = await setStage({ options: { maxRedirects: 16 } })
    const redirects = stage.record('redirect')
    const [first, second] = stage.cluster.nodes as [FakeNode, FakeNode]
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    first.answer('SET', `-MOVED ${slot} ${second.address}\r\n`, always)
    const back = second.answer('SET', `-MOVED ${slot} ${first.address}\r\n`, always)
    const client = await stage.client()
    const begun = performance.now()
    const reply = client.call('SET', key, 'x')
    await until(stage.proxy, 'redirect', () => redirects.length === 8)
    // Three redirects are followed at once, the next four after at least 10, 20, 40 and 80 ms: timers count from when their turn of
    // the event loop began, so on a busy machine part of that is over already. A loop that spins takes a few milliseconds.
    assert.ok(performance.now() - begun >= 75)
    back.remove()
    stage.cluster.migrate(slot, 1)
    assert.equal(String(await reply), '+OK\r\n')
  })

  it('E2.23 commands of one pipeline over many slots are redirected each on its own', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const keys = [0, 1, 2].flatMap((node) => stage.keysOf(node, 10))
    for (const key of keys) stage.cluster.execute('SET', key, key)
    for (const [i, key] of keys.entries()) {
      const slot = stage.cluster.slotOf(key)
      const to = (stage.cluster.nodes.indexOf(stage.cluster.owner(key)) + 1) % 3
      if (i % 3 === 0) stage.cluster.migrate(slot, to)
      if (i % 3 !== 1) continue
      stage.cluster.setImporting(slot, to)
      stage.cluster.setMigrating(slot, to)
      stage.cluster.moveKeys(slot)
    }
    const client = await stage.client()
    const frames = await client.pipeline(keys.map((key) => ['GET', key]))
    assert.deepEqual(
      frames.map((frame) => String(frame).split('\r\n')[1]),
      keys
    )
  })
})

describe('what is no redirect', () => {
  const texts = [
    'MOVED 16384 127.0.0.1:7000',
    'MOVED -1 127.0.0.1:7000',
    'MOVED __proto__ 127.0.0.1:7000',
    'MOVED x 127.0.0.1:7000',
    'MOVED 1e3 127.0.0.1:7000',
    'MOVED 012 127.0.0.1:7000',
    'MOVED SLOT',
    'MOVED SLOT 127.0.0.1',
    'MOVED SLOT 127.0.0.1:',
    'MOVED SLOT 127.0.0.1:0',
    'MOVED SLOT 127.0.0.1:65536',
    'MOVED SLOT 127.0.0.1:port',
    'MOVED SLOT 127.0.0.1:7000 extra',
    'MOVED  SLOT 127.0.0.1:7000',
    'MOVED',
    'MOVEDX SLOT 127.0.0.1:7000',
    'moved SLOT 127.0.0.1:7000',
    'ASK SLOT',
    'ASK 99999 127.0.0.1:7000',
    'ASKING SLOT 127.0.0.1:7000',
    // Well made, but for another slot than that of the command.
    'MOVED OTHER 127.0.0.1:7000',
    'ASK OTHER 127.0.0.1:7000',
    'ERR Script attempted to access a non local key in a cluster node',
  ]

  for (const pattern of texts) {
    it(`E2.29 '${pattern}' is passed on as it is, and changes nothing`, async () => {
      await using stage = await setStage()
      const redirects = stage.record('redirect')
      const key = stage.keyOf(0)
      const slot = stage.cluster.slotOf(key)
      const text = pattern.replace('SLOT', String(slot)).replace('OTHER', String(slot + 1))
      const { topology } = stage.proxy
      stage.cluster.nodes[0]!.answer('SET', `-${text}\r\n`)
      const client = await stage.client()
      assert.equal(String(await client.call('SET', key, 'x')), `-${text}\r\n`)
      assert.equal(await client.ask('SET', key, 'x'), 'OK')
      assert.equal(stage.cluster.execute('GET', key), 'x')
      assert.deepEqual(redirects, [])
      assert.equal(stage.proxy.topology, topology)
    })
  }

  it('E2.27 the text of a redirect is data in a bulk string, in a simple string and inside of an array', async () => {
    await using stage = await setStage()
    const redirects = stage.record('redirect')
    const key = stage.keyOf(0)
    const text = `MOVED ${stage.cluster.slotOf(key)} ${stage.name(1)}`
    const client = await stage.client()
    const node = stage.cluster.nodes[0]!
    const replies = [
      `$${text.length}\r\n${text}\r\n`,
      `+${text}\r\n`,
      `*2\r\n-${text}\r\n:1\r\n`,
      `*1\r\n*1\r\n-${text.replace('MOVED', 'ASK')}\r\n`,
    ]
    for (const reply of replies) {
      node.answer('EVAL', reply)
      assert.equal(String(await client.call('EVAL', 'return 1', '1', key)), reply)
    }
    assert.deepEqual(redirects, [])
  })

  it('E2.22 an error inside of a script about a key elsewhere is passed on', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const text =
      '-ERR Script attempted to access a non local key in a cluster node script: 1b2, on @user_script:1.\r\n'
    stage.cluster.nodes[0]!.answer('EVAL', text)
    const client = await stage.client()
    assert.equal(String(await client.call('EVAL', "return redis.call('GET', 'x')", '1', key)), text)
    assert.equal(receivedBy(stage.cluster.nodes[0]!, 'EVAL').length, 1)
  })
})

describe('addresses of redirects', () => {
  const hosts: { title: string; host: string | null; scene?: Scene }[] = [
    { title: 'none: that of the node that answered', host: null },
    { title: "'?': that of the node that answered", host: '?' },
    { title: 'a name', host: 'localhost' },
  ]
  const hasIpv6 = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === '::1')
  if (hasIpv6) hosts.push({ title: 'IPv6', host: '::1', scene: { cluster: { host: '::1' } } })

  for (const { title, host, scene } of hosts) {
    it(`E2.6 the host of MOVED, ASK and the topology may be ${title}`, async () => {
      await using stage = await setStage({
        ...scene,
        cluster: { ...scene?.cluster, announce: () => ({ host }) },
      })
      const redirects = stage.record('redirect')
      const [moved, asked] = stage.keysOf(0, 2)
      const { port } = stage.cluster.nodes[1]!
      const known = host === null || host === '?' ? '127.0.0.1' : host
      assert.deepEqual(
        stage.proxy.topology.nodes.map(({ address }) => address),
        stage.cluster.nodes.map((node) => `${known}:${node.port}`)
      )
      stage.cluster.migrate(stage.cluster.slotOf(moved!), 1)
      moveKey(stage, asked!)
      const client = await stage.client()
      assert.equal(await client.ask('SET', moved!, 'm'), 'OK')
      assert.equal(await client.ask('SET', asked!, 'a'), 'OK')
      assert.deepEqual(
        redirects.map(({ kind, to }) => [kind, to]),
        [
          ['moved', `${known}:${port}`],
          ['ask', `${known}:${port}`],
        ]
      )
      assert.deepEqual(stage.errors, [])
    })
  }

  for (const form of ['object', 'host only', 'function'] as const) {
    it(`E2.7 natMap as ${form} leads the topology, MOVED and ASK to where nodes can be reached`, async () => {
      const ports = new Map<string, number>()
      const announced = (i: number): string => `10.255.0.${i}`
      const find = (host: string): { host: string; port: number } | undefined => {
        const port = ports.get(host)
        return port === undefined ? undefined : { host: '127.0.0.1', port }
      }
      const entries = [0, 1].map((i) => {
        const key = form === 'object' ? `${announced(i)}:6379` : announced(i)
        const target = { host: '127.0.0.1' } as { host: string; port: number }
        Object.defineProperty(target, 'port', {
          get: () => ports.get(announced(i)) ?? 1,
          enumerable: true,
        })
        return [key, target] as const
      })
      await using stage = await setStage({
        cluster: {
          announce: (i, real) => {
            ports.set(announced(i), real.port)
            return { host: announced(i), port: 6379 }
          },
        },
        options: { natMap: form === 'function' ? find : Object.fromEntries(entries) },
      })
      const [moved, asked] = stage.keysOf(0, 2)
      stage.cluster.migrate(stage.cluster.slotOf(moved!), 1)
      moveKey(stage, asked!)
      const client = await stage.client()
      assert.equal(await client.ask('SET', moved!, 'm'), 'OK')
      assert.equal(await client.ask('SET', asked!, 'a'), 'OK')
      assert.deepEqual(
        stage.proxy.topology.nodes.map(({ address }) => address),
        stage.cluster.addresses
      )
      assert.deepEqual(stage.errors, [])
    })
  }
})
