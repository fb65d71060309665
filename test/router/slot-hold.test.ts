import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import fc from 'fast-check'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { Request, type RequestHold, type RequestOwner } from '../../lib/router/request.ts'
import { SlotHold } from '../../lib/router/slot-hold.ts'

const SLOT = 7
const view = frameRequest(['SET', 'k', 'v'])
const spec = Catalogue.builtIn().find(view)

/** One client with requests for one slot, and nodes that answer in any order. */
class Bench implements RequestOwner {
  readonly lane = 0
  readonly gone = false
  readonly reader = undefined
  holds: Map<number, RequestHold> | undefined = undefined
  readonly delayed: Set<SlotHold> = new Set()
  /** Sent and not come back. */
  readonly flying: Request[] = []
  /** Everything sent, by sequence. */
  readonly sent: number[] = []
  readonly #outstanding: Request[] = []
  #sequence = 0

  readonly #send = (request: Request): void => {
    const older = this.#outstanding.filter((each) => each.sequence < request.sequence)
    for (const each of older)
      assert.ok(this.flying.includes(each), `${request.sequence} overtakes ${each.sequence}`)
    this.flying.push(request)
    this.sent.push(request.sequence)
  }

  /** The client sends a request. */
  request(): Request {
    const request = new Request(view, spec, SLOT, this, {
      onErrorReply: () => false,
      onLost: () => {},
      isOverdue: () => false,
    })
    request.sequence = this.#sequence++
    this.#outstanding.push(request)
    const hold = this.holds?.get(SLOT)
    if (hold === undefined) this.#send(request)
    else hold.add(request)
    return request
  }

  /** A node answers a request. */
  answer(request: Request): void {
    this.#land(request)
    request.finish(Buffer.from('+OK\r\n'), 0, 5)
  }

  /** A node sends a request back. */
  sendBack(request: Request, delay = 0): void {
    this.#land(request)
    this.hold().again(request, delay)
  }

  /** The hold of the slot; a new one takes in what is flying, as the router's does. */
  hold(): RequestHold {
    this.holds ??= new Map()
    const known = this.holds.get(SLOT)
    if (known !== undefined) return known
    const hold = new SlotHold(this, SLOT, this.#send, this.delayed)
    this.holds.set(SLOT, hold)
    for (const request of this.#outstanding) hold.adopt(request)
    return hold
  }

  #land(request: Request): void {
    this.flying.splice(this.flying.indexOf(request), 1)
  }

  deliver(request: Request): void {
    this.#outstanding.splice(this.#outstanding.indexOf(request), 1)
  }

  outstanding(): Iterable<Request> {
    return this.#outstanding
  }

  onPartAnswered(): void {}

  onCongested(): void {}
}

describe('a hold', () => {
  it('keeps back what comes while an older request is on its way again', () => {
    const bench = new Bench()
    const [first, second] = [bench.request(), bench.request()]
    bench.sendBack(first)
    bench.request()
    assert.deepEqual(bench.sent, [0, 1])
    bench.answer(second)
    assert.deepEqual(bench.sent, [0, 1, 0])
    bench.answer(first)
    assert.deepEqual(bench.sent, [0, 1, 0, 2])
    assert.equal(bench.holds, undefined)
  })

  it('sends requests that came back in their order, one alone and then the rest at once', () => {
    const bench = new Bench()
    const requests = [bench.request(), bench.request(), bench.request()]
    for (const request of requests.toReversed()) bench.sendBack(request)
    assert.deepEqual(bench.sent, [0, 1, 2, 0])
    bench.answer(requests[0]!)
    assert.deepEqual(bench.sent, [0, 1, 2, 0, 1, 2])
  })

  it('goes on one by one while the slot is moving', () => {
    const bench = new Bench()
    const requests = [bench.request(), bench.request(), bench.request()]
    for (const request of requests) bench.sendBack(request)
    requests[0]!.asking = true
    bench.answer(requests[0]!)
    assert.deepEqual(bench.sent, [0, 1, 2, 0, 1])
  })

  it('waits for the delay, and no longer when its reason is gone', () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const bench = new Bench()
      const request = bench.request()
      bench.sendBack(request, 100)
      assert.equal(bench.delayed.size, 1)
      mock.timers.tick(99)
      assert.deepEqual(bench.sent, [0])
      mock.timers.tick(1)
      assert.deepEqual(bench.sent, [0, 0])
      bench.sendBack(request, 100)
      for (const hold of bench.delayed) hold.wake()
      assert.deepEqual(bench.sent, [0, 0, 0])
      assert.equal(bench.delayed.size, 0)
    } finally {
      mock.timers.reset()
    }
  })

  it('lets no request overtake an older one, whatever comes back in whatever order', () => {
    const step = fc.tuple(fc.constantFrom('request', 'answer', 'back', 'asked', 'hold'), fc.nat(20))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bench = new Bench()
        let count = 0
        for (const [what, which] of steps) {
          const request = bench.flying[which % Math.max(1, bench.flying.length)]
          if (what === 'request') {
            bench.request()
            count++
          } else if (request === undefined) continue
          else if (what === 'hold') bench.hold()
          else if (what === 'back') bench.sendBack(request)
          else {
            request.asking = what === 'asked'
            bench.answer(request)
          }
        }
        while (bench.flying.length > 0) {
          bench.flying[0]!.asking = false
          bench.answer(bench.flying[0]!)
        }
        assert.equal([...bench.outstanding()].length, 0)
        assert.equal(new Set(bench.sent).size, count)
        assert.equal(bench.holds, undefined)
      })
    )
  })
})
