import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import type { Step } from '../../lib/router/composite.ts'
import { failedReply, fanOutStep, gatherStep } from '../../lib/router/steps.ts'

const spec = (name: string) => Catalogue.builtIn().get(name)!

function finish(step: Step, ...replies: string[]): string {
  const result = step.finish(
    replies.map((reply, i) => ({ reply: Buffer.from(reply), node: `node:${i}` }))
  )
  assert.ok(Buffer.isBuffer(result))
  return String(result)
}

describe('a step', () => {
  it('of a fan-out sends the request unchanged to the masters of the anchors', () => {
    const { buffer } = frameRequest(['DBSIZE'])
    const policy = { rule: 'agg_sum', effects: false } as const
    const step = fanOutStep(spec('dbsize'), policy, buffer, [0, 8000], 2)
    assert.deepEqual(step.parts, [
      { bytes: buffer, slot: -1, anchor: 0 },
      { bytes: buffer, slot: -1, anchor: 8000 },
    ])
    assert.equal(step.keys, undefined)
    assert.equal(finish(step, ':1\r\n', ':2\r\n'), ':3\r\n')
  })

  it('of a fan-out that changes something is told of when it fails in part', () => {
    const policy = { rule: 'all_succeeded', effects: true } as const
    const step = fanOutStep(spec('flushall'), policy, Buffer.alloc(0), [0, 8000], 2)
    assert.deepEqual(step.keys, [[], []])
  })

  it('of a gathered read encodes what the plan makes for the version of the client', () => {
    const plan = {
      parts: [{ slot: 7, args: ['GET', 'k'] }],
      expectsErrors: false,
      finish: () => new Set(['x']),
    }
    const step = gatherStep(plan, 3)
    assert.deepEqual(step.parts, [
      { bytes: frameRequest(['GET', 'k']).buffer, slot: 7, anchor: -1 },
    ])
    assert.equal(finish(step, '$1\r\nv\r\n'), '~1\r\n$1\r\nx\r\n')
    assert.equal(finish(gatherStep(plan, 2), '$1\r\nv\r\n'), '*1\r\n$1\r\nx\r\n')
  })

  it('that failed names the node, unless all say the same', () => {
    const answers = (...replies: string[]): string =>
      String(
        failedReply(
          spec('dbsize'),
          replies.map((reply, i) => ({ reply: Buffer.from(reply), node: `node:${i}` })),
          2
        )
      )
    assert.equal(answers(':1\r\n', '-OOM x\r\n'), '-OOM x (from node:1)\r\n')
    assert.equal(answers('-OOM x\r\n', '-OOM x\r\n'), '-OOM x\r\n')
  })
})
