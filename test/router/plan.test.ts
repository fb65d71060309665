import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { keySlot } from '../../lib/command/slot.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import {
  ANY_NODE,
  decide,
  emptyPlan,
  IN_PARTS,
  LOCAL,
  ONE_SLOT,
  type Plan,
  type PlanRules,
  REFUSED,
} from '../../lib/router/plan.ts'

const catalogue = Catalogue.builtIn()
const NAMES = ['local', 'one slot', 'any node', 'refused', 'in parts', 'all masters']
const allowed: PlanRules = { crossSlot: true, adminCommands: false, serverVersion: '7.0.15' }

function slotOf(key: string): number {
  const bytes = Buffer.from(key)
  return keySlot(bytes, 0, bytes.length)
}

/** What is decided about a command. */
function planFor(line: string, rules = allowed, within = catalogue): { kind: string; plan: Plan } {
  const view = frameRequest(line.split(' '))
  const spec = within.find(view)
  assert.ok(spec, line)
  const plan: Plan = { ...emptyPlan(), slot: -2 }
  const kind = decide(view, spec, 2, rules, plan)
  return { kind: NAMES[kind]!, plan }
}

describe('the plan', () => {
  it('names its kinds', () => {
    assert.deepEqual(
      [LOCAL, ONE_SLOT, ANY_NODE, REFUSED, IN_PARTS].map((kind) => NAMES[kind]),
      ['local', 'one slot', 'any node', 'refused', 'in parts']
    )
  })

  const oneSlot: readonly [line: string, key: string][] = [
    ['GET key', 'key'],
    ['set {tag}key value', 'tag'],
    ['MGET {a}1 {a}2', 'a'],
    ['RENAME {a}1 {a}2', 'a'],
    ['EVAL script 2 {a}1 {a}2 {b}', 'a'],
    ['ZUNIONSTORE {a} 2 {a}1 {a}2', 'a'],
    ['XREAD COUNT 1 STREAMS stream 0', 'stream'],
    ['OBJECT ENCODING key', 'key'],
    ['SPUBLISH channel message', 'channel'],
  ]
  for (const [line, key] of oneSlot) {
    it(`sends '${line}' to the slot of '${key}'`, () => {
      const { kind, plan } = planFor(line)
      assert.deepEqual([kind, plan.slot], ['one slot', slotOf(key)])
    })
  }

  for (const line of ['TIME', 'PUBLISH channel message', 'EVAL script 0', 'OBJECT HELP']) {
    it(`lets any node answer '${line}'`, () => {
      const { kind, plan } = planFor(line)
      assert.deepEqual([kind, plan.slot], ['any node', -1])
    })
  }

  it('refuses a command of which nothing tells where its keys are', () => {
    const hidden = ['hidden', -2, ['write', 'movablekeys'], 0, 0, 0, [], [], [], []]
    const { kind, plan } = planFor('HIDDEN a', allowed, catalogue.overlaid([hidden]))
    const error = "ERR nothing tells which arguments of 'hidden' are keys"
    assert.deepEqual([kind, plan.error], ['refused', error])
  })

  for (const line of ['PING', 'HELLO 3', 'CLIENT ID', 'SELECT 1', 'QUIT']) {
    it(`has '${line}' answered by the proxy`, () => {
      assert.equal(planFor(line).kind, 'local')
    })
  }

  const refused: readonly [line: string, error: RegExp][] = [
    ['GET', /^ERR wrong number of arguments for 'get' command$/],
    ['GET a b', /^ERR wrong number of arguments for 'get' command$/],
    ['OBJECT NOSUCH key', /^ERR unknown subcommand 'NOSUCH'\. Try OBJECT HELP\.$/],
    ['SHUTDOWN', /^NOPERM `shutdown` is not available through the proxy/],
    ['REPLICAOF host 1', /^NOPERM `replicaof` is not available through the proxy/],
    ['SMOVE {a}1 {b}1 member', /^ERR Cross-slot queries are not supported for this command$/],
  ]
  for (const [line, error] of refused) {
    it(`refuses '${line}'`, () => {
      const { kind, plan } = planFor(line)
      assert.equal(kind, 'refused')
      assert.match(String(plan.error), error)
    })
  }

  it('carries a command over several slots out in parts, unless that is switched off', () => {
    const { kind, plan } = planFor('MGET {a}1 {b}1')
    assert.equal(kind, 'in parts')
    assert.ok(plan.step)
    const { kind: other, plan: why } = planFor('MGET {a}1 {b}1', {
      ...allowed,
      crossSlot: false,
    })
    assert.equal(other, 'refused')
    assert.match(String(why.error), /^ERR Cross-slot queries are disabled/)
  })

  it('forgets the particulars of the request before', () => {
    const view = frameRequest(['TIME'])
    const plan: Plan = { ...emptyPlan(), slot: 5, error: 'x' }
    assert.equal(decide(view, catalogue.find(view)!, 2, allowed, plan), ANY_NODE)
    assert.equal(plan.slot, -1)
  })
})
