import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { ProxyError } from '../../lib/errors.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { Request, type RequestOwner } from '../../lib/router/request.ts'

/** A request, and what it tells to whom. */
function requestOf(handled: boolean): { request: Request; told: string[] } {
  const told: string[] = []
  const owner: RequestOwner = {
    lane: 1,
    gone: false,
    reader: undefined,
    holds: undefined,
    deliver: (_request, buffer, start, end) =>
      void told.push(`deliver ${buffer.toString('latin1', start, end)}`),
    outstanding: () => [],
    onPartAnswered: () => {},
    onCongested: () => {},
  }
  const view = frameRequest(['GET', 'k'])
  const request = new Request(view, Catalogue.builtIn().find(view), 3, owner, {
    isOverdue: () => false,
    onErrorReply: (_request, buffer, start, end) => {
      told.push(`error ${buffer.toString('latin1', start, end)}`)
      return handled
    },
    onLost: (_request, error, written) => void told.push(`lost ${error.code} ${written}`),
  })
  return { request, told }
}

/** Hands a reply in the middle of other bytes to a request. */
function reply(request: Request, text: string): void {
  const bytes = Buffer.from(`xx${text}yy`)
  request.onReply(bytes, 2, bytes.length - 2)
}

test('a request keeps its bytes and takes the lane of its owner', () => {
  const { request } = requestOf(false)
  assert.equal(
    request.bytes.toString('latin1', request.start, request.end),
    '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
  )
  assert.deepEqual([request.lane, request.slot, request.spec?.name], [1, 3, 'get'])
})

test('replies other than errors go to the owner at once', () => {
  for (const text of ['+OK\r\n', '$5\r\n-MOVE\r\n', '*1\r\n-MOVED 3 h:1\r\n', '!3\r\nERR\r\n']) {
    const { request, told } = requestOf(true)
    reply(request, text)
    assert.deepEqual(told, [`deliver ${text}`])
  }
})

test("an error is the owner's unless it is dealt with", () => {
  const dealt = requestOf(true)
  reply(dealt.request, '-MOVED 3 h:1\r\n')
  assert.deepEqual(dealt.told, ['error -MOVED 3 h:1\r\n'])
  const passed = requestOf(false)
  reply(passed.request, '-ERR no\r\n')
  assert.deepEqual(passed.told, ['error -ERR no\r\n', 'deliver -ERR no\r\n'])
})

test('a hold is told after the owner, so that what waits goes out behind', () => {
  const { request, told } = requestOf(false)
  request.hold = {
    add: () => {},
    again: () => {},
    settled: (settled) => void told.push(`settled ${settled === request}`),
  }
  reply(request, ':1\r\n')
  assert.deepEqual(told, ['deliver :1\r\n', 'settled true'])
})

test("a lost connection is the handler's concern", () => {
  const { request, told } = requestOf(false)
  request.onLost(new ProxyError('NODE_LOST', 'gone'), true)
  assert.deepEqual(told, ['lost NODE_LOST true'])
})
