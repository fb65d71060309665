import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import tls from 'node:tls'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { freePort } from '../support/free-port.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { needsServer } from '../support/server-available.ts'
import { TlsCluster } from '../support/tls-cluster.ts'

const LIMIT_MS = 30_000
const PASSWORD = 'inner'
/** Keys of the first and of the second half of the slots. */
const KEYS = ['hello', 'foo'] as const

/** The real program; it ends with the scope. */
class Program implements AsyncDisposable {
  readonly port: number
  output = ''
  readonly #process: ChildProcess

  private constructor(port: number, words: readonly string[]) {
    this.port = port
    const program = ['--import', 'tsx', 'lib/cli/main.ts', '--port', String(port)]
    this.#process = spawn(process.execPath, [...program, '--bind', '127.0.0.1', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.on('data', (text) => {
        this.output += text
      })
    }
  }

  /** Starts it, and waits until it serves clients. */
  static async start(...words: string[]): Promise<Program> {
    const program = new Program(await freePort(), words)
    const ended = once(program.#process, 'exit').then(() => {
      throw new Error(`it ended: ${program.output}`)
    })
    ended.catch(() => {})
    while (!/ listens on /.test(program.output)) {
      await Promise.race([once(program.#process.stdout!, 'data'), ended])
    }
    return program
  }

  reload(): void {
    this.#process.kill('SIGHUP')
  }

  async says(pattern: RegExp): Promise<void> {
    const signal = AbortSignal.timeout(LIMIT_MS)
    while (!pattern.test(this.output)) await once(this.#process.stdout!, 'data', { signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await ended
  }
}

describe('the program before a cluster with passwords, users and TLS', needsServer, () => {
  let cluster: TlsCluster

  before(async () => {
    cluster = await TlsCluster.start({ password: PASSWORD })
    for (const server of cluster.servers) {
      await server.call('ACL', 'SETUSER', 'proxy', 'on', '>proxy-secret', '~*', '&*', '+@all')
      await server.call('ACL', 'SETUSER', 'alice', 'on', '>alice-secret', '~alice:*', '+@all')
    }
  })

  after(() => cluster?.stop())

  function towardsNodes(): string[] {
    const { ca, cert, key } = cluster.files
    return [
      ...['--node-tls', `caFile=${ca}`, '--node-tls', `certFile=${cert}`],
      ...['--node-tls', `keyFile=${key}`, `127.0.0.1:${cluster.ports[0]}`],
    ]
  }

  const asProxy = ['--auth', 'proxy-secret', '--auth-user', 'proxy']

  async function serves(client: RawClient, ...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      assert.equal(await client.ask('SET', key, 'x'), 'OK')
      assert.equal(await client.ask('GET', key), 'x')
    }
  }

  it('serves clients as its own user, and as theirs, in both protocol versions', async () => {
    await using program = await Program.start(...asProxy, ...towardsNodes())
    for (const protocol of [2, 3]) {
      await using plain = await connect(program.port)
      await plain.ask('HELLO', protocol)
      await serves(plain, ...KEYS)
      await using alice = await connect(program.port)
      await alice.ask('HELLO', protocol, 'AUTH', 'alice', 'alice-secret')
      await serves(alice, 'alice:1', 'alice:2', 'alice:3')
      assert.match(String(await alice.call('GET', KEYS[0])), /^-NOPERM/)
      assert.match(String(await alice.call('AUTH', 'alice', 'guess')), /^-WRONGPASS/)
    }
    assert.doesNotMatch(program.output, /-secret/)
  })

  it('authenticates with the password alone, and speaks TLS with clients that give theirs', async () => {
    const { files } = cluster
    await using program = await Program.start(
      ...['--auth', PASSWORD, '--user', 'app on >app-secret ~app:* &* +@all -@admin'],
      ...['--tls', `certFile=${files.cert}`, '--tls', `keyFile=${files.key}`],
      ...towardsNodes()
    )
    const ca = readFileSync(files.ca)
    const secure = tls.connect({ host: '127.0.0.1', port: program.port, ca })
    await once(secure, 'secureConnect')
    await using client = await connect(secure)
    assert.match(String(await client.call('GET', 'app:1')), /^-NOAUTH/)
    await client.ask('AUTH', 'app', 'app-secret')
    await serves(client, 'app:1', 'app:2')
    assert.match(String(await client.call('GET', 'k')), /^-NOPERM/)
    assert.match(String(await client.call('PROXY', 'INFO')), /^-NOPERM/)
    const own = { username: 'app', password: 'app-secret' }
    for (const protocol of [2, 3] as const) {
      const io = new Redis({ port: program.port, ...own, protocol, tls: { ca } })
      assert.equal(await io.set('app:io', 'x'), 'OK')
      io.disconnect()
      const socket = { host: '127.0.0.1', port: program.port, tls: true as const, ca }
      const node = createClient({ ...own, RESP: protocol, socket })
      await node.connect()
      assert.equal(await node.get('app:io'), 'x')
      await node.close()
    }
    assert.doesNotMatch(program.output, /app-secret/)
  })

  it('reads users from a file, again on SIGHUP, and shows none of their passwords', async () => {
    const file = join(cluster.directory, 'proxy.conf')
    const users = (password: string): string =>
      `user ops on >${password} ~* &* +@all\nauth proxy-secret\nauth-user proxy\n`
    writeFileSync(file, users('first-secret'))
    await using program = await Program.start('-c', file, ...towardsNodes())
    await using ops = await connect(program.port)
    await ops.ask('AUTH', 'ops', 'first-secret')
    await serves(ops, ...KEYS)
    assert.match(String(await ops.call('ACL', 'LIST')), /user ops on #\(hidden\) ~\* &\* \+@all/)
    assert.doesNotMatch(String(await ops.call('PROXY', 'CONFIG', 'GET', '*')), /secret|ops/)
    writeFileSync(file, users('second-secret'))
    program.reload()
    await program.says(/was read again/)
    await using again = await connect(program.port)
    assert.match(String(await again.call('AUTH', 'ops', 'first-secret')), /^-WRONGPASS/)
    assert.equal(await again.ask('AUTH', 'ops', 'second-secret'), 'OK')
    await serves(ops, ...KEYS)
    assert.doesNotMatch(program.output, /-secret/)
  })
})
