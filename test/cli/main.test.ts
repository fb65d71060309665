import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { connect } from '../support/raw-client.ts'

/** A program that still runs after this many milliseconds is killed, and its test fails. */
const LIMIT = 30_000

type Program = ChildProcessByStdio<null, Readable, Readable>

function start(...words: string[]): Program {
  return spawn(process.execPath, ['--import', 'tsx', 'lib/cli/main.ts', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  })
}

interface Ending {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

async function ending(program: Program): Promise<Ending> {
  let [output, errors] = ['', '']
  program.stdout.on('data', (text) => {
    output += text
  })
  program.stderr.on('data', (text) => {
    errors += text
  })
  const [code] = await once(program, 'close')
  return { code: code as number | null, output, errors }
}

/** The port on which the program says that it listens, and all that it said. */
function listening(program: Program): Promise<{ port: number; output: string }> {
  return new Promise((resolve, reject) => {
    let output = ''
    program.stdout.on('data', (text) => {
      output += text
      const port = /listens on \S+:(\d+) /.exec(output)?.[1]
      if (port !== undefined && output.endsWith('\n')) resolve({ port: Number(port), output })
    })
    program.once('close', () => reject(new Error(`it ended before it listened: ${output}`)))
  })
}

describe('the program', { concurrency: 2 }, () => {
  test('serves an embedded cluster when it is given none, and ends on SIGTERM', async () => {
    const program = start('--port', '0')
    const ended = ending(program)
    const { port, output } = await listening(program)
    assert.match(
      output,
      /^redis-cluster-proxy listens on 127\.0\.0\.1:\d+ in front of an embedded cluster of 3 masters/
    )
    assert.match(output, new RegExp(`redis-cli -p ${port} set greeting hello`))
    const client = await connect(port)
    assert.equal(await client.ask('SET', 'greeting', 'hello'), 'OK')
    assert.equal(await client.ask('GET', 'greeting'), 'hello')
    program.kill('SIGTERM')
    await client.closed
    const { code, errors } = await ended
    assert.deepEqual([code, errors], [0, ''])
  })

  test('serves the cluster that the given nodes belong to, and ends on SIGINT', async () => {
    await using cluster = await createFakeCluster({ masters: 2 })
    const program = start('-p', '0', cluster.addresses.join(','))
    const ended = ending(program)
    const { port, output } = await listening(program)
    assert.ok(output.includes(`in front of the cluster at ${cluster.addresses.join(', ')}\n`))
    const client = await connect(port)
    for (const key of ['a', 'b', 'c']) await client.ask('SET', key, key)
    assert.equal(cluster.execute('GET', 'b'), 'b')
    program.kill('SIGINT')
    assert.equal((await ended).code, 0)
    await client.closed
  })

  test('prints its help', async () => {
    const { code, output, errors } = await ending(start('--help'))
    assert.deepEqual([code, errors], [0, ''])
    assert.match(output, /^Usage: redis-cluster-proxy /)
  })

  test('ends with 2 and one line that names what is wrong on the command line', async () => {
    for (const [words, named] of [
      [['--prot', '7777'], /^redis-cluster-proxy: .*--prot.*\n$/],
      [
        ['127.0.0.1:99999'],
        /^redis-cluster-proxy: option 'nodes': got \["127\.0\.0\.1:99999"\], .*\n$/,
      ],
    ] as const) {
      const { code, output, errors } = await ending(start(...words))
      assert.deepEqual([code, output], [2, ''])
      assert.match(errors, named)
    }
  })

  test('ends with 1 when the port is taken, and says so', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { code, errors } = await ending(start('--port', String(port), '127.0.0.1:1'))
    server.close()
    assert.equal(code, 1)
    assert.match(errors, new RegExp(`EADDRINUSE.*127\\.0\\.0\\.1:${port}`))
  })
})

test('the program can be called by its name', () => {
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    bin: Record<string, string>
  }
  assert.deepEqual(bin, { 'redis-cluster-proxy': 'dist/cli/main.js' })
  assert.match(
    readFileSync('lib/cli/main.ts', 'utf8'),
    /^#!\/usr\/bin\/env -S node --min-semi-space-size=16\n/
  )
})
