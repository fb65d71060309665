import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createClusterProxy } from '../lib/index.ts'
import { startProxied } from './support/proxied-cluster.ts'

const execute = promisify(execFile)
const EXAMPLE_LIMIT_MS = 20_000

/** Examples import the package by its name. Here that means the sources, so that no build is needed. */
const SOURCES: Readonly<Record<string, string>> = {
  'redis-cluster-proxy': new URL('../lib/index.ts', import.meta.url).href,
  'redis-cluster-proxy/testing': new URL('../lib/testing/index.ts', import.meta.url).href,
}

const asModule = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`

const HOOKS = asModule(`
  const sources = ${JSON.stringify(SOURCES)}
  export const resolve = (name, context, next) => next(sources[name] ?? name, context)`)
const REGISTER = asModule(`
  import { register } from 'node:module'
  register(${JSON.stringify(HOOKS)})`)

/** Runs an example until it ends of its own accord, and gives the lines that it printed. */
async function run(name: string): Promise<string[]> {
  const file = fileURLToPath(new URL(`../examples/${name}`, import.meta.url))
  const args = ['--import', 'tsx', '--import', REGISTER, file]
  // Without the mark of a test runner above it, which changes how node:test reports.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout, stderr } = await execute(process.execPath, args, {
    env,
    timeout: EXAMPLE_LIMIT_MS,
  })
  assert.equal(stderr, '')
  return stdout.trimEnd().split('\n')
}

/** What an example printed about events of one name, as JSON. */
function events(lines: readonly string[], name: string): Record<string, unknown>[] {
  const found = lines.filter((line) => line.startsWith(`${name} {`))
  return found.map((line) => JSON.parse(line.slice(name.length)))
}

test('a host application sees redirects, changes of the topology and commands', async () => {
  const lines = await run('embed.ts')
  assert.deepEqual(
    lines.filter((line) => line.includes(' -> ')),
    ['SET greeting hello -> "+OK\\r\\n"', 'GET greeting -> "$5\\r\\nhello\\r\\n"']
  )

  const [redirect, ...moreRedirects] = events(lines, 'redirect')
  assert.deepEqual(moreRedirects, [])
  const { from, to, ...rest } = redirect!
  assert.deepEqual(rest, { kind: 'moved', slot: 12714, command: 'get', attempt: 1 })
  assert.match(String(from), /^127\.0\.0\.1:\d+$/)
  assert.match(String(to), /^127\.0\.0\.1:\d+$/)
  assert.notEqual(from, to)

  const [start, moved, ...moreChanges] = events(lines, 'topologyChange')
  assert.deepEqual(moreChanges, [])
  const { added, ...first } = start!
  assert.equal((added as string[]).length, 3)
  assert((added as unknown[]).includes(from) && (added as unknown[]).includes(to))
  const empty = { removed: [], promoted: [], nodes: 3 }
  const versions = { before: 0, after: 1 }
  assert.deepEqual(first, { reason: 'start', slotsMoved: 16384, versions, ...empty })
  const second = { before: 1, after: 2 }
  const change = { reason: 'redirect', slotsMoved: 1, added: [], versions: second, ...empty }
  assert.deepEqual(moved, change)

  const commands = events(lines, 'command').map(({ latency, ...event }) => {
    assert(typeof latency === 'number' && latency >= 0 && latency < EXAMPLE_LIMIT_MS)
    return event
  })
  const common = { clientId: 1, slot: 12714, retries: 0 }
  // Bytes are those of the RESP form, in which inline commands go on to the node.
  const set = { requestBytes: 38, replyBytes: '+OK\r\n'.length }
  const get = { requestBytes: 27, replyBytes: '$5\r\nhello\r\n'.length }
  assert.deepEqual(commands, [
    { command: 'set', node: from, redirects: 0, ...common, ...set },
    { command: 'get', node: to, redirects: 1, ...common, ...get },
  ])
})

test("a service's own tests pass against the fake cluster", async () => {
  const output = (await run('unit-test.ts')).join('\n')
  assert.match(output, /^# pass 4$|^ℹ pass 4$/m)
  assert.match(output, /^# fail 0$|^ℹ fail 0$/m)
})

/** The exit code of a probe of the Kubernetes example, at another port. */
async function probed(probe: 'liveness' | 'readiness', port: number): Promise<number> {
  const manifest = readFileSync(new URL('../examples/kubernetes.yaml', import.meta.url), 'utf8')
  const [, code] =
    new RegExp(`${probe}Probe:\\s+exec:\\s+command: \\[node, -e, (".*")\\]`).exec(manifest) ?? []
  const words = ['-e', String(JSON.parse(code!)).replace('7777', String(port))]
  const child = spawn(process.execPath, words, { timeout: EXAMPLE_LIMIT_MS })
  const [status] = (await once(child, 'exit')) as [number]
  return status
}

test('the probes of the sidecar tell a proxy that is full or refuses from one that is dead, and that the cluster is not known', async () => {
  await using stage = await startProxied({ options: { maxClients: 1 } })
  assert.deepEqual(
    [await probed('liveness', stage.port), await probed('readiness', stage.port)],
    [0, 0]
  )
  const client = await stage.connect()
  assert.equal(await client.ask('PING'), 'PONG')
  // Killing it now would cut off all clients.
  assert.equal(await probed('liveness', stage.port), 0)
  await using guarded = await startProxied({ options: { password: 'secret' } })
  assert.equal(await probed('liveness', guarded.port), 0)
  const lost = createClusterProxy({ nodes: '127.0.0.1:1' }).listen(0, '127.0.0.1')
  await once(lost, 'listening')
  const { port } = lost.address() as AddressInfo
  assert.deepEqual([await probed('liveness', port), await probed('readiness', port)], [0, 1])
  await lost.shutdown({ timeout: 0 })
  assert.equal(await probed('liveness', port), 1)
})
