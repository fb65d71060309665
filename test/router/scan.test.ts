import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Clock } from '../../lib/clock.ts'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import { SlotCache } from '../../lib/cluster/slot-cache.ts'
import type { Step } from '../../lib/router/composite.ts'
import { Scans } from '../../lib/router/scan.ts'

const SLOTS = 16384
const ID = 'a'.repeat(40)

function stage(budget = 100): { scans: Scans; refreshes: () => number } {
  const cache = new SlotCache()
  const masters = ['a:1', 'b:1'].map((name) => ({ name }) as ClusterNode)
  for (let slot = 0; slot < SLOTS; slot++) cache.patch(slot, masters[slot < SLOTS / 2 ? 0 : 1]!)
  let refreshes = 0
  const refresh = (): void => {
    refreshes++
  }
  return { scans: new Scans(cache, new Clock(), refresh, budget), refreshes: () => refreshes }
}

function call(scans: Scans, ...args: string[]): Step {
  return scans.call(args.map((arg) => Buffer.from(arg)))
}

function answered(step: Step, text: string, node = 'a:1'): Buffer | Step {
  return step.finish([{ reply: Buffer.from(text), node }])
}

function nodes(slots: string): string {
  const line = `${ID} a:1@2 myself,master - 0 0 1 connected ${slots}\n`
  return `$${line.length}\r\n${line}\r\n`
}

/** The words of the only part of a step. */
function words(step: Buffer | Step): string {
  assert.ok('parts' in step && step.parts.length === 1)
  return String(step.parts[0]!.bytes)
    .split('\r\n')
    .filter((_, i) => i > 0 && i % 2 === 0)
    .join(' ')
}

describe('a call of SCAN', () => {
  it('asks a node for its slots, scans it, and asks again at its end', () => {
    const { scans } = stage()
    const view = call(scans, 'SCAN', '0', 'COUNT', '1')
    assert.equal(words(view), 'CLUSTER NODES')
    assert.equal(view.parts[0]!.anchor, 0)
    const page = answered(view, nodes('0-8191')) as Step
    assert.equal(words(page), 'SCAN 0 COUNT 1')
    assert.equal(page.parts[0]!.node, 'a:1')
    const end = answered(page, '*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n') as Step
    assert.equal(words(end), 'CLUSTER NODES')
    const reply = String(answered(end, nodes('0-8191')))
    const [, cursor] = /^\*2\r\n\$\d+\r\n(\d+)\r\n\*1\r\n\$1\r\nk\r\n$/.exec(reply)!
    assert.notEqual(cursor, '0')
    assert.equal(call(scans, 'SCAN', cursor!).parts[0]!.anchor, SLOTS / 2)
  })

  it('goes on with the next node where there is room for more keys', () => {
    const { scans } = stage()
    const page = answered(call(scans, 'SCAN', '0', 'COUNT', '2'), nodes('0-8191')) as Step
    const end = answered(page, '*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n') as Step
    const next = answered(end, nodes('0-8191')) as Step
    assert.equal(words(next), 'CLUSTER NODES')
    assert.equal(next.parts[0]!.anchor, SLOTS / 2)
    const other = answered(next, nodes('8192-16383'), 'b:1') as Step
    const last = answered(other, '*2\r\n$1\r\n0\r\n*1\r\n$1\r\nl\r\n', 'b:1') as Step
    const reply = answered(last, nodes('8192-16383'), 'b:1')
    assert.equal(String(reply), '*2\r\n$1\r\n0\r\n*2\r\n$1\r\nk\r\n$1\r\nl\r\n')
    // What the next one refuses is told when it is its turn again.
    const refused = String(answered(other, '-LOADING wait\r\n', 'b:1'))
    assert.match(refused, /^\*2\r\n\$\d+\r\n[1-9]\d*\r\n\*1\r\n\$1\r\nk\r\n$/)
  })

  it('goes on in a node without asking for its slots', () => {
    const { scans } = stage()
    const page = answered(call(scans, 'SCAN', '0'), nodes('0-8191')) as Step
    const reply = String(answered(page, '*2\r\n$2\r\n17\r\n*0\r\n'))
    const [, cursor] = /^\*2\r\n\$\d+\r\n(\d+)\r\n\*0\r\n$/.exec(reply)!
    assert.equal(words(call(scans, 'SCAN', cursor!, 'TYPE', 'set')), 'SCAN 17 TYPE set')
  })

  it('passes errors of the node on', () => {
    const { scans } = stage()
    const view = call(scans, 'SCAN', '0')
    assert.equal(String(answered(view, '-NOPERM no\r\n')), '-NOPERM no\r\n')
    const page = answered(view, nodes('0-8191')) as Step
    assert.equal(String(answered(page, '-ERR syntax error\r\n')), '-ERR syntax error\r\n')
  })

  it('looks again when a node does not know its slot, and says so in the end', () => {
    const { scans, refreshes } = stage(100)
    let step = call(scans, 'SCAN', '0')
    for (let i = 0; i < 2; i++) {
      assert.equal(step.delay, i === 0 ? undefined : 50)
      step = answered(step, nodes('5-8191')) as Step
      assert.equal(words(step), 'CLUSTER NODES')
    }
    assert.equal(String(answered(step, nodes('5-8191'))), '-CLUSTERDOWN Hash slot not served\r\n')
    assert.equal(refreshes(), 3)
  })

  it('gives an empty page when another node answered than the one that was being scanned', () => {
    const { scans } = stage()
    const page = answered(call(scans, 'SCAN', '0'), nodes('0-8191')) as Step
    const reply = String(answered(page, '*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n', 'b:1'))
    assert.match(reply, /^\*2\r\n\$\d+\r\n[1-9]\d*\r\n\*0\r\n$/)
    const end = answered(page, '*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n') as Step
    const late = String(answered(end, nodes('0-8191'), 'b:1'))
    assert.match(late, /^\*2\r\n\$\d+\r\n[1-9]\d*\r\n\*1\r\n\$1\r\nk\r\n$/)
  })

  it('scans a slot where its keys are going, after the node that they leave', () => {
    const { scans } = stage()
    const leaving = nodes(`0-8191 [5->-${'b'.repeat(40)}]`)
    const page = answered(call(scans, 'SCAN', '0', 'MATCH', '{x}*'), nodes('0-16383')) as Step
    assert.equal(words(page), 'SCAN 0 MATCH {x}*')
    const whole = answered(call(scans, 'SCAN', '0'), leaving) as Step
    const end = answered(whole, '*2\r\n$1\r\n0\r\n*0\r\n') as Step
    // Its own slots are done; those of the other are left, and slot 5 there.
    const next = answered(end, leaving) as Step
    assert.equal(next.parts[0]!.anchor, SLOTS / 2)
    const gone = String(answered(next, '-LOADING wait\r\n', 'b:1'))
    const [, cursor] = /\r\n(\d+)\r\n\*0/.exec(gone)!
    assert.equal(call(scans, 'SCAN', cursor!).parts[0]!.anchor, SLOTS / 2)
  })
})
