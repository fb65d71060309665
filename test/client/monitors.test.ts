import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MonitoringClient, Monitors, monitorLine } from '../../lib/client/monitors.ts'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'

const catalogue = Catalogue.builtIn()

/** What a monitor is shown of a command, without the time. */
function line(words: readonly (string | Uint8Array)[], address = '127.0.0.1:1'): string {
  const view = frameRequest(words)
  const text = monitorLine(catalogue.find(view)!, view, address).toString('latin1')
  assert.match(text, /^\+\d{10,}\.\d{6} \[0 /)
  return text.slice(text.indexOf('[')).trimEnd()
}

test('a command is shown as the server shows it', () => {
  assert.equal(line(['keys', '*']), '[0 127.0.0.1:1] "keys" "*"')
  assert.equal(
    line(['SET', 'x', 'a"b\\\n\x01é']),
    '[0 127.0.0.1:1] "SET" "x" "a\\"b\\\\\\n\\x01\\xc3\\xa9"'
  )
  assert.equal(
    line(['ECHO', '\r\t\x07\b\0'], '/run/s:0'),
    '[0 unix:/run/s] "ECHO" "\\r\\t\\a\\b\\x00"'
  )
})

test('secrets are not shown', () => {
  const cases: [string[], string][] = [
    [['AUTH', 'secret'], '"AUTH" "(redacted)"'],
    [['auth', 'user', 'secret'], '"auth" "(redacted)" "(redacted)"'],
    [
      ['HELLO', '3', 'auth', 'u', 'p', 'SETNAME', 'n'],
      '"HELLO" "3" "auth" "(redacted)" "(redacted)" "SETNAME" "n"',
    ],
    [
      ['HELLO', '3', 'SETNAME', 'auth', 'AUTH', 'u', 'p'],
      '"HELLO" "3" "SETNAME" "auth" "AUTH" "(redacted)" "(redacted)"',
    ],
    [
      ['MIGRATE', 'h', '1', 'auth', 'auth', 'AUTH', 'p'],
      '"MIGRATE" "h" "1" "auth" "(redacted)" "(redacted)" "(redacted)"',
    ],
    [
      ['MIGRATE', 'h', '1', 'k', '0', '10', 'AUTH', 'p'],
      '"MIGRATE" "h" "1" "k" "0" "10" "AUTH" "(redacted)"',
    ],
    [
      ['MIGRATE', 'h', '1', '', '0', '10', 'AUTH2', 'u', 'p', 'KEYS', 'k'],
      '"MIGRATE" "h" "1" "" "0" "10" "AUTH2" "(redacted)" "(redacted)" "KEYS" "k"',
    ],
  ]
  for (const [words, text] of cases) assert.equal(line(words), `[0 127.0.0.1:1] ${text}`)
})

test('what is for those who run the servers is not shown, and who reads too slowly has to go', () => {
  const got: string[] = []
  const client = {
    remoteAddress: '',
    gone: false,
    outputBytes: 0,
    push: (bytes: Buffer) => {
      got.push(String(bytes))
      client.outputBytes += bytes.length
    },
    abort: (reason: string) => {
      got.push(reason)
    },
  } satisfies MonitoringClient & { outputBytes: number }
  const monitors = new Monitors(() => 100)
  assert.equal(monitors.add(client), undefined)
  assert.ok(monitors.on)
  const show = (...words: string[]): void => {
    const view = frameRequest(words)
    monitors.show(catalogue.find(view)!, view, '127.0.0.1:1')
  }
  show('CONFIG', 'SET', 'requirepass', 'secret')
  show('ACL', 'SETUSER', 'u', '>secret')
  show('CLIENT', 'LIST')
  show('GET')
  assert.deepEqual(got, [])
  show('GET', 'k')
  assert.equal(got.length, 1)
  show('GET', 'x'.repeat(100))
  assert.match(got.at(-1)!, /subscriberOutputLimit/)
  monitors.remove(client)
  assert.ok(!monitors.on)
})
