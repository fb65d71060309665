import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Configuration } from '../../lib/cli/configuration.ts'
import { readYaml } from '../../lib/cli/yaml.ts'

function read(text: string): Configuration {
  return new Configuration({
    file: readYaml(text, 'proxy.yaml'),
    environment: [],
    'command line': [],
  })
}

test('users are a list of lines as in redis.conf', () => {
  const text = 'users:\n  - alice on ">my secret" ~app:* +@read\n  - "bob on nopass +@all"\n'
  const configuration = new Configuration({
    file: readYaml(text, 'proxy.yaml'),
    environment: [],
    'command line': [],
  })
  assert.deepEqual(configuration.value('users'), [
    ['alice', 'on', '>my secret', '~app:*', '+@read'],
    ['bob', 'on', 'nopass', '+@all'],
  ])
})

test('users may have the names that the library has for what they are', () => {
  const configuration = read(`
users:
  - name: reports
    password_sha256: ${'0'.repeat(64)}
    rights: read
  -   name: app     # the rest is indented as this is
      password: [old, "new one"]
      rights: write
      keys: ["~app:*", "%R~shared:*"]
      commands: +keys -flushall
      channels: '&app'
      enabled: yes
  - {name: nobody}
  - ops on nopass ~* &* +@all
`)
  assert.deepEqual(configuration.value('users'), [
    { name: 'reports', passwordSha256: '0'.repeat(64), rights: 'read' },
    {
      name: 'app',
      password: ['old', 'new one'],
      rights: 'write',
      keys: ['~app:*', '%R~shared:*'],
      commands: '+keys -flushall',
      channels: '&app',
      enabled: true,
    },
    { name: 'nobody' },
    ['ops', 'on', 'nopass', '~*', '&*', '+@all'],
  ])
})

test('the sample of the promises is understood', () => {
  const configuration = read(`---
proxy_port: 6379   # a comment
redis_nodes:
  - 127.0.0.1:7000
  - "127.0.0.1:7001"
auto_redirect: false
`)
  assert.equal(configuration.value('port'), 6379)
  assert.deepEqual(configuration.libraryOptions(), {
    nodes: ['127.0.0.1:7000', '127.0.0.1:7001'],
    autoRedirect: false,
    protectedMode: true,
    privatePoolPrefill: true,
  })
})

test('lists and maps stand on lines of their own or in brackets, under any spelling of a name', () => {
  const configuration = read(`
bind: [127.0.0.1, '::1']
redisNodes:
- a:1
- /run/redis.sock
natMap: {10.0.0.1:7000: 127.0.0.1:7000, "10.0.0.2": b}
announce_map:
    10.0.0.0/8: 192.0.2.0/24   # all of it
    'c:1': d:2
announce: { host: proxy, port: 7777 }
credentials:
  username: me
  password: 12345
"read-from": any
`)
  assert.deepEqual(configuration.value('bind'), ['127.0.0.1', '::1'])
  assert.deepEqual(configuration.libraryOptions(), {
    nodes: ['a:1', '/run/redis.sock'],
    natMap: { '10.0.0.1:7000': '127.0.0.1:7000', '10.0.0.2': 'b' },
    announceMap: { '10.0.0.0/8': '192.0.2.0/24', 'c:1': 'd:2' },
    announce: { host: 'proxy', port: 7777 },
    credentials: { username: 'me', password: '12345' },
    readFrom: 'any',
    protectedMode: true,
    privatePoolPrefill: true,
  })
})

test('a value is what its option takes, however it looks', () => {
  const configuration = read(`
password: 0123
auth: 'no'
auth_user: "a # b\\u0041"
logfile: ~
log_level: debug
dump_queries: yes
daemonize: off
unixsocketperm: 0760
pidfile: it's # a comment
unixsocket: a#b
`)
  const values = ['password', 'auth', 'auth-user', 'logfile', 'dump-queries', 'daemonize']
  assert.deepEqual(
    values.map((name) => configuration.value(name)),
    ['0123', 'no', 'a # bA', '', true, false]
  )
  assert.equal(configuration.value('unixsocketperm'), 0o760)
  assert.equal(configuration.value('pidfile'), "it's")
  assert.equal(configuration.value('unixsocket'), 'a#b')
})

test('the example is right', () => {
  const text = readFileSync(new URL('../../examples/proxy.yaml', import.meta.url), 'utf8')
  assert.equal(read(text).value('port'), 7777)
})
