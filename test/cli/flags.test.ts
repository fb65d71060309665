import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import tls from 'node:tls'
import { programOptions } from '../../lib/cli/program-options.ts'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts'
import { keyOf, type Stage, started, withFlags, wordsOf } from '../support/flags.ts'
import { freePort } from '../support/free-port.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { Running } from '../support/running.ts'
import { threadProcesses } from '../support/two-threads.ts'

const folder = mkdtempSync(join(tmpdir(), 'proxy-flags-'))
after(() => rmSync(folder, { recursive: true }))
const inFolder = (name: string): string => join(folder, name)

writeFileSync(inFolder('tls.key'), CERTIFICATE_KEY)
writeFileSync(inFolder('tls.crt'), CERTIFICATE)
const SERVER_TLS = [`certFile=${inFolder('tls.crt')}`, `keyFile=${inFolder('tls.key')}`]

/** What `PROXY CONFIG GET` tells of an option. */
async function told(client: RawClient, name: string): Promise<unknown> {
  const reply = await client.ask('PROXY', 'CONFIG', 'GET', name)
  return Array.isArray(reply) ? reply[1] : reply
}

/** What the system tells of TCP sockets; undefined where it has no such tool. */
function sockets(...words: string[]): string | undefined {
  const { error, stdout } = spawnSync('ss', ['-Htn', ...words], { encoding: 'utf8' })
  return error === undefined ? stdout : undefined
}

/** The lines of a log in JSON. */
function logged(path: string): readonly Record<string, unknown>[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Values of options of the library, none its default. What they do is tested where they are carried out. */
const LIBRARY: Readonly<Record<string, string>> = {
  'connections-pool-min-size': '2',
  'connections-pool-spawn-every': '7',
  'connections-pool-spawn-rate': '5',
  'forward-auth': 'no',
  'auth-failure-delay': '11',
  'read-your-writes': 'no',
  'max-replica-lag': '12',
  'replica-check-interval': '13',
  'availability-zone': 'a-zone',
  'gather-max-bytes': '2048',
  'max-private-connections': '14',
  'private-wait': '15',
  'transaction-idle-timeout': '16000',
  'tracking-table-max-keys': '17',
  'script-cache-bytes': '18',
  'refresh-interval': '190000',
  'refresh-min-interval': '20',
  'connect-timeout': '2100',
  'command-timeout': '22000',
  'retry-budget': '2300',
  'max-redirects': '24',
  'reconnect-min-delay': '25',
  'reconnect-max-delay': '26',
  'max-pipeline': '27',
  'client-output-pause': '2800',
  'client-output-limit': '290000',
  'subscriber-output-limit': '30',
  'subscriber-output-soft-limit': '31',
  'subscriber-output-soft-time': '32',
  'on-subscription-gap': 'disconnect',
  'node-output-pause': '3300',
  'request-timeout': '34000',
  'idle-timeout': '35000',
  'memory-limit': '36000000',
}

describe('the program started with', { concurrency: 2 }, () => {
  test('the flags about files, the log and what is let in', async () => {
    const paths = { pidfile: inFolder('a.pid'), logfile: inFolder('a.log') }
    const flags = {
      ...paths,
      ...{ unixsocket: inFolder('a.sock'), unixsocketperm: '750', maxclients: '2' },
      ...{ 'log-level': 'debug', 'log-format': 'json', password: 'hunter2' },
      ...{ 'dump-queries': true, 'dump-buffer': true, 'dump-queues': true, threads: '2' },
      ...{ 'enable-cross-slot': true, 'enable-debug-command': true },
      ...{ auth: 'node-secret', 'auth-user': 'me', tcpkeepalive: '77', 'tcp-backlog': '5' },
    } as const
    const nodes = { masters: 2, password: 'other', users: { me: 'node-secret' } }
    await withFlags(
      flags,
      async ({ program, port, client }) => {
        assert.equal(Number(readFileSync(paths.pidfile, 'utf8')), program.process.pid)
        assert.equal(statSync(flags.unixsocket).mode & 0o777, 0o750)
        const one = await client()
        assert.match(String(await one.call('GET', 'a')), /^-NOAUTH /)
        assert.equal(await one.ask('AUTH', 'hunter2'), 'OK')
        assert.equal(await one.ask('MSET', 'a', '1', 'b', '2', 'c', '3'), 'OK')
        assert.equal(await told(one, 'threads'), 2)
        assert.match(
          String(await one.call('PROXY', 'DEBUG', 'KILL', '9')),
          /^-ERR Invalid thread id/
        )
        const other = await connect(flags.unixsocket)
        assert.match(String(await other.call('PING')), /^-NOAUTH /)
        const third = await client()
        assert.match(String(await third.readReply()), /^-ERR max number of clients reached/)
        const messages = logged(paths.logfile).map(({ level, message }) => `${level} ${message}`)
        for (const dump of ['query', 'buffer', 'queues'])
          assert.ok(messages.includes(`debug ${dump}`), dump)
        const backlog = sockets('-l', 'sport', '=', `:${port}`)
        if (backlog === undefined) return
        assert.match(backlog, /^LISTEN +0 +5 /)
        // While what was sent last is not acknowledged another timer runs.
        let timers = ''
        do timers = sockets('-o', 'sport', '=', `:${port}`)!
        while (!/timer:\(keepalive/.test(timers))
        assert.match(timers, /timer:\(keepalive,1min1[0-7]sec/)
      },
      nodes
    )
  })

  test('the flags about connections to nodes', async () => {
    const pool = { 'connections-pool-size': '3', 'connections-pool-spawn-every': '1' }
    const flags = { ...pool, 'private-pool-prefill': 'no' }
    await withFlags(flags, async ({ cluster, client }) => {
      const node = cluster.nodes[0]!
      const one = await client()
      assert.equal(await one.ask('SET', 'a', '1'), 'OK')
      assert.equal(await one.ask('PROXY', 'MULTIPLEXING', 'STATUS'), 'on')
      const before = node.connections.count
      await one.pipeline([['MULTI'], ['GET', 'a'], ['EXEC']])
      while (node.connections.count < before + 3) await once(node, 'connect')
      // With ten there would be more by now.
      for (let time = 0; time < 20; time++) await one.ask('GET', 'a')
      assert.equal(node.connections.count, before + 3)
    })
    await withFlags({ 'connections-pool-size': '4' }, async ({ cluster }) => {
      // Nobody has asked for anything: what the proxy itself needs is one connection.
      const node = cluster.nodes[0]!
      while (node.connections.count < 1 + 4) await once(node, 'connect')
    })
    for (const way of [{ 'disable-multiplexing': 'always' }, { multiplexing: 'no' }]) {
      await withFlags(way, async ({ cluster, client }) => {
        const [one, other] = [await client(), await client()]
        for (const each of [one, other]) await each.ask('GET', 'key')
        assert.equal(await one.ask('PROXY', 'MULTIPLEXING', 'STATUS'), 'off')
        const used = cluster.nodes[0]!.received.filter(({ command }) => command[0] === 'GET')
        assert.equal(new Set(used.map(({ connection }) => connection)).size, 2)
      })
    }
    await withFlags({ coalesce: 'yes' }, async ({ cluster, client }) => {
      const one = await client()
      await one.ask('EXISTS', 'key')
      await one.pipeline(Array.from({ length: 5 }, () => ['GET', 'key']))
      const used = cluster.nodes[0]!.received.filter(({ command }) => command[0] === 'GET')
      assert.equal(used.length, 1)
    })
  })

  test('the flags about peers, users and addresses', async () => {
    const flags = {
      ...{ 'protected-mode': 'no', 'proxy-protocol': true, 'trusted-proxies': '127.0.0.1' },
      ...{ users: 'reader on >hunter2 ~* +@read +ping', 'admin-commands': 'no' },
      ...{ announce: ['host=proxy.example', 'port=6000'], 'max-bulk-length': '1024' },
      ...{ 'cluster-emulation': 'yes', resp3: 'no', 'allowed-networks': '127.0.0.0/8' },
    } as const
    await withFlags(flags, async ({ port }) => {
      const socket = dial(port, '127.0.0.1')
      socket.write('PROXY TCP4 198.51.100.9 10.0.0.1 1 2\r\n')
      const client = await connect(socket)
      assert.equal(await client.ask('AUTH', 'reader', 'hunter2'), 'OK')
      assert.equal(await client.ask('GET', 'a'), null)
      assert.match(String(await client.call('SET', 'a', '1')), /^-NOPERM /)
      assert.match(String(await client.call('HELLO', '3')), /^-NOPROTO /)
      assert.match(String(await client.call('GET', 'x'.repeat(1025))), /invalid bulk length/)
      await client.closed
    })
    await withFlags({ announce: ['host=proxy.example', 'port=6000'] }, async ({ client }) => {
      const slots = String(await (await client()).call('CLUSTER', 'SLOTS'))
      assert.match(slots, /proxy\.example\r\n:6000\r\n/)
    })
    await withFlags({ 'cluster-emulation': 'no', 'admin-commands': 'yes' }, async ({ client }) => {
      const one = await client()
      assert.match(String(await one.call('CLUSTER', 'SLOTS')), /^-ERR .*cluster support disabled/)
      assert.equal(String(await one.call('MONITOR')), '+OK\r\n')
    })
    const look = async ({ program, client, cluster }: Stage): Promise<void> => {
      await program.says(/commands are served/)
      const one = await client()
      const [served, refused] = cluster.nodes.map((_, index) => keyOf(cluster, index))
      assert.equal(await one.ask('SET', served!, '1'), 'OK')
      one.send(['GET', refused!])
      await program.says(/node is down .*which is in none of allowedNetworks/)
    }
    await withFlags({ 'allowed-networks': '10.0.0.0/8', 'retry-budget': '2000' }, look, {
      masters: 2,
    })
  })

  test('the flags about redirects, and about how nodes are reached', async (t) => {
    const announce = (index: number) => ({ host: '10.255.0.1', port: 7000 + index })
    const base = { 'nat-map': [] as string[], 'auto-redirect': 'no' }
    const doors: tls.Server[] = []
    await using cluster = await createFakeCluster({ masters: 2, announce })
    for (const [index, node] of cluster.nodes.entries()) {
      const door = tls.createServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, (socket) => {
        const inner = dial(node.port, '127.0.0.1')
        socket.pipe(inner).pipe(socket)
        for (const each of [socket, inner]) each.on('error', () => {})
      })
      door.listen(0, '127.0.0.1')
      t.after(() => door.close())
      await once(door, 'listening')
      doors.push(door)
      const { port } = door.address() as AddressInfo
      base['nat-map'].push(`10.255.0.1:${7000 + index}=127.0.0.1:${port}`)
    }
    const { port } = doors[0]!.address() as AddressInfo
    const flags = {
      ...base,
      cluster: `127.0.0.1:${port}`,
      'node-tls': `caFile=${inFolder('tls.crt')}`,
      'announce-map': '10.255.0.1=shown.example',
      'read-from': 'prefer-replica',
    }
    await withFlags(flags, async ({ program, client }) => {
      await program.says(/commands are served/)
      const one = await client()
      assert.match(String(await one.ask('CLUSTER', 'NODES')), /shown\.example:7001@/)
      const slot = cluster.slotOf('a')
      let reply = ''
      // A refresh under way may tell the proxy before the node does.
      for (let time = 0; time < 50 && !reply.startsWith('-'); time++) {
        cluster.setSlot(slot, cluster.nodes.find((node) => node !== cluster.owner(slot))!)
        reply = String(await one.call('GET', 'a'))
      }
      assert.match(reply, /^-MOVED \d+ shown\.example:700\d/)
      assert.equal(await told(one, 'read-from'), 'prefer-replica')
    })
  })

  test('TLS for clients, and credentials for the nodes', async () => {
    const credentials = ['username=me', 'password=node-secret']
    const nodes = { masters: 1, password: 'other', users: { me: 'node-secret' } }
    const look = async ({ port }: Stage): Promise<void> => {
      const options = { port, host: '127.0.0.1', ca: CERTIFICATE }
      const socket = tls.connect({ ...options, checkServerIdentity: () => undefined })
      const client = await connect(socket)
      assert.equal(await client.ask('SET', 'a', '1'), 'OK')
    }
    await withFlags({ tls: SERVER_TLS, credentials }, look, nodes)
  })

  test('a time for what is in flight at the end', async () => {
    let asked = 0
    await withFlags({ 'shutdown-timeout': '1' }, async ({ program, cluster, client }) => {
      await program.says(/commands are served/)
      const [one, other] = [await client(), await client()]
      cluster.nodes[0]!.pause()
      const reply = one.call('GET', 'a')
      while (!/pending,1/.test(String(await other.ask('PROXY', 'CLIENTS')))) await other.ask('PING')
      reply.catch(() => {})
      asked = performance.now()
    })
    // It is 10 s else.
    assert.ok(performance.now() - asked < 8000)
  })

  test('a time after which a thread that hangs is killed', async () => {
    await withFlags({ threads: '2', 'thread-timeout': '1000' }, async ({ program }) => {
      process.kill(threadProcesses(program.process.pid!)[0]!, 'SIGSTOP')
      await program.says(/it is killed/)
    })
  })

  test('a configuration from standard input, a pipe, or by the environment', async () => {
    const port = await freePort()
    const text = `port: ${port}\nbind: [127.0.0.1]\nthreads: 2\nredis_nodes: ['127.0.0.1:1']\n`
    const file = inFolder('environment.yaml')
    writeFileSync(file, text)
    const pipe = inFolder('pipe.yaml')
    spawnSync('mkfifo', [pipe])
    void writeFile(pipe, text)
    for (const [words, environment, input] of [
      [['-c', '-'], {}, text],
      [['-c', pipe], {}, ''],
      [[], { REDIS_CLUSTER_PROXY_CONFIG: file }, ''],
      [wordsOf({ config: file }), {}, ''],
    ] as const) {
      const program = new Running(words, environment, { input })
      await program.listens()
      const client = await connect(port)
      assert.equal(await told(client, 'threads'), 2)
      // What was read once cannot be read again, and holds.
      assert.deepEqual(await client.ask('PROXY', 'CONFIG', 'RELOAD'), [
        ...['changed', [], 'needs-restart', []],
      ])
      program.process.kill('SIGTERM')
      assert.equal((await program.ended).code, 0)
    }
  })

  test('or without colors, on a terminal', async (t) => {
    const levels: string[] = []
    for (const flags of [{}, { 'disable-colors': true }] as const) {
      const port = await freePort()
      const base = { port: String(port), bind: '127.0.0.1', cluster: '127.0.0.1:1', threads: '1' }
      const words = wordsOf({ ...base, ...flags })
      const line = [process.execPath, '--import', 'tsx', 'lib/cli/main.ts', ...words].join(' ')
      const terminal = spawn('script', ['-qec', line, '/dev/null'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      const failed = await Promise.race([once(terminal, 'error'), once(terminal, 'spawn')])
      if (failed.length > 0) return t.skip('there is no script(1)')
      let output = ''
      for await (const text of terminal.stdout) {
        output += text
        if (!output.includes('listens on')) continue
        const client = await connect(port)
        client.send(['PROXY', 'SHUTDOWN', 'ASAP'])
        await client.closed
        break
      }
      levels.push(/\] (\S+): redis-cluster-proxy listens/.exec(output)![1]!)
      terminal.kill()
    }
    assert.deepEqual(levels, ['\x1b[32msuccess\x1b[0m', 'success'])
  })

  test('or in the background, once it listens, until PROXY SHUTDOWN', async () => {
    const port = await freePort()
    const pidfile = inFolder('background.pid')
    const words = wordsOf({ daemonize: true, port: String(port), pidfile })
    assert.deepEqual(await new Running(words).ended, { code: 0, output: '', errors: '' })
    const client = await connect(port)
    try {
      assert.match(
        String(await client.ask('PROXY', 'INFO', 'proxy')),
        new RegExp(`process_id:${readFileSync(pidfile, 'utf8').trim()}\r\n`)
      )
      const again = await new Running(words).ended
      assert.equal(again.code, 1)
      assert.match(again.errors, /EADDRINUSE/)
    } finally {
      client.send(['PROXY', 'SHUTDOWN'])
      await client.closed
    }
  })

  test('all other options of the library, each as PROXY CONFIG GET tells it', async () => {
    await withFlags(LIBRARY, async ({ client }) => {
      const one = await client()
      for (const [name, value] of Object.entries(LIBRARY)) {
        const expected = value === 'no' ? 0 : /^\d+$/.test(value) ? Number(value) : value
        assert.deepEqual(await told(one, name), expected, name)
      }
    })
  })
})

test('each flag was seen to have an effect', () => {
  const names = programOptions.map(({ name }) => name)
  assert.deepEqual(
    names.filter((name) => !started.has(name)),
    []
  )
})
