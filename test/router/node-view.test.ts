import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSettled, readNodeView } from '../../lib/router/node-view.ts'

const [A, B] = ['a'.repeat(40), 'b'.repeat(40)]
const LINES =
  `${B} 127.0.0.1:2@12 master - 0 0 2 connected 100-200\n` +
  `${A} 127.0.0.1:1@11,host myself,master - 0 0 1 connected 0-3 7 [7->-${B}] [9-<-${B}]\n`

describe('how a node sees its slots', () => {
  it('is read from its own line, in either version of the protocol', () => {
    for (const frame of [
      `$${LINES.length}\r\n${LINES}\r\n`,
      `=${LINES.length + 4}\r\ntxt:${LINES}\r\n`,
    ]) {
      const view = readNodeView(Buffer.from(frame))!
      assert.equal(view.id, A)
      assert.deepEqual([...view.owned], [0, 1, 2, 3, 7])
      assert.deepEqual([...view.migrating], [[7, B]])
      assert.deepEqual([...view.importing], [9])
      assert.ok(!isSettled(view))
    }
  })

  it('is unknown from an error, and from a text without that line', () => {
    assert.equal(readNodeView(Buffer.from('-NOPERM no\r\n')), undefined)
    assert.equal(readNodeView(Buffer.from('$3\r\nfoo\r\n')), undefined)
  })

  it('may be of no slots at all', () => {
    const line = `${A} 127.0.0.1:1@11 myself,slave ${B} 0 0 1 connected\n`
    const view = readNodeView(Buffer.from(`$${line.length}\r\n${line}\r\n`))!
    assert.equal(view.owned.lowest(), -1)
    assert.ok(isSettled(view))
  })
})
