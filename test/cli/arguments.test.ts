import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readArguments, USAGE } from '../../lib/cli/arguments.ts'

test('without arguments the embedded cluster is served on 127.0.0.1:7777', () => {
  assert.deepEqual(readArguments([]), { host: '127.0.0.1', port: 7777, nodes: [], help: false })
})

test('nodes stand one by one, or with commas between', () => {
  const { nodes } = readArguments(['a:1', 'b:2,c:3', ',d:4,', '/run/redis.sock'])
  assert.deepEqual(nodes, ['a:1', 'b:2', 'c:3', 'd:4', '/run/redis.sock'])
})

test('port and address may be given in every form', () => {
  for (const words of [['--port', '0'], ['--port=0'], ['-p', '0'], ['-p0']])
    assert.equal(readArguments(words).port, 0)
  assert.equal(readArguments(['a:1', '-p', '65535', 'b:2']).port, 65535)
  assert.equal(readArguments(['--bind', '::']).host, '::')
})

test('help is asked for in two ways', () => {
  for (const word of ['-h', '--help']) assert.equal(readArguments([word]).help, true)
})

test('a wrong port is refused with its value and what was expected', () => {
  for (const port of ['65536', '', 'x', '1.5', '0x10', ' 1', '+1', '1e3', '123456']) {
    assert.throws(() => readArguments(['--port', port]), {
      name: 'ProxyError',
      code: 'INVALID_OPTION',
      message: `--port: got '${port}', expected a number from 0 to 65535`,
    })
  }
})

test('an unknown flag, or one without its value, is refused by name', () => {
  for (const [words, named] of [
    [['--prot', '1'], /--prot/],
    [['-x'], /-x/],
    [['--port'], /--port/],
    [['--bind'], /--bind/],
    [['--help=yes'], /--help/],
  ] as const) {
    assert.throws(
      () => readArguments(words),
      (error: { code: string; message: string }) =>
        error.code === 'INVALID_OPTION' && named.test(error.message) && /--help/.test(error.message)
    )
  }
})

test('the help fits a terminal of 80 columns and 24 lines, and names every flag', () => {
  const lines = USAGE.trimEnd().split('\n')
  assert.ok(lines.length <= 23)
  for (const line of lines) assert.ok(line.length <= 80, line)
  for (const flag of ['-p, --port', '--bind', '-h, --help']) assert.ok(USAGE.includes(flag))
})
