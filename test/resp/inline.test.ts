import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { splitInline } from '../../lib/resp/inline.ts'
import { connect } from '../support/raw-client.ts'
import { type RealServer, startServer } from '../support/real-server.ts'
import { encodeCommand } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'

const split = (line: string): string[] | undefined =>
  splitInline(Buffer.from(line, 'latin1'))?.map((word) => word.toString('latin1'))

describe('splitInline', () => {
  const cases: [line: string, words: string[] | undefined][] = [
    ['', []],
    [' \t\v\f\r ', []],
    ['GET  key ', ['GET', 'key']],
    ['f\vg\f h', ['f\vg\f', 'h']],
    ['SET k ""', ['SET', 'k', '']],
    ['"a b"', ['a b']],
    ['a"b c"', ['ab c']],
    ["'a b'", ['a b']],
    ['"\\x41\\n\\r\\t\\b\\a\\"\\\\\\q"', ['A\n\r\t\b\x07"\\q']],
    ['"\\xZZ"', ['xZZ']],
    ['"\\x4"', ['x4']],
    ["'\\x41\\''", ["\\x41'"]],
    ['"a', undefined],
    ["'a", undefined],
    ['"a\\"', undefined],
    ['"a"b', undefined],
    ["'a'b", undefined],
    ['a\0b c', ['a']],
  ]
  for (const [line, words] of cases) {
    it(`reads ${JSON.stringify(line)}`, () => {
      assert.deepEqual(split(line), words)
    })
  }
})

describe('splitInline beside a real server', needsServer, () => {
  let server: RealServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  // A script that echoes all of its arguments shows every word, where ECHO would show one.
  const echoAll = "EVAL 'return ARGV' 0 "
  const piece = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom('"', "'", '\\', 'x', '4', 'f', 'F', 'n', ' ', '\t'),
    },
    { weight: 2, arbitrary: fc.constantFrom('\\x4a', '\\"', "\\'", '" ', "' ", '""', "''", '\r') },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 255 }).map((byte) => String.fromCharCode(byte)),
    }
  )
  // No NUL: the server looks for the end of the line by strchr, and so never finds one behind a NUL.
  const line = fc
    .array(piece, { maxLength: 16 })
    .map((pieces) => pieces.join('').replaceAll('\n', ''))

  it('finds the words that the server finds, and the lines that it refuses', async () => {
    await fc.assert(
      fc.asyncProperty(line, async (text) => {
        await using client = await connect(server.port)
        client.send(Buffer.from(`${echoAll}${text}\r\n`, 'latin1'))
        const reply = await client.readReply()
        const words = split(`${echoAll}${text}`)
        if (words === undefined) {
          assert.equal(String(reply), '-ERR Protocol error: unbalanced quotes in request\r\n')
        } else {
          const args = words.slice(3).map((word) => Buffer.from(word, 'latin1'))
          assert.deepEqual(reply, encodeCommand(args))
        }
      }),
      { numRuns: 400 }
    )
  })

  it('finds the word of an inline ECHO', async () => {
    await using client = await connect(server.port)
    client.send('ECHO "a\\x00\\r\\nb"\n')
    assert.deepEqual(await client.readReply(), Buffer.from('$5\r\na\0\r\nb\r\n'))
  })
})
