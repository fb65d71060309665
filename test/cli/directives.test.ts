import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { Configuration } from '../../lib/cli/configuration.ts'
import { readDirectives } from '../../lib/cli/directives.ts'
import { listedOptions, optionNamed } from '../../lib/cli/program-options.ts'
import { wordsOf } from '../../lib/cli/words.ts'

function read(text: string, file = 'proxy.conf'): Configuration {
  return new Configuration({
    file: readDirectives(text, file),
    environment: [],
    'command line': [],
  })
}

test('words are bare, or quoted with and without escapes', () => {
  assert.deepEqual(wordsOf(`a "b c" 'd "e"' "\\x41\\n\\"" 'it\\'s' "" x"y`), [
    'a',
    'b c',
    'd "e"',
    'A\n"',
    "it's",
    '',
    'x"y',
  ])
  const bytes = String.raw`"caf\xc3\xa9\x21" "\x41é\xC3\xA9"`
  assert.deepEqual(wordsOf(bytes), ['café!', 'Aéé'])
  for (const line of ['"a', "'a", '"a"b', "x 'a'b"]) assert.equal(wordsOf(line), undefined, line)
})

test('the sample of the official proxy is understood', () => {
  const configuration = read(`
# comment
cluster 127.0.0.1:7000
entry-point 127.0.0.1:7001
port 7777
bind 127.0.0.1
bind ::1
unixsocket "/run/a b.sock"
unixsocketperm 760
threads 8
tcpkeepalive 300
tcp-backlog 511
connections-pool-size 10
connections-pool-spawn-rate 50
daemonize no
logfile ""
enable-cross-slot yes
max-clients 5
auth #secret
auth-user me
log-level error
  dump-queries yes\r
`)
  assert.deepEqual(configuration.value('cluster'), ['127.0.0.1:7000', '127.0.0.1:7001'])
  assert.deepEqual(configuration.value('bind'), ['127.0.0.1', '::1'])
  assert.equal(configuration.value('unixsocket'), '/run/a b.sock')
  assert.equal(configuration.value('unixsocketperm'), 0o760)
  assert.equal(configuration.value('maxclients'), 5)
  assert.equal(configuration.value('auth'), '#secret')
  assert.equal(configuration.value('logfile'), '')
  assert.equal(configuration.value('dump-queries'), true)
})

test('later lines override earlier ones, and lists of one line are as good as several lines', () => {
  const configuration = read('port 1\nport 2\nmaxclients 3\nmax-clients 4\ncluster a:1 b:2,c:3\n')
  assert.equal(configuration.value('port'), 2)
  assert.equal(configuration.value('maxclients'), 4)
  assert.deepEqual(configuration.value('cluster'), ['a:1', 'b:2', 'c:3'])
})

test('files include others beside them or in the working directory, and what follows overrides', () => {
  const folder = mkdtempSync(join(tmpdir(), 'proxy-conf-'))
  try {
    mkdirSync(join(folder, 'more'))
    writeFileSync(join(folder, 'one.conf'), 'port 1\ninclude more/two.conf\nmaxclients 9\n')
    writeFileSync(join(folder, 'more', 'two.conf'), 'port 2\nmaxclients 2\ninclude "three.conf"\n')
    writeFileSync(join(folder, 'more', 'three.conf'), 'threads 3\n')
    const file = join(folder, 'main.conf')
    const configuration = read('include one.conf\n', file)
    assert.deepEqual(
      ['port', 'maxclients', 'threads'].map((name) => configuration.value(name)),
      [2, 9, 3]
    )
    writeFileSync(join(folder, 'one.conf'), 'include main.conf\n')
    writeFileSync(file, 'include one.conf\n')
    assert.throws(
      () => read('include one.conf\n', file),
      /one\.conf line 1: include 'main\.conf': files include one another in a circle/
    )
    assert.throws(
      () => read('include none.conf\n', file),
      /main\.conf line 1: include 'none\.conf': ENOENT/
    )
    writeFileSync(file, 'port 4\n')
    const here = relative(process.cwd(), file)
    assert.equal(read(`include ${here}\n`, join(folder, 'more', 'x.conf')).value('port'), 4)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('users are written as in redis.conf, a line each, and quotes keep blanks together', () => {
  const text = 'user alice on ">my secret" ~app:* +@read\nusers bob on nopass +@all\nport 1\n'
  assert.deepEqual(read(text).value('users'), [
    ['alice', 'on', '>my secret', '~app:*', '+@read'],
    ['bob', 'on', 'nopass', '+@all'],
  ])
  const { users } = read(text).libraryOptions()
  assert.equal((users as unknown[]).length, 2)
})

test('the example explains every directive, and what it comments out is the default', () => {
  const text = readFileSync(new URL('../../examples/proxy.conf', import.meta.url), 'utf8')
  const configuration = read(text)
  for (const { name, commandLineOnly } of listedOptions) {
    if (commandLineOnly !== true) assert.match(text, new RegExp(`^(# )?${name}( |$)`, 'm'), name)
  }
  const beforeFurther = text.slice(0, text.indexOf('# Every option of docs'))
  // Those whose default is none are shown with a value that could be.
  const withoutDefault =
    /^(?:include|auth|auth-user|unixsocket|unixsocketperm|password|pidfile|logfile|threads)$/
  const commented = [...beforeFurther.matchAll(/^# ([a-z-]+) (\S+)$/gm)]
  const defaults = commented.filter(([, name]) => !withoutDefault.test(name!))
  assert.ok(defaults.length >= 20)
  for (const [, name, value] of defaults) {
    const option = optionNamed(name!)!
    assert.equal(option.kind.read(value!), option.default, name)
  }
  assert.deepEqual(configuration.value('bind'), ['127.0.0.1'])
})
