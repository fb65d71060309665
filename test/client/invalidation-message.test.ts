import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  brokenRedirect,
  invalidationMessage,
  invalidationPush,
} from '../../lib/client/invalidation-message.ts'

test('keys are bytes, and told as the server tells them', () => {
  assert.deepEqual(
    invalidationPush(['\xff', 'ab'], 3),
    Buffer.from('>2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\n\xff\r\n$2\r\nab\r\n', 'latin1')
  )
  assert.equal(
    String(invalidationMessage(['k'], 2)),
    '*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n'
  )
})

test('the null is that of the client whose keys they were', () => {
  assert.match(String(invalidationPush(undefined, 3)), /invalidate\r\n_\r\n$/)
  assert.match(String(invalidationPush(undefined, 2)), /invalidate\r\n\$-1\r\n$/)
  assert.match(String(invalidationMessage(undefined, 3)), /invalidate\r\n_\r\n$/)
})

test('a redirect to a client that is gone is told by its number', () => {
  assert.equal(String(brokenRedirect(7)), '>2\r\n$21\r\ntracking-redir-broken\r\n:7\r\n')
})
