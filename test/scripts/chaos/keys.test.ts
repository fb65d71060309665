import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Counter, Log, Pair } from '../../../scripts/chaos/keys.ts'
import { Tally } from '../../../scripts/chaos/tally.ts'
import { Refusal } from '../../../scripts/chaos/wire.ts'

const UNCERTAIN = new Refusal('UNCERTAIN the command may have been executed or not')
const CLUSTERDOWN = new Refusal('CLUSTERDOWN Hash slot not served')

/** What a tally found wrong. */
function found(tally: Tally): Record<string, number> {
  const { lost, lostByCluster, orderViolations, wrongValues, doubleIncrements } = tally
  const all = { lost, lostByCluster, orderViolations, wrongValues, doubleIncrements }
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0))
}

describe('the checker of counters', () => {
  it('takes an uncertain increment for executed or not, and for nothing else', () => {
    for (const [value, expected] of [
      [0, { lost: 1 }],
      [1, {}],
      [2, {}],
      [3, { doubleIncrements: 1 }],
    ] as const) {
      const tally = new Tally()
      const counter = new Counter('count', () => tally)
      counter.write().onReply(1)
      counter.write().onReply(UNCERTAIN)
      counter.read().onReply(String(value))
      assert.deepEqual(found(tally), expected, `read ${value}`)
    }
  })

  it('notices an increment that was refused and executed', () => {
    const tally = new Tally()
    const counter = new Counter('count', () => tally)
    counter.write().onReply(CLUSTERDOWN)
    counter.write().onReply(2)
    assert.deepEqual(found(tally), { doubleIncrements: 1 })
  })

  it('does not blame the proxy for what a cluster loses with a master', () => {
    const tally = new Tally()
    const counter = new Counter('count', () => tally)
    counter.write().onReply(1)
    tally.disrupted()
    counter.read().onReply(null)
    assert.deepEqual(found(tally), { lostByCluster: 1 })
  })

  it('says what a key must hold only when it knows', () => {
    const tally = new Tally()
    const counter = new Counter('count', () => tally)
    counter.write().onReply(1)
    counter.write().onLost()
    assert.equal(counter.state, undefined)
    counter.read().onReply('2')
    assert.deepEqual(counter.state, { key: 'count', value: '2' })
  })
})

describe('the checker of logs', () => {
  for (const [title, value, expected] of [
    ['finds nothing wrong in what must be there', '000001;000002;000003;', {}],
    ['knows that an uncertain number may be missing', '000001;000003;', {}],
    ['finds what is missing', '000001;000002;', { lost: 1 }],
    ['finds what is out of order', '000002;000001;000003;', { orderViolations: 1 }],
    ['finds what was executed twice', '000001;000002;000002;000003;', { doubleIncrements: 1 }],
    ['finds what was refused', '000001;000003;000004;', { wrongValues: 1 }],
    ['finds what was sent after the read', '000001;000003;000005;', { orderViolations: 1 }],
  ] as const) {
    it(title, () => {
      const tally = new Tally()
      const log = new Log('log', () => tally)
      log.write().onReply(7)
      log.write().onReply(UNCERTAIN)
      log.write().onReply(14)
      log.write().onReply(CLUSTERDOWN)
      const read = log.read()
      log.write()
      read.onReply(value)
      assert.deepEqual(found(tally), expected)
    })
  }
})

describe('the checker of pairs', () => {
  for (const [title, value, expected] of [
    ['finds nothing wrong in the last numbers', ['2', '2'], {}],
    ['knows that uncertain numbers may be there', ['3', '3'], {}],
    ['finds a half executed write', ['2', '1'], { wrongValues: 1 }],
    ['finds a lost write', ['1', '1'], { lost: 1 }],
    ['finds a read that saw what came behind it', ['4', '4'], { orderViolations: 1 }],
  ] as const) {
    it(title, () => {
      const tally = new Tally()
      const pair = new Pair('pair', () => tally)
      pair.write().onReply('OK')
      pair.write().onReply('OK')
      pair.write().onReply(UNCERTAIN)
      const read = pair.read()
      pair.write()
      read.onReply([...value])
      assert.deepEqual(found(tally), expected)
    })
  }
})
