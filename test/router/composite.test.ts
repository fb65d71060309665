import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { ProxyError } from '../../lib/errors.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { Composite, type PartDispatcher, type Step } from '../../lib/router/composite.ts'
import { Request, type RequestOwner } from '../../lib/router/request.ts'

/** A client and a router that keep what they get. */
class Bench implements RequestOwner, PartDispatcher {
  readonly lane = 0
  readonly gone = false
  readonly reader = undefined
  holds = undefined
  readonly sent: Request[] = []
  readonly replies: string[] = []
  steps = 0
  answered = 0

  readonly leader: Request = new Request(
    frameRequest(['MGET', 'a', 'b']),
    Catalogue.builtIn().get('mget'),
    -1,
    this,
    this
  )

  isOverdue(): boolean {
    return false
  }

  dispatch(request: Request): void {
    this.sent.push(request)
  }

  onStep(): void {
    this.steps++
  }

  onErrorReply(): boolean {
    return false
  }

  onLost(): void {}

  deliver(_request: Request, buffer: Buffer, start: number, end: number): void {
    this.replies.push(buffer.toString('latin1', start, end))
  }

  onPartAnswered(): void {
    this.answered++
  }

  *outstanding(): Iterable<Request> {}

  onCongested(): void {}

  start(step: Step, maxBytes = 1000): void {
    new Composite(this.leader, step, this, maxBytes).start()
  }

  answer(index: number, text: string): void {
    const bytes = Buffer.from(text)
    this.sent[index]!.finish(bytes, 0, bytes.length)
  }
}

const part = (slot: number) => ({ bytes: Buffer.from(`part ${slot}`), slot, anchor: -1 })

describe('a request that is carried out in parts', () => {
  it('sends them together, and is answered when all are, in their order', () => {
    const bench = new Bench()
    bench.start({
      parts: [part(1), part(2)],
      finish: (replies) => Buffer.concat(replies.map(({ reply }) => reply)),
    })
    assert.deepEqual(
      bench.sent.map(({ bytes, slot, sequence }) => [String(bytes), slot, sequence]),
      [
        ['part 1', 1, 0],
        ['part 2', 2, 0],
      ]
    )
    assert.deepEqual(bench.leader.parts, bench.sent)
    bench.answer(1, 'two')
    assert.deepEqual(bench.replies, [])
    bench.answer(0, 'one')
    assert.deepEqual([bench.replies, bench.steps, bench.answered], [['onetwo'], 1, 2])
    assert.equal(bench.leader.parts, undefined)
  })

  it('may go on with another step, after a while if that says so', (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] })
    const bench = new Bench()
    const last: Step = { parts: [part(3)], delay: 1, finish: ([answer]) => answer!.reply }
    bench.start({ parts: [part(1)], finish: () => last })
    bench.answer(0, 'x')
    assert.equal(bench.sent.length, 1)
    context.mock.timers.tick(1)
    bench.answer(1, 'y')
    assert.deepEqual(bench.replies, ['y'])
  })

  it('without parts is answered at once', () => {
    const bench = new Bench()
    bench.start({ parts: [], finish: () => Buffer.from('nothing') })
    assert.deepEqual([bench.replies, bench.sent], [['nothing'], []])
  })

  it('is refused once its replies are too large together, and what still comes is dropped', () => {
    const bench = new Bench()
    bench.start({ parts: [part(1), part(2), part(3)], finish: () => assert.fail() }, 10)
    bench.answer(0, '123456')
    bench.answer(1, '123456')
    const error = "-ERR the replies to 'mget' exceed gatherMaxBytes (10 bytes)\r\n"
    assert.deepEqual(bench.replies, [error])
    bench.answer(2, '123456')
    assert.deepEqual(bench.replies, [error])
  })

  it('is answered with an error when its replies make no sense', () => {
    const bench = new Bench()
    bench.start({
      parts: [part(1)],
      finish: () => {
        throw new ProxyError('NODE_PROTOCOL', 'a reply\r\nof nonsense')
      },
    })
    bench.answer(0, 'x')
    assert.deepEqual(bench.replies, ['-ERR a reply  of nonsense\r\n'])
  })
})
