import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, it, test } from 'node:test'
import { createClusterProxy } from '../../../lib/index.ts'
import { createFakeCluster } from '../../../lib/testing/index.ts'
import { next, startProxied } from '../../support/proxied-cluster.ts'
import { connect } from '../../support/raw-client.ts'
import { decodeReply } from '../../support/resp-frame.ts'
import { LocalSide } from './local-call.ts'

const BAD = (words: string) =>
  `-ERR Unknown subcommand or wrong number of arguments for 'PROXY ${words}'. Try PROXY HELP\r\n`

describe('PROXY without a program around it', () => {
  it('refuses what is unknown or has the wrong number of arguments, in the words of the official proxy', async () => {
    const side = new LocalSide()
    assert.equal(await side.text('PROXY'), "-ERR wrong number of arguments for 'proxy' command\r\n")
    for (const words of [
      ['FOO'],
      ['MULTIPLEXING'],
      ['MULTIPLEXING', 'ON'],
      ['CONFIG'],
      ['CONFIG', 'GET'],
      ['CONFIG', 'SET', 'log-level'],
      ['INFO', 'nothing'],
      ['COMMAND', 'nothing'],
      ['CLIENT'],
      ['CLIENT', 'ID', 'x'],
      ['CLUSTER', 'nothing'],
      ['DEBUG'],
      ['LOG'],
      ['LOG', 'info', 'a', 'b'],
      ['PING', 'x'],
      ['EXPLAIN'],
      ['TOPOLOGY'],
    ]) {
      assert.equal(await side.text('PROXY', ...words), BAD(words[0]!), words.join(' '))
    }
  })

  it('answers PING, and quotes bytes as they are', async () => {
    const side = new LocalSide()
    assert.equal(await side.text('PROXY', 'ping'), '+PONG\r\n')
    assert.equal(await side.text('proxy', 'a\r\nb'), BAD('a  b'))
  })

  it('helps at each level with lines that are statuses', async () => {
    const side = new LocalSide()
    const lines = (await side.text('PROXY', 'HELP'))!.split('\r\n').slice(1)
    assert.equal(lines[0], '+PROXY <subcommand> arg arg ... arg')
    const order = lines.slice(1, 11).map((line) => /^\+([A-Z]+(?: [GS]ET)?)/.exec(line)?.[1])
    assert.deepEqual(order, [
      'INFO',
      'CONFIG GET',
      'CONFIG SET',
      'MULTIPLEXING',
      'COMMAND',
      'CLIENT',
      'CLUSTER',
      'DEBUG',
      'SHUTDOWN',
      'LOG',
    ])
    assert.match(
      (await side.text('PROXY', 'CLIENT', 'HELP'))!,
      /^\*3\r\n\+PROXY CLIENT <subcommand> \[arg arg \.\.\. arg\]\r\n\+ID -- .*\r\n\+THREAD -- /
    )
    assert.match(
      (await side.text('PROXY', 'CLUSTER', 'HELP'))!,
      /\r\n\+-,INFO.*\r\n\+STATUS.*\r\n\+CONNECTION.*\r\n\+NODES.*\r\n\+UPDATE/
    )
    for (const word of ['CONFIG', 'MULTIPLEXING', 'DEBUG', 'TOPOLOGY']) {
      assert.match(
        (await side.text('PROXY', word, 'HELP'))!,
        new RegExp(`^\\*\\d\r\n\\+PROXY ${word} `)
      )
    }
  })

  it('tells the client its thread and id', async () => {
    const side = new LocalSide()
    assert.equal(await side.text('PROXY', 'CLIENT', 'ID'), '+0:1\r\n')
    assert.equal(await side.text('PROXY', 'CLIENT', 'THREAD'), ':0\r\n')
    assert.equal(await side.text('PROXY', 'MULTIPLEXING', 'STATUS'), '$2\r\non\r\n')
    assert.equal(await side.text('PROXY', 'MULTIPLEXING', 'OFF'), '+OK\r\n')
    assert.equal(await side.text('PROXY', 'MULTIPLEXING', 'STATUS'), '$3\r\noff\r\n')
  })

  it('refuses what only a program can do', async () => {
    const side = new LocalSide()
    assert.match(
      (await side.text('PROXY', 'SHUTDOWN'))!,
      /^-ERR PROXY SHUTDOWN is up to the application/
    )
    assert.match(
      (await side.text('PROXY', 'CONFIG', 'RELOAD'))!,
      /^-ERR PROXY CONFIG RELOAD is up to/
    )
    for (const words of [['SEGFAULT'], ['ASSERT'], ['KILL', 'SELF'], ['KILL', 'nobody']]) {
      assert.match(
        (await side.text('PROXY', 'DEBUG', ...words))!,
        /^-ERR PROXY DEBUG command not allowed/
      )
    }
    assert.equal(side.client.ended, 'no')
  })

  it('takes log messages of up to 4096 bytes, at levels that exist', async () => {
    const side = new LocalSide()
    const logged: string[] = []
    side.services.admin = {
      ...side.services.admin,
      program: { log: (level, message) => logged.push(`${level} ${message}`) },
    }
    assert.equal(await side.text('PROXY', 'LOG', 'one'), '+OK\r\n')
    assert.equal(await side.text('PROXY', 'LOG', 'Warning', 'two\nlines'), '+OK\r\n')
    assert.equal(await side.text('PROXY', 'LOG', 'x'.repeat(4096)), '+OK\r\n')
    assert.equal(
      await side.text('PROXY', 'LOG', 'x'.repeat(4097)),
      '-ERR Log message too long!\r\n'
    )
    assert.equal(
      await side.text('PROXY', 'LOG', 'loud', 'x'),
      '-ERR Invalid log level, valid level names: debug, info, success, warning, error\r\n'
    )
    assert.deepEqual(logged.slice(0, 2), ['debug one', 'warning two lines'])
    assert.equal(logged.length, 3)
  })

  it('shuts down without a reply, in one of two ways', async () => {
    for (const [words, asap] of [
      [[], false],
      [['asap'], true],
    ] as const) {
      const side = new LocalSide()
      const how: boolean[] = []
      side.services.admin = {
        ...side.services.admin,
        program: { shutdown: (now) => how.push(now) },
      }
      assert.equal(await side.text('PROXY', 'SHUTDOWN', ...words), undefined)
      assert.deepEqual([how, side.client.ended], [[asap], 'after replies'])
      assert.equal(await side.text('PROXY', 'SHUTDOWN', 'later'), BAD('SHUTDOWN'))
    }
  })

  it('lets DEBUG end the process where the program allows it', async () => {
    const side = new LocalSide()
    const signals: unknown[] = []
    const sent = (count: number) =>
      new Promise<void>((resolve) => {
        const look = () => (signals.length >= count ? resolve() : setImmediate(look))
        look()
      })
    side.services.admin = {
      ...side.services.admin,
      program: { kill: (signal) => signals.push(signal) },
    }
    for (const words of [
      ['SEGFAULT'],
      ['ASSERT'],
      ['KILL', 'main'],
      ['KILL', '0', 'int'],
      ['KILL', 'SELF', '9'],
    ])
      assert.equal(await side.text('PROXY', 'DEBUG', ...words), '+OK\r\n')
    await sent(5)
    assert.deepEqual(signals, ['SIGSEGV', 'SIGABRT', 'SIGTERM', 'SIGINT', 9])
    assert.equal(await side.text('PROXY', 'DEBUG', 'KILL', '7'), '-ERR Invalid thread id\r\n')
    for (const signal of ['HUP', '0', '32', '-1'])
      assert.equal(
        await side.text('PROXY', 'DEBUG', 'KILL', 'SELF', signal),
        '-ERR Invalid signal\r\n'
      )
  })
})

describe('PROXY CONFIG', () => {
  it('gives pairs of name and value: integers for numbers and switches', async () => {
    const side = new LocalSide()
    assert.equal(
      await side.text('PROXY', 'CONFIG', 'GET', 'enable-cross-slot'),
      '*2\r\n+enable-cross-slot\r\n:0\r\n'
    )
    assert.equal(await side.text('PROXY', 'CONFIG', 'GET', 'THREADS'), '*2\r\n+threads\r\n:1\r\n')
    assert.equal(
      await side.text('PROXY', 'CONFIG', 'GET', 'maxclients'),
      '*2\r\n+maxclients\r\n:10000\r\n'
    )
    assert.equal(
      await side.text('PROXY', 'CONFIG', 'GET', 'availability-zone'),
      '*2\r\n+availability-zone\r\n$-1\r\n'
    )
    side.session.protocol = 3
    assert.equal(
      await side.text('PROXY', 'CONFIG', 'GET', 'max-r*'),
      '%2\r\n+max-redirects\r\n:16\r\n+max-replica-lag\r\n:10000\r\n'
    )
    assert.equal(await side.text('PROXY', 'CONFIG', 'GET', 'x*'), '%0\r\n')
  })

  it("gives the program's own: log-level as the bare word, bind as a list", async () => {
    const side = new LocalSide()
    side.services.admin = {
      ...side.services.admin,
      program: {
        settings: [
          {
            name: 'log-level',
            get: () => 'info',
            set: (level) => (level === 'debug' ? undefined : 'ERR Invalid log-level'),
          },
          { name: 'bind', get: () => ['127.0.0.1', '::1'] },
          { name: 'pidfile', get: () => undefined },
        ],
      },
    }
    assert.equal(await side.text('PROXY', 'CONFIG', 'GET', 'log-level'), '+info\r\n')
    assert.equal(
      await side.text('PROXY', 'CONFIG', 'GET', 'bind'),
      '*2\r\n+bind\r\n*2\r\n+127.0.0.1\r\n+::1\r\n'
    )
    assert.equal(await side.text('PROXY', 'CONFIG', 'GET', 'pidfile'), '*2\r\n+pidfile\r\n$-1\r\n')
    assert.equal(await side.text('PROXY', 'CONFIG', 'SET', 'log-level', 'debug'), '+OK\r\n')
    assert.equal(
      await side.text('PROXY', 'CONFIG', 'SET', 'log-level', 'loud'),
      '-ERR Invalid log-level\r\n'
    )
    assert.equal(
      await side.text('PROXY', 'CONFIG', 'SET', 'pidfile', 'x'),
      '-ERR This config option is read-only\r\n'
    )
  })

  it('tells no secret, and refuses what is unknown', async () => {
    const side = new LocalSide()
    Object.assign(side.services.admin.settings, {
      password: 'secret',
      credentials: { password: 'secret' },
      tls: { key: 'secret' },
    })
    assert.doesNotMatch((await side.text('PROXY', 'CONFIG', 'GET', '*'))!, /secret/)
    assert.doesNotMatch((await side.text('PROXY', 'INFO'))!, /secret/)
    for (const name of ['password', 'credentials', 'auth', 'port', 'nothing']) {
      assert.equal(
        await side.text('PROXY', 'CONFIG', 'GET', name),
        '-ERR Invalid config option\r\n'
      )
      assert.equal(
        await side.text('PROXY', 'CONFIG', 'SET', name, '1'),
        '-ERR Invalid config option\r\n'
      )
    }
  })

  it('refuses values of enable-cross-slot that mean nothing', async () => {
    const side = new LocalSide()
    assert.equal(
      await side.text('PROXY', 'CONFIG', 'SET', 'enable-cross-slot', '2'),
      "-ERR Maximum value for 'enable-cross-slot' is 1\r\n"
    )
    assert.match(
      (await side.text('PROXY', 'CONFIG', 'SET', 'enable-cross-slot', 'maybe'))!,
      /^-ERR Invalid value/
    )
  })

  it('bounds the size and the pace of the private pool', async () => {
    const side = new LocalSide()
    const set = (value: string) =>
      side.text('PROXY', 'CONFIG', 'SET', 'connections-pool-size', value)
    assert.equal(await set('51'), "-ERR Maximum value for 'connections-pool-size' is 50\r\n")
    assert.match((await set('some'))!, /^-ERR Invalid value for 'connections-pool-size': expected/)
  })

  it('tells what a reload changed, or why nothing was', async () => {
    const side = new LocalSide()
    const { admin } = side.services
    side.services.admin = {
      ...admin,
      program: { reload: async () => ({ changed: ['maxclients'], needsRestart: ['port'] }) },
    }
    assert.equal(
      await side.text('PROXY', 'CONFIG', 'RELOAD'),
      '*4\r\n+changed\r\n*1\r\n$10\r\nmaxclients\r\n+needs-restart\r\n*1\r\n$4\r\nport\r\n'
    )
    side.services.admin = { ...admin, program: { reload: () => Promise.reject('no') } }
    assert.equal(await side.text('PROXY', 'CONFIG', 'RELOAD'), '-ERR nothing was changed: no\r\n')
  })
})

const INFO_FIELDS = [
  '# Proxy',
  ...['proxy_version', 'proxy_git_sha1', 'proxy_git_dirty', 'proxy_git_branch', 'os'],
  ...['arch_bits', 'multiplexing_api', 'gcc_version', 'process_id', 'threads', 'tcp_port'],
  ...['uptime_in_seconds', 'uptime_in_days', 'config_file', 'acl_user', 'unix_socket'],
  'unix_socket_permissions',
  '# Memory',
  ...['used_memory', 'used_memory_human', 'total_system_memory', 'total_system_memory_human'],
  '# Clients',
  ...['connected_clients', 'max_clients', 'thread_0_clinets', 'thread_0_clients'],
  '# Cluster',
  ...['address', 'entry_node'],
]

test('PROXY INFO has every field of the official proxy in its order, by section too', async () => {
  const side = new LocalSide()
  side.session.protocol = 3
  const text = (await side.text('PROXY', 'INFO'))!
  assert.match(text, /^=\d+\r\ntxt:# Proxy\r\n/)
  const names = text
    .slice(text.indexOf('#'))
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^([a-z]\w*):.*$/, '$1'))
  assert.deepEqual(names, INFO_FIELDS)
  assert.match(text, /tcp_port:7777\r\n/)
  assert.match(text, /proxy_version:\d+\.\d+\.\d+\r\n/)
  side.session.protocol = 2
  assert.match(
    (await side.text('PROXY', 'INFO', 'cluster'))!,
    /^\$\d+\r\n# Cluster\r\naddress:127\.0\.0\.1:7000\r\nentry_node:127\.0\.0\.1:7000\r\n\r\n$/
  )
  for (const every of ['default', 'all', 'ALL']) {
    assert.match((await side.text('PROXY', 'INFO', every))!, /# Proxy[\s\S]*# Cluster/)
  }
})

describe('PROXY before a cluster', () => {
  it('shows the cluster in the shape of the official proxy, in both protocols', async () => {
    await using stage = await startProxied({ cluster: { masters: 2, replicas: 1 } })
    const client = await stage.connect()
    const reply = await client.ask('PROXY', 'CLUSTER')
    assert.ok(Array.isArray(reply))
    const [a, status, b, connection, c, nodes] = reply as unknown[]
    assert.deepEqual(
      [a, status, b, connection, c],
      ['status', 'updated', 'connection', 'shared', 'nodes']
    )
    const rows = nodes as unknown[][]
    assert.equal(rows.length, 2)
    for (const [index, row] of rows.entries()) {
      const names = row.filter((_, at) => at % 2 === 0)
      assert.deepEqual(names, ['name', 'ip', 'port', 'slots', 'replicas', 'connected'])
      const values = row.filter((_, at) => at % 2 === 1)
      const { id, address } = stage.cluster.masters[index]!
      assert.deepEqual(values.slice(0, 5), [
        id,
        '127.0.0.1',
        Number(address.split(':')[1]),
        8192,
        1,
      ])
      assert.ok(values[5] === 0 || values[5] === 1)
    }
    assert.deepEqual(await client.ask('PROXY', 'CLUSTER', 'INFO'), reply)
    assert.equal(
      (await client.call('PROXY', 'CLUSTER', 'STATUS')).toString(),
      '*2\r\n+status\r\n+updated\r\n'
    )
    assert.equal(
      (await client.call('PROXY', 'CLUSTER', 'CONNECTION')).toString(),
      '*2\r\n+connection\r\n+shared\r\n'
    )
    assert.match(
      (await client.call('PROXY', 'CLUSTER', 'NODES')).toString(),
      /^\*2\r\n\+nodes\r\n\*2\r\n\*12\r\n\+name\r\n\+[0-9a-f]{40}\r\n\+ip\r\n/
    )
    assert.equal((await client.call('PROXY', 'CLUSTER', 'UPDATE')).toString(), '+done\r\n')
    await client.call('HELLO', '3')
    assert.match(
      (await client.call('PROXY', 'CLUSTER')).toString(),
      /^%3\r\n\+status\r\n\+updated\r\n/
    )
  })

  it('has no good word for a cluster that was never reached, whether it is being asked or not', async (t) => {
    // It takes connections and says nothing, so that the proxy keeps asking.
    const silent = createServer((socket) => socket.unref())
      .listen(0, '127.0.0.1')
      .unref()
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const proxy = createClusterProxy({ nodes: `127.0.0.1:${port}` }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    t.after(() => proxy.shutdown({ timeout: 0 }))
    const client = await connect((proxy.address() as AddressInfo).port)
    proxy.refresh().catch(() => {})
    await once(silent, 'connection')
    assert.deepEqual(await client.ask('PROXY', 'CLUSTER', 'STATUS'), ['status', 'broken'])
  })

  it('says so of a cluster that does not answer any more, also while it is asked again', async () => {
    await using stage = await startProxied()
    const other = await stage.connect()
    assert.deepEqual(await other.ask('PROXY', 'CLUSTER', 'STATUS'), ['status', 'updated'])
    await stage.cluster.close()
    await stage.proxy.refresh().catch(() => {})
    const [status] = await Promise.all([
      other.ask('PROXY', 'CLUSTER', 'STATUS'),
      stage.proxy.refresh().catch(() => {}),
    ])
    assert.deepEqual(status, ['status', 'broken'])
  })

  it('tells which entry point is reached', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const [address] = cluster.addresses
    await using stage = await startProxied({ options: { nodes: ['127.0.0.1:1', address!] } })
    const info = String(await (await stage.connect()).ask('PROXY', 'INFO', 'cluster'))
    assert.equal(info, `# Cluster\r\naddress:127.0.0.1:1,${address}\r\nentry_node:${address}\r\n`)
    // Also by a name that no node announces, to which nothing is connected any more.
    const named = `localhost:${address!.split(':')[1]}`
    await using other = await startProxied({ options: { nodes: ['127.0.0.1:1', named] } })
    await other.proxy.refresh()
    const told = String(await (await other.connect()).ask('PROXY', 'INFO', 'cluster'))
    assert.match(told, new RegExp(`entry_node:${named}\r\n`))
  })

  it('switches cross-slot commands on while it runs', async () => {
    await using stage = await startProxied()
    const client = await stage.connect()
    assert.match(
      (await client.call('MSET', 'a', '1', 'b', '2')).toString(),
      /^-ERR Cross-slot queries are disabled/
    )
    assert.equal(
      (await client.call('PROXY', 'CONFIG', 'SET', 'enable-cross-slot', '1')).toString(),
      '+OK\r\n'
    )
    assert.equal(await client.ask('MSET', 'a', '1', 'b', '2'), 'OK')
    assert.deepEqual(await client.ask('PROXY', 'CONFIG', 'GET', 'enable-cross-slot'), [
      'enable-cross-slot',
      1,
    ])
    assert.equal(await client.ask('PROXY', 'CONFIG', 'SET', 'enable-cross-slot', '0'), 'OK')
    assert.match(
      (await client.call('MGET', 'a', 'b')).toString(),
      /^-ERR Cross-slot queries are disabled/
    )
  })

  it('needs the password like any other command, and is no command of the servers', async () => {
    await using stage = await startProxied({ options: { password: 'secret' } })
    const client = await stage.connect()
    assert.equal(
      (await client.call('PROXY', 'PING')).toString(),
      '-NOAUTH Authentication required.\r\n'
    )
    await client.ask('AUTH', 'secret')
    assert.equal(await client.ask('PROXY', 'PING'), 'PONG')
    assert.match((await client.call('PROXX', 'PING')).toString(), /^-ERR unknown command 'PROXX'/)
  })

  it('explains a command without sending it', async () => {
    await using stage = await startProxied({ options: { crossSlot: true } })
    const client = await stage.connect()
    const explain = async (...words: string[]) => {
      const flat = (await client.ask('PROXY', 'EXPLAIN', ...words)) as unknown[]
      return Object.fromEntries(
        flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]]] : []))
      )
    }
    const owner = (key: string) => stage.cluster.owner(key).address
    const set = await explain('SET', 'a', '1')
    assert.deepEqual(set, {
      command: 'set',
      plan: 'one slot',
      keys: ['a'],
      slots: [15495],
      nodes: [owner('a')],
      connection: 'shared',
      'reads-from': 'master',
      parts: [],
      merge: 'none',
      retry: 'write: sent again if it was not written, else UNCERTAIN',
      error: null,
    })
    const mset = await explain('MSET', 'a', '1', 'b', '2', 'a', '3')
    assert.deepEqual(
      [mset.plan, mset.slots, mset.merge],
      ['in parts', [15495, 3300], 'all must succeed']
    )
    assert.deepEqual(mset.parts, [
      ['slot', 15495, 'node', owner('a'), 'keys', ['a', 'a']],
      ['slot', 3300, 'node', owner('b'), 'keys', ['b']],
    ])
    const dbsize = await explain('DBSIZE')
    assert.deepEqual([dbsize.plan, dbsize.merge], ['all masters', 'the sum'])
    assert.equal(
      (await explain('SCAN', '0')).merge,
      'one master after the other, several in one call while there are fewer keys than `COUNT`; cursors of its own'
    )
    assert.match(
      (await explain('RANDOMKEY')).merge as string,
      /^a master by the number of its keys/
    )
    assert.equal((await explain('MGET', 'a', 'b')).merge, 'by argument')
    assert.equal((dbsize.nodes as string[]).length, 3)
    const ping = await explain('PING')
    assert.deepEqual(
      [ping.plan, ping.nodes, ping.connection],
      ['answered by the proxy', [], 'none']
    )
    const rename = await explain('RENAME', 'a', 'b')
    assert.deepEqual(
      [rename.plan, rename.error],
      ['refused', 'ERR Cross-slot queries are not supported for this command']
    )
    assert.equal((await explain('GET')).error, "ERR wrong number of arguments for 'get' command")
    assert.match((await explain('GET', 'a')).retry as string, /^read: sent again/)
    assert.match(
      (await client.call('PROXY', 'EXPLAIN', 'NOTHING')).toString(),
      /^-ERR unknown command 'NOTHING'/
    )
    assert.equal(stage.cluster.execute('EXISTS', 'a'), 0)
  })

  it('lists commands with six items each, the last one telling whether it is supported', async () => {
    await using stage = await startProxied()
    const client = await stage.connect()
    const all = (await client.ask('PROXY', 'COMMAND')) as unknown[][]
    const find = (rows: unknown[][], name: string) => rows.find((row) => row[0] === name)
    assert.deepEqual(find(all, 'get'), ['get', 2, 1, 1, 1, 1])
    assert.deepEqual(find(all, 'mset'), ['mset', -3, 1, -1, 2, 1])
    assert.ok(all.every((row) => row.length === 6))
    const without = (await client.ask('PROXY', 'COMMAND', 'unsupported')) as unknown[][]
    assert.ok(without.length > 0 && without.every((row) => row[5] === 0))
    assert.ok(find(without, 'psync') !== undefined && find(without, 'get') === undefined)
    const bound = (await client.ask('PROXY', 'COMMAND', 'CROSSSLOTS-UNSUPPORTED')) as unknown[][]
    assert.ok(find(bound, 'rename') !== undefined && find(bound, 'mget') === undefined)
  })

  it('lists its clients', async () => {
    await using stage = await startProxied()
    const [one, other] = [await stage.connect(), await stage.connect()]
    await one.ask('CLIENT', 'SETNAME', 'first')
    const rows = (await other.ask('PROXY', 'CLIENTS')) as unknown[][]
    const field = (row: unknown[], name: string) => row[row.indexOf(name) + 1]
    assert.deepEqual(
      rows.map((row) => [field(row, 'id'), field(row, 'name')]),
      [
        [1, 'first'],
        [2, ''],
      ]
    )
    assert.match(String(field(rows[0]!, 'address')), /^127\.0\.0\.1:\d+$/)
    assert.equal(field(rows[1]!, 'command'), 'proxy')
  })

  it('remembers why the topology changed', async () => {
    await using stage = await startProxied({ cluster: { masters: 2 } })
    const client = await stage.connect()
    const changed = next(stage.proxy, 'topologyChange')
    stage.cluster.setSlot(15495, stage.cluster.owner('b'))
    await client.ask('PROXY', 'CLUSTER', 'UPDATE')
    await changed
    const rows = (await client.ask('PROXY', 'TOPOLOGY', 'HISTORY')) as unknown[][]
    assert.equal(rows.length, 2)
    const [first, second] = rows
    const field = (row: unknown[], name: string) => row[row.indexOf(name) + 1]
    assert.equal(field(first!, 'reason'), 'start')
    assert.deepEqual([field(second!, 'reason'), field(second!, 'slots-moved')], ['request', 1])
    assert.ok(Math.abs(Number(field(second!, 'time')) - Date.now()) < 60_000)
  })
})

test('a reply of PROXY decodes in both protocols', async () => {
  const side = new LocalSide()
  for (const protocol of [2, 3] as const) {
    side.session.protocol = protocol
    for (const words of [['CLUSTER'], ['CLIENTS'], ['COMMAND'], ['CONFIG', 'GET', '*']]) {
      const frame = await side.call('PROXY', ...words)
      assert.ok(!(decodeReply(frame!) instanceof Error), words.join(' '))
    }
  }
})
