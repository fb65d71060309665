import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readArguments } from '../../lib/cli/arguments.ts'
import { Program } from '../../lib/cli/program.ts'
import { configurationFile, readConfiguration } from '../../lib/cli/sources.ts'
import { ProxyError } from '../../lib/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'proxy-wrong-'))
after(() => rmSync(folder, { recursive: true }))

/** The message with which a configuration is refused. */
function refusal(words: readonly string[], environment: NodeJS.ProcessEnv = {}): string {
  try {
    const said = readArguments(words)
    const file = configurationFile(said.file, environment)
    Program.check(readConfiguration({ ...said, file }, environment), file)
  } catch (error) {
    assert.ok(error instanceof ProxyError, String(error))
    assert.equal(error.code, 'INVALID_OPTION')
    return error.message
  }
  return assert.fail(`it was accepted: ${words.join(' ')}`)
}

const RANGE = (from: number, to: number) => `a whole number from ${from} to ${to}`
const LEVELS = 'one of debug, info, success, warning, error'
const POOL = RANGE(0, 50)

/** Words of the command line, what of them the message names, and what it says is right. */
const COMMAND_LINES: readonly (readonly [string, string, string])[] = [
  ['--prot 1', '--prot', "did you mean 'port'?"],
  ['--maxclient 1', '--maxclient', "did you mean 'maxclients'?"],
  ['--nonsense', '--nonsense', 'see --help'],
  ['-x', '-x', 'see --help'],
  ['-z1', '-z', 'see --help'],
  ['--help=yes', '--help', 'takes no value'],
  ['--version=1', '--version', 'takes no value'],
  ['--port', '--port', RANGE(0, 65535)],
  ['--port --bind', '--port', RANGE(0, 65535)],
  ['--port 65536', "--port: got '65536'", RANGE(0, 65535)],
  ['--port x', "--port: got 'x'", RANGE(0, 65535)],
  ['--port 1.5', "--port: got '1.5'", RANGE(0, 65535)],
  ['--port 0x10', "--port: got '0x10'", RANGE(0, 65535)],
  ['--port -1', "--port: got '-1'", RANGE(0, 65535)],
  ['--port +1', "--port: got '+1'", RANGE(0, 65535)],
  ['--port 1e3', "--port: got '1e3'", RANGE(0, 65535)],
  ['--port=', "--port: got ''", RANGE(0, 65535)],
  ['-pabc', "-p: got 'abc'", RANGE(0, 65535)],
  ['-p', '-p', RANGE(0, 65535)],
  ['--port 0', '--port: 0', 'unixsocket'],
  ['localhost', "node: got 'localhost'", 'host:port'],
  ['127.0.0.1:1 --dump-queries maybe', "node: got 'maybe'", 'host:port'],
  ['127.0.0.1:7000:7001', 'node: got', "'host:port'"],
  ['--cluster=', '--cluster: got no node', 'at least one'],
  [`--unixsocket /${'x'.repeat(150)}`, '--unixsocket: got a path of 151 bytes', 'at most 10'],
  ['--maxclients 0', '--maxclients', RANGE(1, 1_000_000)],
  ['--maxclients many', '--maxclients', RANGE(1, 1_000_000)],
  ['--threads 0', '--threads', RANGE(1, 500)],
  ['--threads 501', '--threads', RANGE(1, 500)],
  ['--tcpkeepalive -5', '--tcpkeepalive', RANGE(0, 86_400)],
  ['--tcpkeepalive 1d', '--tcpkeepalive', RANGE(0, 86_400)],
  ['--tcp-backlog 0', '--tcp-backlog', RANGE(1, 65535)],
  ['--tcp-backlog x', '--tcp-backlog', RANGE(1, 65535)],
  ['--unixsocketperm 888', '--unixsocketperm', 'octal'],
  ['--unixsocketperm 1777', '--unixsocketperm', 'octal'],
  ['--unixsocketperm rwx', '--unixsocketperm', 'octal'],
  ['--connections-pool-size 51', '--connections-pool-size', POOL],
  ['--connections-pool-min-size 51', '--connections-pool-min-size', POOL],
  ['--connections-pool-spawn-rate 51', '--connections-pool-spawn-rate', RANGE(1, 50)],
  ['--connections-pool-spawn-every x', '--connections-pool-spawn-every', 'a whole number'],
  ['--disable-multiplexing never', '--disable-multiplexing', 'one of auto, always'],
  ['--enable-cross-slot=maybe', '--enable-cross-slot', 'yes, no or gather'],
  ['--daemonize=2', '--daemonize', 'yes or no'],
  ['--dump-queries=x', '--dump-queries', 'yes or no'],
  ['--dump-buffer=x', '--dump-buffer', 'yes or no'],
  ['--dump-queues=x', '--dump-queues', 'yes or no'],
  ['--disable-colors=x', '--disable-colors', 'yes or no'],
  ['--protected-mode=x', '--protected-mode', 'yes or no'],
  ['--enable-debug-command=local', '--enable-debug-command', 'yes or no'],
  ['--log-level loud', "--log-level: got 'loud'", LEVELS],
  ['--log-level', '--log-level', LEVELS],
  ['--log-format xml', '--log-format', 'one of text, json'],
  ['--shutdown-timeout soon', '--shutdown-timeout', 'a whole number'],
  ['--thread-timeout never', '--thread-timeout', 'a whole number'],
  ['--auth-user me', '--auth-user', 'auth'],
  ['-a', '-a', "as in '-a <passw>'"],
  ['-c', '-c', "as in '-c <file>'"],
  ['-c none.conf', "configuration file 'none.conf'", 'ENOENT'],
  ['--read-from everywhere', '--read-from', 'one of master, prefer-replica'],
  ['--retry-budget x', '--retry-budget', 'a whole number'],
  ['--max-redirects 0', '--max-redirects', RANGE(1, 1000)],
  ['--max-bulk-length 1', '--max-bulk-length', 'a whole number from 1024'],
  ['--refresh-interval 1', '--refresh-interval', 'a whole number from 100'],
  ['--auto-redirect=perhaps', '--auto-redirect', 'yes or no'],
  ['--resp3=2', '--resp3', 'yes or no'],
  ['--nat-map nothing', '--nat-map', 'from=to'],
  ['--nat-map 10.0.0.0/99=b:1', '--nat-map: got', 'an object from'],
  ['--announce proxy', '--announce', 'host, port'],
  ['--announce host=x', '--announce: got', '{ host, port }'],
  ['--tls certFile=none.crt', '--tls', 'ENOENT'],
  ['--tls minVersion=TLSv1.3', '--tls', 'certFile and keyFile, both'],
  ['--tls certFile=package.json', '--tls', 'certFile and keyFile, both'],
  ['--node-tls keyFile=package.json', '--node-tls', 'certFile and keyFile, both'],
  ['--tls certFile=package.json,keyFile=package.json', '--tls', 'ENOENT'],
  ['--tls certFile=package.json --tls keyFile=package.json', '--tls', 'in PEM'],
  ['--tls nothing=1', '--tls', 'certFile, keyFile, caFile'],
  ['--tls minVersion=TLSv1', '--tls', 'minVersion is wrong, expected one of TLSv1.2, TLSv1.3'],
  ['127.0.0.1:99999', 'node: got ["127.0.0.1:99999"]', "'host:port'"],
  ['http://a:1', 'node: got', "'host:port'"],
  ['a:', 'node: got', "'host:port'"],
  ['--password=', "--password: got ''", 'a string that is not empty'],
]

for (const [words, named, expected] of COMMAND_LINES) {
  test(`a stranger can act on what is said to: ${words}`, () => {
    const message = refusal(words.split(' '))
    assert.ok(message.includes(named), message)
    assert.ok(message.includes(expected), message)
  })
}

/** A file, what of it the message names, and what it says. */
const FILES: readonly (readonly [name: string, text: string, named: string, expected: string])[] = [
  ['a.conf', '\n# x\nprot 1\n', 'a.conf line 3: prot', "did you mean 'port'?"],
  ['a.conf', 'port x\n', "a.conf line 1: port: got 'x'", RANGE(0, 65535)],
  ['a.conf', 'port\n', 'a.conf line 1: port: got 0 values', 'expected one'],
  ['a.conf', 'port 1 # why\n', 'a.conf line 1: port: got 3 values', 'a comment needs a line'],
  ['a.conf', 'logfile a b\n', 'a.conf line 1: logfile: got 2 values', 'in quotes'],
  ['a.conf', 'logfile "a\n', 'a.conf line 1', 'a quote is not closed'],
  ['a.conf', 'include\n', 'a.conf line 1: include has 0 values', 'one file'],
  ['a.conf', 'include x.conf\n', "a.conf line 1: include 'x.conf'", 'ENOENT'],
  ['a.conf', 'include a.conf\n', "include 'a.conf'", 'in a circle'],
  ['a.conf', 'config b.conf\n', 'a.conf line 1: config', 'command line'],
  ['a.conf', 'port: 1\n', "a.conf line 1: behind 'port'", "'port value'"],
  ['a.conf', '{"port": 1}\n', 'a.conf line 1: expected a name', 'and its value'],
  ['a.conf', 'root:x:0 1\n', 'a.conf line 1: expected a name', 'and its value'],
  ['a.conf', 'log-level loud\n', 'a.conf line 1: log-level', LEVELS],
  ['a.conf', 'unixsocketperm 9\n', 'a.conf line 1: unixsocketperm', 'octal'],
  ['a.conf', 'threads two\n', 'a.conf line 1: threads', RANGE(1, 500)],
  ['a.conf', 'cluster\n', 'a.conf line 1: cluster: got 0 values', 'expected one'],
  ['a.yaml', 'prot: 1\n', 'a.yaml line 1: prot', "did you mean 'port'?"],
  ['a.yaml', 'port: x\n', "a.yaml line 1: port: got 'x'", RANGE(0, 65535)],
  ['a.yaml', 'port: [1]\n', 'a.yaml line 1: port: got ["1"]', RANGE(0, 65535)],
  ['a.yaml', 'port: {a: 1}\n', 'a.yaml line 1: port', RANGE(0, 65535)],
  ['a.yaml', 'port 1\n', "a.yaml line 1: behind 'port'", "'port: value'"],
  ['a.yaml', 'port:1\n', "a.yaml line 1: behind 'port'", "'port: value'"],
  ['a.yaml', 'prot 1\n', 'a.yaml line 1', "expected 'name: value'"],
  ['a.yaml', '"a\\x": 1\n', 'a.yaml line 1', 'escaped as in JSON'],
  ['a.yaml', 'port: 1\nport: 2\n', 'a.yaml line 2: port', "twice, as 'port' on line 1"],
  ['a.yaml', 'port: 1\nproxy_port: 2\n', 'a.yaml line 2: proxy_port', "twice, as 'port' on line 1"],
  ['a.yaml', ' port: 1\n', 'a.yaml line 1', 'belongs to no name above'],
  ['a.yaml', 'port: 1\n  threads: 2\n', 'a.yaml line 2', 'has a value already'],
  ['a.yaml', '\tport: 1\n', 'a.yaml line 1', 'blanks, not by tabs'],
  ['a.yaml', 'redis_nodes:\n  - a:1\n    - b:1\n', 'a.yaml line 3', 'indented in another way'],
  ['a.yaml', 'redis_nodes:\n  - a:1\n  b:1\n', 'a.yaml line 3', "'- value'"],
  ['a.yaml', 'nat_map:\n  a: b\n  a: c\n', 'a.yaml line 3', 'there twice'],
  ['a.yaml', 'nat_map: [a]\n', 'a.yaml line 1: nat_map', 'from=to'],
  ['a.yaml', 'auth: |\n  x\n', 'a.yaml line 2', 'in quotes on one line'],
  ['a.yaml', 'auth: &x y\n', 'a.yaml line 1: auth', 'YAML beyond texts'],
  ['a.yaml', 'auth: a: b\n', 'a.yaml line 1: auth', 'put it in quotes'],
  ['a.yaml', 'auth: "a\n', 'a.yaml line 1: auth', 'a double quote is not closed'],
  ['a.yaml', "auth: 'a\n", 'a.yaml line 1: auth', 'not closed'],
  ['a.yaml', 'credentials:\n  user: me\n', 'a.yaml line 1: credentials', 'username, password'],
  [
    'a.yaml',
    'credentials:\n  username: me\n',
    'a.yaml line 1: credentials',
    '{ username?, password }',
  ],
  ['a.yaml', 'announce: {host: x, port: 0}\n', 'a.yaml line 1: announce', 'value of port'],
  ['a.yaml', 'redis_nodes: [a:1, b:]\n', 'a.yaml line 1: redis_nodes', "'host:port'"],
  ['a.conf', 'cluster a:1\ncluster b:x\n', 'a.conf line 1: cluster ... ', 'line 2: cluster: got'],
  ['a.yaml', 'cross_slot: sometimes\n', 'a.yaml line 1: cross_slot', 'yes, no or gather'],
  ['a.conf', 'user a on >x +@raed\n', "user 'a': '+@raed'", 'such as +@read'],
  ['a.conf', 'user a on x\n', "user 'a': word 2", '>password'],
  ['a.yaml', 'users:\n- name: a\n  rihgts: read\n', "user 'a': 'rihgts'", 'rights, commands'],
  ['a.yaml', 'users:\n- name: a\n  rights: raed\n', "user 'a': 'rights'", 'read, write, admin'],
  ['a.yaml', 'users:\n- name: a\n  rights: read\n  nopass: 2\n', "user 'a': 'nopass'", 'true or'],
  ['a.yaml', 'redis_nodes:\n- [a:1]\n', 'a.yaml line 2: its value', 'put it in quotes'],
  ['a.yaml', 'users:\n- name: a\n  name: b\n', 'a.yaml line 3', "'name' is there twice"],
  ['a.yaml', 'users:\n- name: a\n  keys: {a: b}\n', 'a.yaml line 3', "of 'keys' is a map"],
  ['a.yaml', 'users:\n- name: a\n   keys: b\n', 'a.yaml line 3', 'indented in another way'],
  [
    'a.yaml',
    'redis_nodes:\n- host: a\n  port: 1\n',
    'a.yaml line 1: redis_nodes: got',
    'blanks or',
  ],
  ['a.yaml', 'nat_map:\n- host: a\n', 'a.yaml line 1: nat_map: got', 'from=to'],
  ['a.yaml', 'bind: [a,\n  b]\n', 'a.yaml line 2: what begins with a bracket', 'same line'],
  ['a', 'port: x\n', 'a line 1: port', RANGE(0, 65535)],
  ['a.conf', 'port 1\n', 'a.conf: it names no node', 'at least one'],
  ['a.yaml', '# later\n', 'a.yaml: it names no node', 'at least one'],
  ['a.yaml', 'redis_nodes: []\n', 'a.yaml line 1: redis_nodes: got no node', 'at least one'],
  ['a.yaml', 'redis_nodes: [redis]\n', "a.yaml line 1: redis_nodes: got 'redis'", 'host:port'],
]

for (const [name, text, named, expected] of FILES) {
  test(`a stranger can act on what is said to ${name}: ${JSON.stringify(text)}`, () => {
    const path = join(folder, name)
    writeFileSync(path, text)
    const message = refusal(['-c', path])
    assert.ok(message.includes(named), message)
    assert.ok(message.includes(expected), message)
  })
}

test('a stranger can act on what is said to the environment', () => {
  for (const [variable, text, expected] of [
    ['PORT', 'x', RANGE(0, 65535)],
    ['PROT', '1', "did you mean 'port'?"],
    ['LOG_LEVEL', 'loud', LEVELS],
    ['DAEMONIZE', 'perhaps', 'yes or no'],
    ['CONFIG', 'none.conf', 'ENOENT'],
    ['CLUSTER', '', 'at least one'],
  ] as const) {
    const message = refusal([], { [`REDIS_CLUSTER_PROXY_${variable}`]: text })
    if (variable !== 'CONFIG')
      assert.ok(message.includes(`REDIS_CLUSTER_PROXY_${variable}`), message)
    assert.ok(message.includes(expected), message)
  }
})

test('no message tells a secret', () => {
  const path = join(folder, 'secret.yaml')
  writeFileSync(path, 'credentials: hunter2\n')
  for (const words of [
    ['-c', path],
    ['--credentials', 'hunter2'],
    ['--tls', 'passphrase=hunter2', '--tls', 'wrong=1'],
    ['--user', 'a on hunter2'],
    ['--user', 'a on >hunter2 +@raed'],
    ['--user', '>hunter2 on +@raed'],
    ['--user', '#hunter2 +@all'],
    ['--user', 'a on ">hunter2'],
  ])
    assert.doesNotMatch(refusal(words), /hunter2/)
  for (const text of [
    'auth: &hunter2',
    'auth: hunter2: x',
    'auth: "hunter2',
    'auth hunter2',
    'auth:hunter2',
    'auth:\nhunter2',
    'users:\n  - a on\n  hunter2',
    'credentials:\n  hunter2',
  ]) {
    writeFileSync(path, text)
    assert.doesNotMatch(refusal(['-c', path]), /hunter2/, text)
  }
  const directives = join(folder, 'secret.conf')
  for (const text of ['auth=hunter2', 'auth:hunter2', '"auth hunter2"', '="hunter2"']) {
    writeFileSync(directives, text)
    assert.doesNotMatch(refusal(['-c', directives]), /hunter2/, text)
  }
})

test('there are at least a hundred', () => {
  assert.ok(COMMAND_LINES.length + FILES.length >= 100)
})
