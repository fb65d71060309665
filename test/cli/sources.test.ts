import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readArguments } from '../../lib/cli/arguments.ts'
import { printedConfiguration } from '../../lib/cli/printed.ts'
import { canBeReadOnce, isYaml, readConfiguration, readEnvironment } from '../../lib/cli/sources.ts'

const folder = mkdtempSync(join(tmpdir(), 'proxy-sources-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test('the command line is stronger than the environment, and that than the file', () => {
  const conf = file(
    'a.conf',
    'port 1\nmaxclients 1\nthreads 1\ncluster a:1\ncluster b:1\nbind ::1\n'
  )
  const configuration = readConfiguration(readArguments(['-c', conf, '--port', '3', 'z:9']), {
    REDIS_CLUSTER_PROXY_PORT: '2',
    REDIS_CLUSTER_PROXY_MAX_CLIENTS: '2',
    OTHER: 'x',
  })
  const assertFound = (name: string, expected: unknown, from: string) => {
    const { value, source } = configuration.find(name)
    assert.deepEqual({ value, source }, { value: expected, source: from })
  }
  assertFound('port', 3, 'command line')
  assertFound('maxclients', 2, 'environment')
  assertFound('threads', 1, 'file')
  assertFound('bind', ['::1'], 'file')
  assert.deepEqual(configuration.value('cluster'), ['z:9'])
})

test('what Kubernetes tells of a service of our name is not taken for options', () => {
  const entries = readEnvironment({
    REDIS_CLUSTER_PROXY_PORT: 'tcp://10.0.0.1:7777',
    REDIS_CLUSTER_PROXY_SERVICE_HOST: '10.0.0.1',
    REDIS_CLUSTER_PROXY_SERVICE_PORT_REDIS: '7777',
    REDIS_CLUSTER_PROXY_PORT_7777_TCP_ADDR: '10.0.0.1',
    REDIS_CLUSTER_PROXY_REDIS_NODES: 'a:1,b:2',
  })
  assert.deepEqual(
    entries.map(({ option, origin }) => [option.name, origin]),
    [['cluster', 'REDIS_CLUSTER_PROXY_REDIS_NODES']]
  )
})

test('YAML and directives are told apart by the name of the file, or else by the first line', () => {
  assert.equal(isYaml('port 1', 'x.yml'), true)
  assert.equal(isYaml('port: 1', 'x.conf'), false)
  for (const text of ['port: 1', '# c\n\nredis_nodes:\n  - a:1', '---\nport: 1'])
    assert.equal(isYaml(text, 'x'), true, text)
  for (const text of ['port 1', '# a: b\nport 1', '', 'unixsocket a:b'])
    assert.equal(isYaml(text, 'x'), false, text)
})

test('what is printed is a configuration again, without secrets', () => {
  const said = readArguments([
    ...[
      '-a',
      'secret',
      '--password',
      'secret2',
      '--user',
      'a on >secret3 +@all',
      '--unixsocketperm',
      '760',
      '--nat-map',
      'a:1=b:2',
    ],
    ...['--logfile', 'a "b"', '--bind', '::1', '--enable-cross-slot', 'gather', 'x:1', 'y:2'],
  ])
  const configuration = readConfiguration(said, {})
  const text = printedConfiguration(configuration)
  assert.doesNotMatch(text, /secret/)
  assert.match(text, /^# auth \(from the command line, not shown\)$/m)
  assert.match(text, /^# port 7777$/m)
  const again = readConfiguration(readArguments(['-c', file('printed.conf', text)]), {})
  const names = again.differences(configuration).map(({ name }) => name)
  assert.deepEqual(names, ['auth', 'password', 'users'])
})

test('what can be read once is told from files', () => {
  for (const path of ['-', '/dev/null', tmpdir()]) assert.equal(canBeReadOnce(path), true, path)
  for (const path of ['', 'package.json', 'none.conf']) {
    assert.equal(canBeReadOnce(path), false, path)
  }
})
