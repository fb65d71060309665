import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readArguments } from '../../lib/cli/arguments.ts'
import { Configuration } from '../../lib/cli/configuration.ts'

/** What the command line alone comes to. */
function values(...words: string[]): Configuration {
  return new Configuration({
    file: [],
    environment: [],
    'command line': readArguments(words).entries,
  })
}

test('a switch takes the digits that PROXY CONFIG SET has for it, and no node for one', () => {
  for (const digit of ['0', '1']) {
    const { entries } = readArguments(['--enable-cross-slot', digit, 'a:1'])
    assert.deepEqual(
      entries.map(({ written }) => written),
      [digit, ['a:1']]
    )
  }
})

test('without arguments there is the default of each option, as the official proxy has them', () => {
  const configuration = values()
  const defaults: Record<string, unknown> = {
    port: 7777,
    maxclients: 10_000,
    tcpkeepalive: 300,
    'tcp-backlog': 511,
    daemonize: false,
    pidfile: '',
    logfile: '',
    unixsocket: '',
    unixsocketperm: 0,
    bind: [],
    'connections-pool-size': 10,
    'connections-pool-min-size': 10,
    'connections-pool-spawn-every': 50,
    'connections-pool-spawn-rate': 2,
    'disable-multiplexing': 'auto',
    'enable-cross-slot': false,
    auth: '',
    'auth-user': '',
    'disable-colors': false,
    'log-level': 'info',
    'dump-queries': false,
    'dump-buffer': false,
    'dump-queues': false,
    'protected-mode': true,
    'enable-debug-command': false,
    cluster: [],
  }
  for (const [name, value] of Object.entries(defaults)) {
    assert.deepEqual(configuration.find(name), { value, source: 'default' }, name)
  }
})

test('every flag of the official proxy is understood', () => {
  const configuration = values(
    ...['-p', '7000', '--maxclients', '5', '--threads', '4', '--tcpkeepalive', '60'],
    ...['--tcp-backlog', '100', '--daemonize', '--pidfile', 'a.pid', '--logfile', 'a.log'],
    ...['--unixsocket', 'a.sock', '--unixsocketperm', '0760', '--bind', '127.0.0.1'],
    ...['--bind', '::1', '--connections-pool-size', '20', '--connections-pool-min-size', '5'],
    ...['--connections-pool-spawn-every', '10', '--connections-pool-spawn-rate', '3'],
    ...['--disable-multiplexing', 'auto', '--enable-cross-slot', '-a', 'secret'],
    ...['--auth-user', 'me', '--disable-colors', '--log-level', 'Warning', '--dump-queries'],
    ...['--dump-buffer', '--dump-queues', '127.0.0.1:7000']
  )
  const expected: Record<string, unknown> = {
    port: 7000,
    maxclients: 5,
    threads: 4,
    tcpkeepalive: 60,
    'tcp-backlog': 100,
    daemonize: true,
    pidfile: 'a.pid',
    logfile: 'a.log',
    unixsocket: 'a.sock',
    unixsocketperm: 0o760,
    bind: ['127.0.0.1', '::1'],
    'connections-pool-size': 20,
    'connections-pool-min-size': 5,
    'connections-pool-spawn-every': 10,
    'connections-pool-spawn-rate': 3,
    'enable-cross-slot': true,
    'disable-colors': true,
    'log-level': 'warning',
    'dump-queries': true,
    'dump-buffer': true,
    'dump-queues': true,
    cluster: ['127.0.0.1:7000'],
  }
  for (const [name, value] of Object.entries(expected)) {
    assert.deepEqual(configuration.value(name), value, name)
  }
  assert.deepEqual(configuration.libraryOptions(), {
    maxClients: 5,
    keepAlive: 60,
    privatePoolSize: 20,
    privatePoolMinSize: 5,
    privatePoolSpawnEvery: 10,
    privatePoolSpawnRate: 3,
    crossSlot: true,
    protectedMode: true,
    privatePoolPrefill: true,
    nodes: ['127.0.0.1:7000'],
    credentials: { username: 'me', password: 'secret' },
  })
})

test('nodes stand one by one, with commas between, or behind --cluster', () => {
  const words = ['a:1', 'b:2,c:3', ',d:4,', '/run/redis.sock', '--cluster', 'e:5', ':7000']
  assert.deepEqual(values(...words).value('cluster'), [
    'e:5',
    'a:1',
    'b:2',
    'c:3',
    'd:4',
    '/run/redis.sock',
    ':7000',
  ])
  assert.deepEqual(values('--', '--odd').value('cluster'), ['--odd'])
})

test('a value may stand behind a blank, an equals sign, or a single letter', () => {
  for (const words of [['--port', '0'], ['--port=0'], ['-p', '0'], ['-p0']])
    assert.equal(values(...words).value('port'), 0)
  assert.equal(readArguments(['-c', 'x.conf']).file, 'x.conf')
  assert.equal(readArguments(['-c', '-']).file, '-')
  assert.equal(readArguments(['--config=x.yaml']).file, 'x.yaml')
})

test('a switch may be told off, and takes no node for its value', () => {
  assert.equal(values('--enable-cross-slot', 'no').value('enable-cross-slot'), false)
  assert.equal(values('--enable-cross-slot', 'gather').value('enable-cross-slot'), 'gather')
  assert.equal(values('--protected-mode=no').value('protected-mode'), false)
  const configuration = values('--enable-cross-slot', '127.0.0.1:7000')
  assert.deepEqual(configuration.value('cluster'), ['127.0.0.1:7000'])
  assert.equal(configuration.value('enable-cross-slot'), true)
})

test('options of the library have the same names, with dashes', () => {
  const { readFrom, retryBudget, natMap, nodes } = values(
    ...['--read-from', 'replica', '--retry-budget=7', '--nat-map', 'a:1=b:2'],
    ...['--nat-map', 'c:1=d', 'x:1']
  ).libraryOptions()
  assert.deepEqual(
    { readFrom, retryBudget, natMap, nodes },
    { readFrom: 'replica', retryBudget: 7, natMap: { 'a:1': 'b:2', 'c:1': 'd' }, nodes: ['x:1'] }
  )
})

test('what else it can do is asked for in these ways, and help comes first', () => {
  for (const [words, action] of [
    [['-h'], 'short-help'],
    [['--help', '--version'], 'help'],
    [['--version', '-h'], 'short-help'],
    [['-h', '--version'], 'short-help'],
    [['-v'], 'version'],
    [['--check-config'], 'check-config'],
    [['a:1', '--print-config'], 'print-config'],
    [[], 'serve'],
  ] as const)
    assert.equal(readArguments(words).action, action)
})
