import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReplyQueue } from '../../lib/client/reply-queue.ts'
import { Batch } from '../../lib/resp/batch.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { Request, type RequestHandler, type RequestOwner } from '../../lib/router/request.ts'

/** A queue, and what it put into its batch. */
class Written {
  readonly batch: Batch = new Batch(false)
  readonly queue: ReplyQueue = new ReplyQueue(this.batch)

  add(silent = false): Request {
    const owner = { lane: 0 } as RequestOwner
    const request = new Request(frameRequest(['PING']), undefined, -1, owner, {} as RequestHandler)
    request.silent = silent
    this.queue.push(request)
    return request
  }

  /** Settles with a reply that stands somewhere in a buffer, which is overwritten afterwards. */
  settle(request: Request, reply: string): void {
    const buffer = Buffer.from(`..${reply}..`)
    this.queue.settle(request, buffer, 2, buffer.length - 2)
    buffer.fill('#')
  }

  /** What is in the batch, as text. */
  take(): string {
    let text = ''
    const write = (chunk: Uint8Array): boolean => {
      text += Buffer.from(chunk).toString()
      return true
    }
    this.batch.flush({ write, cork() {}, uncork() {}, writableLength: 0 })
    return text
  }
}

test('the reply to the oldest request goes straight to the batch', () => {
  const written = new Written()
  const request = written.add()
  assert.equal(written.queue.oldest, request)
  written.settle(request, 'a')
  assert.equal(written.take(), 'a')
  assert.equal(written.queue.length, 0)
})

test('another reply waits for its turn, and is counted meanwhile', () => {
  const written = new Written()
  const [first, second, third] = [written.add(), written.add(), written.add()]
  written.settle(third, 'ccc')
  written.settle(second, 'bb')
  assert.equal(written.take(), '')
  assert.deepEqual([written.queue.length, written.queue.heldBytes], [3, 5])
  written.settle(first, 'a')
  assert.equal(written.take(), 'abbccc')
  assert.deepEqual([written.queue.length, written.queue.heldBytes], [0, 0])
})

test('of a silent request nothing is kept but its place', () => {
  const written = new Written()
  const [first, second, third] = [written.add(true), written.add(true), written.add()]
  written.settle(second, 'bb')
  written.settle(third, 'c')
  assert.equal(written.queue.heldBytes, 1)
  written.settle(first, 'a')
  assert.equal(written.take(), 'c')
})

test('requests that are not answered are listed, oldest first', () => {
  const written = new Written()
  const all = [written.add(), written.add(), written.add()]
  assert.deepEqual([...written.queue.requests()], all)
  written.settle(all[0]!, 'a')
  assert.deepEqual([...written.queue.requests()], all.slice(1))
})

test('everything can be forgotten', () => {
  const written = new Written()
  written.add()
  written.settle(written.add(), 'b')
  written.queue.clear()
  assert.deepEqual([written.queue.length, written.queue.heldBytes], [0, 0])
  assert.equal(written.queue.oldest, undefined)
})

test('whatever the order in which replies come, they leave in the order of requests', () => {
  const shuffled = fc
    .integer({ min: 1, max: 30 })
    .chain((count) =>
      fc.shuffledSubarray([...new Array(count).keys()], { minLength: count, maxLength: count })
    )
  fc.assert(
    fc.property(shuffled, (order) => {
      const written = new Written()
      const all = order.map(() => written.add())
      for (const i of order) written.settle(all[i]!, `${i};`)
      return written.take() === [...all.keys()].map((i) => `${i};`).join('')
    }),
    { numRuns: 200 }
  )
})
