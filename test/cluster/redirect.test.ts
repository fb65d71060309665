import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Redirect, readRedirect } from '../../lib/cluster/redirect.ts'

/** Reads an error of the given text, with other bytes around it. */
function read(text: string): Redirect {
  const frame = Buffer.from(`-${text}\r\n`, 'latin1')
  const buffer = Buffer.concat([Buffer.from('+x\r\n'), frame, Buffer.from('+y\r\n')])
  return readRedirect(buffer, 4, 4 + frame.length)
}

const NONE = { verdict: 'none', slot: -1, host: '', port: 0 }

test('MOVED and ASK are read with slot, host and port', () => {
  assert.deepEqual(read('MOVED 3999 127.0.0.1:6381'), {
    verdict: 'moved',
    slot: 3999,
    host: '127.0.0.1',
    port: 6381,
  })
  assert.deepEqual(read('ASK 0 node.example.org:1'), {
    verdict: 'ask',
    slot: 0,
    host: 'node.example.org',
    port: 1,
  })
  assert.deepEqual(read('MOVED 16383 a:65535'), {
    verdict: 'moved',
    slot: 16383,
    host: 'a',
    port: 65535,
  })
})

test('an unknown host is empty: it is that of the node which answered', () => {
  for (const host of ['', '?']) assert.equal(read(`MOVED 1 ${host}:7001`).host, '')
  assert.equal(read('ASK 1 :7001').port, 7001)
})

test('an IPv6 host is split off at the last colon', () => {
  assert.deepEqual(read('MOVED 1 ::1:7001'), { verdict: 'moved', slot: 1, host: '::1', port: 7001 })
  assert.equal(read('MOVED 1 2001:db8::7:7001').host, '2001:db8::7')
})

const MALFORMED: readonly string[] = [
  'MOVED',
  'MOVED ',
  'MOVED 1',
  'MOVED 1 ',
  'MOVED 1 a',
  'MOVED 1 a:',
  'MOVED 1 a:0',
  'MOVED 1 a:07001',
  'MOVED 1 a:65536',
  'MOVED 1 a:99999',
  'MOVED 1 a:+1',
  'MOVED 1 a:7001 ',
  'MOVED 1 a:7001 more',
  'MOVED 1 a b:7001',
  'MOVED  1 a:7001',
  'MOVED 16384 a:7001',
  'MOVED 99999 a:7001',
  'MOVED 123456 a:7001',
  'MOVED -1 a:7001',
  'MOVED 01 a:7001',
  'MOVED 1.5 a:7001',
  'MOVED 0x1 a:7001',
  'MOVED __proto__ a:7001',
  'MOVED constructor a:7001',
  'MOVED a:7001 1',
  'moved 1 a:7001',
  'Moved 1 a:7001',
  'MOVEDX 1 a:7001',
  ' MOVED 1 a:7001',
  'ERR MOVED 1 a:7001',
  'ASKING 1 a:7001',
  'ask 1 a:7001',
  '',
]

test('whatever is not exactly what a server writes is an ordinary error', () => {
  for (const text of MALFORMED) assert.deepEqual(read(text), NONE, JSON.stringify(text))
})

test('a redirect that is too long to be one is not read in part', () => {
  for (let length = 250; length < 340; length++) {
    const text = `MOVED 1 ${'h'.repeat(length)}:7001`
    const { verdict, port } = read(text)
    if (verdict === 'moved') assert.equal(port, 7001)
    else assert.ok(length > 255)
  }
  assert.deepEqual(read(`MOVED 1 ${'h'.repeat(307)}:7001`), NONE)
})

test('errors after which the same request may succeed later are known by their code', () => {
  const verdicts = {
    'TRYAGAIN Multiple keys request during rehashing of slot': 'tryagain',
    'CLUSTERDOWN Hash slot not served': 'clusterdown',
    'CLUSTERDOWN The cluster is down': 'clusterdown',
    'LOADING Redis is loading the dataset in memory': 'loading',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.":
      'masterdown',
    "READONLY You can't write against a read only replica.": 'readonly',
    'NOAUTH Authentication required.': 'noauth',
    CLUSTERDOWN: 'clusterdown',
  }
  for (const [text, verdict] of Object.entries(verdicts))
    assert.deepEqual(read(text), { ...NONE, verdict })
})

test('other errors are none of the business of the proxy', () => {
  for (const text of [
    'ERR unknown command',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'NOPERM this user has no permissions',
    'CROSSSLOT Keys in request do not hash to the same slot',
    'TRYAGAINX no',
    'LOADINGDOCK',
    'toString',
    'CONSTRUCTOR',
    '__proto__',
    'A',
    'MASTERDOWNX',
  ])
    assert.deepEqual(read(text), NONE, text)
})

test('any text is read without failing, and a redirect names a slot and a port that exist', () => {
  const word = fc.constantFrom(
    'MOVED',
    'ASK',
    ' ',
    ':',
    '1',
    '16384',
    '::1',
    '7001',
    'a',
    '\0',
    '-'
  )
  const text = fc.array(fc.oneof(word, fc.string({ maxLength: 4 })), { maxLength: 12 })
  fc.assert(
    fc.property(text, (parts) => {
      const { verdict, slot, port } = read(parts.join('').replace(/[\r\n]/g, ''))
      if (verdict !== 'moved' && verdict !== 'ask') return slot === -1 && port === 0
      return slot >= 0 && slot < 16384 && port > 0 && port < 65536
    }),
    { numRuns: 1000 }
  )
})
