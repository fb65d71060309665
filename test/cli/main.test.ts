import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import tls from 'node:tls'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts'
import { freePort } from '../support/free-port.ts'
import { connect } from '../support/raw-client.ts'
import { appears, type Ending, Running } from '../support/running.ts'

const folder = mkdtempSync(join(tmpdir(), 'proxy-main-'))
after(() => rmSync(folder, { recursive: true }))

function run(...words: string[]): Promise<Ending> {
  return new Running(words).ended
}

describe('the program', { concurrency: 3 }, () => {
  test('serves an embedded cluster when it is given none, on this machine only, and ends on SIGTERM', async () => {
    const port = await freePort()
    const program = new Running(['--port', String(port)])
    const output = await program.listens()
    assert.match(
      output,
      new RegExp(`listens on 127\\.0\\.0\\.1:${port} in front of an embedded cluster of 3 masters`)
    )
    const client = await connect(port)
    assert.equal(await client.ask('SET', 'greeting', 'hello'), 'OK')
    assert.equal(await client.ask('GET', 'greeting'), 'hello')
    program.process.kill('SIGTERM')
    await client.closed
    const { code, errors } = await program.ended
    assert.deepEqual([code, errors], [0, ''])
  })

  test('serves the cluster that the given nodes belong to on several doors, and ends on SIGINT', async () => {
    await using cluster = await createFakeCluster({ masters: 2 })
    const port = await freePort()
    const socket = join(folder, 'doors.sock')
    const program = new Running([
      ...['-p', String(port), '--bind', '127.0.0.1', '--bind', '127.0.0.2'],
      ...['--unixsocket', socket, '--unixsocketperm', '700', '--threads', '1'],
      cluster.addresses.join(','),
    ])
    const output = await program.listens()
    assert.ok(
      output.includes(
        `listens on 127.0.0.1:${port}, 127.0.0.2:${port}, ${socket} in front of the cluster at ${cluster.addresses.join(', ')}\n`
      ),
      output
    )
    assert.equal(statSync(socket).mode & 0o777, 0o700)
    const [tcp, unix] = [await connect(port), await connect(socket)]
    await tcp.ask('SET', 'b', 'x')
    assert.equal(await unix.ask('GET', 'b'), 'x')
    assert.equal(cluster.execute('GET', 'b'), 'x')
    assert.deepEqual(await unix.ask('PROXY', 'CONFIG', 'GET', 'bind'), [
      'bind',
      ['127.0.0.1', '127.0.0.2'],
    ])
    assert.deepEqual(await unix.ask('PROXY', 'CONFIG', 'GET', 'unixsocketperm'), [
      'unixsocketperm',
      700,
    ])
    program.process.kill('SIGINT')
    await Promise.all([tcp.closed, unix.closed])
    assert.equal((await program.ended).code, 0)
    assert.equal(existsSync(socket), false)
  })

  test('takes the place of a socket file that nobody listens on, and switches TCP off with port 0', async () => {
    const socket = join(folder, 'stale.sock')
    const words = ['--port', '0', '--unixsocket', socket]
    const first = new Running(words)
    await first.listens()
    first.process.kill('SIGKILL')
    await first.ended
    assert.ok(existsSync(socket))
    const second = new Running(words)
    await second.listens()
    const client = await connect(socket)
    assert.equal(await client.ask('PING'), 'PONG')
    assert.match(
      String(await client.ask('PROXY', 'INFO', 'proxy')),
      /\r\nunix_socket:.*stale\.sock\r\n/
    )
    const third = await run(...words)
    assert.deepEqual([third.code, /EADDRINUSE/.test(third.errors)], [1, true])
    second.process.kill('SIGTERM')
    await second.ended
  })

  test('E17.6 answers what is in flight at SIGTERM, and ends at once at a second SIGINT', async () => {
    for (const [signals, code] of [
      [['SIGTERM'], 0],
      [['SIGINT', 'SIGINT'], 130],
    ] as const) {
      await using cluster = await createFakeCluster({ masters: 1 })
      const port = await freePort()
      const program = new Running(['-p', String(port), '--threads', '1', cluster.addresses[0]!])
      await program.says(/commands are served/)
      const [client, other] = [await connect(port), await connect(port)]
      cluster.nodes[0]!.pause()
      const reply = client.call('SET', 'a', '1')
      while (!/pending,1/.test(String(await other.ask('PROXY', 'CLIENTS')))) await other.ask('PING')
      program.process.kill(signals[0])
      await program.says(/shutting down/)
      if (signals.length === 1) {
        cluster.nodes[0]!.resume()
        assert.equal((await reply).toString(), '+OK\r\n')
      } else {
        program.process.kill('SIGINT')
        await assert.rejects(reply)
      }
      assert.equal((await program.ended).code, code)
    }
  })

  test('E17.5 reads its file again at SIGHUP and by PROXY CONFIG RELOAD, whole or not at all', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const port = await freePort()
    const file = join(folder, 'reload.conf')
    const base = `port ${port}\nbind 127.0.0.1\ncluster ${cluster.addresses[0]}\nthreads 1\n`
    writeFileSync(file, `${base}maxclients 50\n`)
    const program = new Running(['-c', file])
    await program.listens()
    const client = await connect(port)
    const get = async (name: string) =>
      ((await client.ask('PROXY', 'CONFIG', 'GET', name)) as unknown[])[1]
    assert.equal(await get('maxclients'), 50)
    writeFileSync(file, `${base}maxclients 60\nenable-cross-slot yes\nthreads 2\n`)
    program.process.kill('SIGHUP')
    await program.says(/read again changed=maxclients,enable-cross-slot needsRestart=threads\n/)
    assert.equal(await get('maxclients'), 60)
    assert.equal(await client.ask('MSET', 'a', '1', 'b', '2'), 'OK')
    appendFileSync(file, 'maxclients 70\nlog-level loud\n')
    program.process.kill('SIGHUP')
    await program.says(
      /error: the configuration stays as it was: .*reload\.conf line 9: log-level: got 'loud'/
    )
    assert.equal(await get('maxclients'), 60)
    assert.match(
      (await client.call('PROXY', 'CONFIG', 'RELOAD')).toString(),
      /^-ERR nothing was changed: .*line 9: log-level/
    )
    writeFileSync(file, `${base}log-level debug\nthreads 2\n`)
    assert.deepEqual(await client.ask('PROXY', 'CONFIG', 'RELOAD'), [
      'changed',
      ['maxclients', 'enable-cross-slot', 'log-level'],
      'needs-restart',
      ['threads'],
    ])
    assert.equal(await get('maxclients'), 10_000)
    assert.equal(
      (await client.call('PROXY', 'CONFIG', 'GET', 'log-level')).toString(),
      '+debug\r\n'
    )
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 0)
  })

  test('writes a log that can be moved away, in which no argument of a command stands', async () => {
    const port = await freePort()
    const [logfile, pidfile] = [join(folder, 'a.log'), join(folder, 'a.pid')]
    const program = new Running(
      [
        ...['-p', String(port), '--logfile', logfile, '--pidfile', pidfile],
        ...['--log-level', 'debug', '--dump-queries', '--dump-buffer', '--dump-queues'],
      ],
      { REDIS_CLUSTER_PROXY_LOG_FORMAT: 'json', REDIS_CLUSTER_PROXY_PASSWORD: 'hunter2' }
    )
    await appears(pidfile)
    assert.equal(Number(readFileSync(pidfile, 'utf8')), program.process.pid)
    const client = await connect(port)
    await client.ask('AUTH', 'hunter2')
    await client.ask('SET', 'key-of-mine', 'value-of-mine')
    await client.ask('PROXY', 'LOG', 'warning', 'from a client')
    renameSync(logfile, `${logfile}.1`)
    program.process.kill('SIGUSR1')
    await appears(logfile)
    await client.ask('PROXY', 'LOG', 'info', 'after')
    const before = readFileSync(`${logfile}.1`, 'utf8')
    const lines = before
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.doesNotMatch(before, /hunter2|key-of-mine|value-of-mine/)
    const query = lines.find(({ message, command }) => message === 'query' && command === 'set')
    assert.equal(typeof query?.slot, 'number')
    assert.ok(lines.some(({ message }) => message === 'buffer'))
    assert.ok(lines.some(({ message }) => message === 'queues'))
    assert.ok(
      lines.some(({ level, message }) => level === 'warning' && message === 'from a client')
    )
    assert.match(readFileSync(logfile, 'utf8'), /"message":"after"/)
    client.send(['PROXY', 'SHUTDOWN', 'ASAP'])
    await client.closed
    const { code, output } = await program.ended
    assert.deepEqual([code, output], [0, ''])
    assert.equal(existsSync(pidfile), false)
  })

  test('speaks TLS at every door, with files for the certificate and the key', async () => {
    const [key, cert] = [CERTIFICATE_KEY, CERTIFICATE]
    writeFileSync(join(folder, 'tls.key'), key)
    writeFileSync(join(folder, 'tls.crt'), cert)
    const port = await freePort()
    const file = join(folder, 'tls.yaml')
    writeFileSync(
      file,
      `port: ${port}\nbind: [127.0.0.1, 127.0.0.2]\nredis_nodes: ['127.0.0.1:1']\ntls:\n  certFile: ${folder}/tls.crt\n  keyFile: ${folder}/tls.key\n`
    )
    const program = new Running(['-c', file])
    await program.listens()
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      const socket = tls.connect({ host, port, ca: cert, checkServerIdentity: () => undefined })
      await once(socket, 'secureConnect')
      const client = await connect(socket)
      assert.equal(await client.ask('PING'), 'PONG')
      await client.end()
    }
    appendFileSync(file, '  minVersion: TLSv1.3\n')
    program.process.kill('SIGHUP')
    await program.says(/read again changed=tls needsRestart=nothing\n/)
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 0)
  })

  test('lets PROXY DEBUG end it where that is allowed, and nowhere else', async () => {
    const port = await freePort()
    const program = new Running(['-p', String(port), '--enable-debug-command'])
    await program.listens()
    const client = await connect(port)
    assert.equal(await client.ask('PROXY', 'DEBUG', 'KILL', 'SELF', 'KILL'), 'OK')
    await client.closed
    assert.equal((await program.ended).code, null)
  })

  test('says what it is and what it was told, without serving', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    assert.deepEqual(await run('--version'), {
      code: 0,
      output: `redis-cluster-proxy ${version}\n`,
      errors: '',
    })
    const file = join(folder, 'right.yaml')
    writeFileSync(file, 'proxy_port: 1\nredis_nodes: [a:1]\n')
    assert.deepEqual(await run('-c', file, '--check-config'), {
      code: 0,
      output: `the configuration is right: ${file}\n`,
      errors: '',
    })
    const { code, output } = await run('-c', file, '--print-config')
    assert.equal(code, 0)
    assert.match(output, /^port 1\n[\s\S]*^cluster a:1$/m)
  })

  test('prints its help', async () => {
    for (const [flag, named] of [
      ['--help', /^ {2}--threads <n> +threads that serve /m],
      ['-h', / {2}--threads <n> \[cores, at most 8\] {2}/],
    ] as const) {
      const { code, output, errors } = await run(flag)
      assert.deepEqual([code, errors], [0, ''])
      assert.match(output, /^Usage: redis-cluster-proxy /)
      assert.match(output, named)
    }
  })

  test('ends with 2 and one line that names what is wrong', async () => {
    for (const [words, named] of [
      [['--prot', '7777'], /^redis-cluster-proxy: --prot: .*\n$/],
      [['127.0.0.1:99999'], /^redis-cluster-proxy: node: got \["127\.0\.0\.1:99999"\], .*\n$/],
      [['--check-config', '--port', 'x'], /^redis-cluster-proxy: --port: got 'x', .*\n$/],
    ] as const) {
      const { code, output, errors } = await run(...words)
      assert.deepEqual([code, output], [2, ''])
      assert.match(errors, named)
    }
  })

  test('ends with 1 when the port is taken, and says so', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const { code, errors } = await run('--port', String(port), '--bind', '127.0.0.1', '127.0.0.1:1')
    server.close()
    assert.equal(code, 1)
    assert.match(errors, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`))
  })

  test('ends with 1 when it cannot make a file, and says which option names it', async () => {
    const path = join(folder, 'none', 'file')
    const words = ['--port', '0', '--unixsocket', join(folder, 'no-file.sock'), '--threads', '1']
    for (const option of ['logfile', 'pidfile'])
      assert.deepEqual(await run(...words, `--${option}`, path), {
        code: 1,
        output: '',
        errors: `redis-cluster-proxy: --${option}: ENOENT: no such file or directory, open '${path}'\n`,
      })
    const { code, errors } = await run('--port', '0', '--unixsocket', path)
    const none = `redis-cluster-proxy: cannot listen on ${path}: there is no directory ${join(folder, 'none')}\n`
    assert.deepEqual([code, errors], [1, none])
    writeFileSync(join(folder, 'plain'), '')
    const taken = await run('--port', '0', '--unixsocket', join(folder, 'plain'), '127.0.0.1:1')
    assert.match(
      taken.errors,
      /plain: there is something of this name already, which is no socket\n$/
    )
  })
})

test('the program can be called by its name', () => {
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    bin: Record<string, string>
  }
  assert.deepEqual(bin, { 'redis-cluster-proxy': 'dist/cli/main.js' })
  assert.match(
    readFileSync('lib/cli/main.ts', 'utf8'),
    /^#!\/usr\/bin\/env -S node --min-semi-space-size=16 --max-inlined-bytecode-size=1000 --max-inlined-bytecode-size-cumulative=4000\n/
  )
})
