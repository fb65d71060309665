import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failures, firstFailureText, partialFailureText } from '../../lib/router/failures.ts'

const raw = (...frames: string[]): Buffer[] => frames.map((frame) => Buffer.from(frame))

describe('the parts that failed', () => {
  it('are those whose reply is an error, with its text, its node, and whether the outcome is open', () => {
    const replies = raw(
      '+OK\r\n',
      '-OOM no memory\r\n',
      '|1\r\n+a\r\n+b\r\n-UNCERTAIN the command may have been executed or not: lost\r\n',
      '!7\r\nERR a\r\n\r\n',
      '*1\r\n-ERR within\r\n',
      '$4\r\n-ERR\r\n'
    )
    const uncertain = 'UNCERTAIN the command may have been executed or not: lost'
    assert.deepEqual(failures(replies, ['a:1', 'b:1', 'c:1', 'a:1', 'b:1', 'c:1']), [
      { part: 1, node: 'b:1', error: 'OOM no memory', uncertain: false },
      { part: 2, node: 'c:1', error: uncertain, uncertain: true },
      { part: 3, node: 'a:1', error: 'ERR a\r\n', uncertain: false },
    ])
  })
})

describe('the error of a request that changes nothing', () => {
  const text = (...frames: string[]): string =>
    firstFailureText(failures(raw(...frames), ['a:1', 'b:1', 'c:1']))

  it('is the first one and names its node', () => {
    assert.equal(text('*0\r\n', '-LOADING wait\r\n', '-ERR x\r\n'), 'LOADING wait (from b:1)')
  })

  it('is rather one that says more than that nothing was running', () => {
    const answer = text('-NOTBUSY No scripts\r\n', '-UNKILLABLE Sorry\r\n', '-NOTBUSY x\r\n')
    assert.equal(answer, 'UNKILLABLE Sorry (from b:1)')
  })
})

describe('the error of a request that changes something', () => {
  const command = 'mset'

  it('names the nodes that did not apply it and why, and those that did', () => {
    const names = ['127.0.0.1:7000', '127.0.0.1:7001', '127.0.0.1:7002']
    const failed = failures(raw('+OK\r\n', '-OOM command not allowed\r\n', '+OK\r\n'), names)
    assert.equal(
      partialFailureText(failed, { command, names }),
      "ERR partial failure of 'mset': not applied by 127.0.0.1:7001 (OOM command not allowed); " +
        'applied by 127.0.0.1:7000, 127.0.0.1:7002'
    )
  })

  it('tells how many keys, and names a node once for each outcome', () => {
    const names = ['a:1', 'b:1', 'a:1', 'b:1', 'a:1']
    const parts = [{ keys: [0, 3] }, { keys: [1] }, { keys: [2] }, { keys: [4] }, { keys: [5] }]
    const replies = raw('-OOM x\r\n', '+OK\r\n', '-OOM y\r\n', '+OK\r\n', '+OK\r\n')
    assert.equal(
      partialFailureText(failures(replies, names), { command, names, parts }),
      "ERR partial failure of 'mset': not applied by a:1 (3 keys: OOM x); " +
        'applied by b:1 (2 keys), a:1 (1 key)'
    )
  })

  it('has the code UNCERTAIN when the outcome of a part is open', () => {
    const names = ['a:1', 'b:1', 'c:1']
    const replies = raw('-UNCERTAIN lost\r\n', '+OK\r\n', '-ERR no\r\n')
    assert.equal(
      partialFailureText(failures(replies, names), { command, names }),
      "UNCERTAIN partial failure of 'mset': not applied by c:1 (ERR no); " +
        'uncertain on a:1 (UNCERTAIN lost); applied by b:1'
    )
  })

  it('does not speak of nodes that applied it when there are none', () => {
    const names = ['a:1', 'b:1']
    const failed = failures(raw('-ERR one\r\n', '-ERR two\r\n'), names)
    assert.equal(
      partialFailureText(failed, { command, names }),
      "ERR partial failure of 'mset': not applied by a:1 (ERR one), b:1 (ERR two)"
    )
  })

  it('stays short, however many nodes and however long their errors', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `10.0.0.1:${i}`)
    const replies = names.map((_, i) =>
      Buffer.from(i % 2 === 0 ? `-ERR ${'x'.repeat(5000)}\r\n` : '+OK\r\n')
    )
    const text = partialFailureText(failures(replies, names), { command, names })
    assert.ok(text.length < 5000, `${text.length}`)
    assert.match(
      text,
      /x{156}\.\.\.\) and 484 more nodes; applied by 10\.0\.0\.1:1, .* and 484 more nodes$/
    )
  })
})
