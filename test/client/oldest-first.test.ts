import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OldestFirst } from '../../lib/client/oldest-first.ts'
import type { ReplyQueue } from '../../lib/client/reply-queue.ts'
import type { Request } from '../../lib/router/request.ts'

test('each request begins when it is the oldest, however many wait', () => {
  const [first, second, third] = ['1', '2', '3'].map((id) => ({ id }) as unknown as Request)
  const replies = { oldest: first } as { oldest: Request | undefined }
  const waiting = new OldestFirst(replies as unknown as ReplyQueue)
  const begun: unknown[] = []
  for (const each of [first!, second!, third!]) waiting.add(each, () => begun.push(each))
  assert.deepEqual(begun, [first])
  replies.oldest = second
  waiting.onDelivered()
  waiting.onDelivered()
  assert.deepEqual(begun, [first, second])
  replies.oldest = third
  waiting.onDelivered()
  replies.oldest = undefined
  waiting.onDelivered()
  assert.deepEqual(begun, [first, second, third])
})
