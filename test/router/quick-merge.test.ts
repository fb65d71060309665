import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isReused } from '../../lib/resp/reply-reader.ts'
import { type MergeRule, mergeReplies } from '../../lib/router/merge.ts'
import { merged, quickMerge, UNUSUAL } from '../../lib/router/quick-merge.ts'

/** The replies one behind the other in one buffer, as they are kept; undefined when they are not the usual ones. */
function quick(rule: MergeRule, replies: readonly string[]): string | undefined {
  const reply = Buffer.from(`xx${replies.join('')}`)
  let replyEnd = 2
  const places = replies.map((text) => {
    const replyStart = replyEnd
    replyEnd += text.length
    return { reply, replyStart, replyEnd }
  })
  const length = quickMerge(rule, places)
  return length === UNUSUAL ? undefined : merged.toString('latin1', 0, length)
}

function slow(rule: MergeRule, replies: readonly string[]): string {
  const names = replies.map((_, i) => `node:${i}`)
  const parts = replies.map((_, i) => ({ keys: [i] }))
  const context = { command: 'x', names, protocol: 2, parts } as const
  const frames = replies.map((text) => Buffer.from(text))
  return mergeReplies({ rule, effects: true }, frames, context).toString('latin1')
}

const single = fc
  .stringMatching(/^[a-z]{0,100}$/)
  .map((value) => `*1\r\n$${value.length}\r\n${value}\r\n`)
const number = fc.integer({ min: -10, max: 10_000_000 }).map((value) => `:${value}\r\n`)
const odd = fc.constantFrom('*1\r\n$-1\r\n', '*1\r\n_\r\n', '-ERR x\r\n', '$1\r\nx\r\n', '+OK\r\n')

describe('the usual replies', () => {
  it('become the same as by the general rules, or are left to those', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('ordered', 'agg_sum', 'all_succeeded', 'agg_max'),
        fc.array(fc.oneof(single, number, odd), { minLength: 2, maxLength: 12 }),
        (rule, replies) => {
          const found = quick(rule, replies)
          if (found !== undefined) assert.equal(found, slow(rule, replies))
        }
      )
    )
  })

  it('are not left to the general rules', () => {
    assert.equal(
      quick('ordered', ['*1\r\n$1\r\na\r\n', '*1\r\n$-1\r\n']),
      '*2\r\n$1\r\na\r\n$-1\r\n'
    )
    assert.equal(quick('agg_sum', [':1\r\n', ':999999\r\n', ':0\r\n']), ':1000000\r\n')
    assert.equal(quick('all_succeeded', ['+OK\r\n', '+OK\r\n']), '+OK\r\n')
  })

  it('are not errors, several items, other numbers, or more than there is room for', () => {
    assert.equal(quick('ordered', ['*1\r\n$1\r\na\r\n', '-ERR x\r\n']), undefined)
    assert.equal(quick('ordered', ['*1\r\n$1\r\na\r\n', '*2\r\n:1\r\n:2\r\n']), undefined)
    assert.equal(quick('ordered', ['*1\r\n$1\r\na\r\n', '*10\r\n']), undefined)
    assert.equal(
      quick('ordered', Array(3).fill(`*1\r\n$30000\r\n${'x'.repeat(30_000)}\r\n`)),
      undefined
    )
    assert.equal(quick('agg_sum', [':1\r\n', ':-1\r\n']), undefined)
    assert.equal(quick('agg_sum', [':1\r\n', ':1000000\r\n']), undefined)
    assert.equal(quick('all_succeeded', ['+OK\r\n', '-ERR x\r\n']), undefined)
    assert.equal(quick('one_succeeded', ['+OK\r\n', '+OK\r\n']), undefined)
  })

  it('are made where nobody keeps them without a copy', () => {
    assert.equal(isReused(merged), true)
  })
})
