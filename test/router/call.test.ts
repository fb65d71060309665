import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call } from '../../lib/router/call.ts'
import type { Request } from '../../lib/router/request.ts'
import type { Router } from '../../lib/router/router.ts'

/** A router that gives each request to `answer`. */
function routerOf(answer: (request: Request) => void): Router {
  return { dispatch: answer, onErrorReply: () => false, onLost: () => {} } as unknown as Router
}

test('a call is dispatched with its slot and lane, and gives the raw reply', async () => {
  const seen: unknown[] = []
  const router = routerOf((request) => {
    seen.push(request.slot, request.lane, String(request.bytes))
    seen.push([...request.owner.outstanding()].length)
    const shared = Buffer.from('..-ERR x\r\n..')
    request.onReply(shared, 2, 10)
    shared.fill(0)
    seen.push([...request.owner.outstanding()].length)
  })
  const reply = await call(router, 12, ['GET', 'k'], 1)
  assert.equal(String(reply), '-ERR x\r\n')
  assert.deepEqual(seen, [12, 1, '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n', 1, 0])
})
