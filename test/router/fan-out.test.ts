import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { keySlot } from '../../lib/command/slot.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import type { Step } from '../../lib/router/composite.ts'
import { courseOf, type FanOut, fanOutRemark } from '../../lib/router/fan-out.ts'
import type { Scans } from '../../lib/router/scan.ts'
import { Scripts } from '../../lib/router/scripts.ts'

const catalogue = Catalogue.builtIn()
const ANCHORS = [0, 5461, 10_923]

function course(
  line: string,
  protocol: 2 | 3 = 2,
  known = catalogue
): FanOut | number | string | undefined {
  const view = frameRequest(line.split(' '))
  return courseOf({ spec: known.find(view)!, view, protocol })
}

/** The first step of a command over three masters. */
function step(line: string, protocol: 2 | 3 = 2, known = catalogue): Step {
  const found = course(line, protocol, known)
  assert.equal(typeof found, 'function', line)
  const scans = undefined as unknown as Scans
  return (found as FanOut)({ anchors: ANCHORS, scans, scripts: new Scripts(0), lane: 0 })
}

function finish(of: Step, ...replies: string[]): Buffer | Step {
  return of.finish(replies.map((reply, i) => ({ reply: Buffer.from(reply), node: `node:${i}` })))
}

describe('a command that concerns every master', () => {
  const merged: readonly (readonly [string, readonly string[], string])[] = [
    ['DBSIZE', [':1\r\n', ':2\r\n', ':3\r\n'], ':6\r\n'],
    ['LASTSAVE', [':5\r\n', ':9\r\n', ':7\r\n'], ':9\r\n'],
    ['KEYS *', ['*1\r\n:1\r\n', '*0\r\n', '*1\r\n:2\r\n'], '*2\r\n:1\r\n:2\r\n'],
    ['SLOWLOG LEN', [':1\r\n', ':2\r\n', ':3\r\n'], ':6\r\n'],
    ['LATENCY RESET', [':1\r\n', ':0\r\n', ':0\r\n'], ':1\r\n'],
    ['SCRIPT LOAD x', ['$3\r\nsha\r\n', '$3\r\nsha\r\n', '$3\r\nsha\r\n'], '$3\r\nsha\r\n'],
    ['ACL DELUSER u', [':1\r\n', ':1\r\n', ':1\r\n'], ':1\r\n'],
    ['ACL LOG', ['*1\r\n:1\r\n', '*0\r\n', '*0\r\n'], '*1\r\n:1\r\n'],
    ['SAVE', ['+OK\r\n', '+OK\r\n', '+OK\r\n'], '+OK\r\n'],
    ['MEMORY DOCTOR', ['$1\r\nx\r\n', '$1\r\nx\r\n', '$1\r\nx\r\n'], '$1\r\nx\r\n'],
  ]
  for (const [line, replies, reply] of merged) {
    it(`makes one reply of those to ${line}`, () => {
      const whole = step(line)
      assert.deepEqual(
        whole.parts.map(({ bytes, slot, anchor }) => [String(bytes), slot, anchor]),
        ANCHORS.map((anchor) => [String(frameRequest(line.split(' ')).buffer), -1, anchor])
      )
      assert.equal(String(finish(whole, ...replies)), reply)
    })
  }

  it('is SCRIPT SHOW of Valkey, which gives the script of whichever master has it', () => {
    const show = ['script|show', 3, ['noscript'], 0, 0, 0, [], [], [], []]
    const valkey = catalogue.overlaid([['script', -2, [], 0, 0, 0, [], [], [], [show]]])
    const unknown = '-NOSCRIPT No matching script. Please use EVAL.\r\n'
    const shown = step('SCRIPT SHOW sha', 2, valkey)
    assert.equal(String(finish(shown, unknown, '$1\r\nx\r\n', unknown)), '$1\r\nx\r\n')
    assert.equal(String(finish(shown, unknown, unknown, unknown)), unknown)
  })

  it('passes a report on that only one master has to give, and an error in place of a report', () => {
    const stats = step('MEMORY STATS')
    assert.equal(String(finish(stats, '*2\r\n$1\r\na\r\n:1\r\n')), '*2\r\n$1\r\na\r\n:1\r\n')
    assert.equal(
      String(finish(stats, '*0\r\n', '-ERR no\r\n', '*0\r\n')),
      '-ERR no (from node:1)\r\n'
    )
  })

  it('draws RANDOMKEY by the sizes, and again among the others when there is none', () => {
    const sizes = step('RANDOMKEY', 3)
    const next = finish(sizes, ':0\r\n', ':4\r\n', ':0\r\n') as Step
    assert.deepEqual(
      next.parts.map(({ anchor }) => anchor),
      [5461]
    )
    assert.equal(String(finish(next, '$1\r\nk\r\n')), '$1\r\nk\r\n')
    // Those that had no keys may have some by now.
    const second = finish(next, '_\r\n') as Step
    const third = finish(second, '_\r\n') as Step
    assert.deepEqual(
      new Set([second, third].map(({ parts }) => parts[0]!.anchor)),
      new Set(ANCHORS.filter((anchor) => anchor !== 5461))
    )
    assert.equal(String(finish(third, '_\r\n')), '_\r\n')
    assert.equal(
      String(finish(sizes, ':0\r\n', '-ERR x\r\n', ':0\r\n')),
      '-ERR x (from node:1)\r\n'
    )
  })

  it('may concern one slot only, or any one master', () => {
    const key = Buffer.from('key')
    assert.equal(course('DEBUG OBJECT key'), keySlot(key, 0, key.length))
    for (const line of ['ACL LIST', 'ACL GETUSER u', 'MODULE LIST', 'DEBUG OBJECT']) {
      assert.equal(course(line), -1, line)
    }
  })

  it('is refused where it names one server, or ends it', () => {
    assert.match(String(course('CONFIG SET maxmemory 1 DIR /x')), /^NOPERM the setting 'dir'/)
    assert.match(String(course('CONFIG SET cluster-node-timeout 1')), /^NOPERM /)
    assert.match(String(course('DEBUG segfault')), /^NOPERM /)
    assert.equal(typeof course('CONFIG SET maxmemory 1'), 'function')
    assert.equal(typeof course('DEBUG SLEEP 0'), 'function')
  })

  it('is not carried out when nobody knows how its replies become one', () => {
    const row = [
      'new',
      1,
      [],
      0,
      0,
      0,
      [],
      ['request_policy:all_shards', 'response_policy:special'],
    ]
    const spec = catalogue.overlaid([[...row, [], []]]).get('new')!
    assert.equal(courseOf({ spec, view: frameRequest(['NEW']), protocol: 2 }), undefined)
    assert.equal(fanOutRemark(spec), undefined)
    assert.equal(fanOutRemark(catalogue.get('script')!), undefined)
  })

  it('is told of in a few words, every one that is for all or for those who run the servers', () => {
    const specs = [...catalogue.all()].flatMap((spec) => [
      ...(spec.subcommands?.values() ?? [spec]),
    ])
    for (const spec of specs) {
      if (spec.treatment !== 'fan-out' && spec.treatment !== 'admin') continue
      assert.ok((fanOutRemark(spec) ?? '') !== '', spec.name)
    }
  })
})
