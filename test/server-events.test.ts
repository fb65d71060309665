import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { NodeEvent } from '../lib/events.ts'
import { ProxyError } from '../lib/index.ts'
import { ServerEvents } from '../lib/server-events.ts'

const UP: NodeEvent = { address: '127.0.0.1:7000', cause: undefined }

/** An emitter with a sink to it, and what its `error` listener got. */
function observed(): { server: EventEmitter; events: ServerEvents; errors: Error[] } {
  const server = new EventEmitter()
  const errors: Error[] = []
  server.on('error', (error: Error) => errors.push(error))
  return { server, events: new ServerEvents(server), errors }
}

test('an event is wanted only while someone listens', () => {
  const { server, events } = observed()
  const listener = (): void => {}
  assert.equal(events.wants('nodeUp'), false)
  server.on('nodeUp', listener)
  assert.equal(events.wants('nodeUp'), true)
  server.off('nodeUp', listener)
  assert.equal(events.wants('nodeUp'), false)
})

test('listeners are told in order, with the server as this, and once means once', () => {
  const { server, events } = observed()
  const told: unknown[] = []
  server.on('nodeUp', function (this: unknown, event) {
    told.push([1, this === server, event])
  })
  server.once('nodeUp', (event) => told.push([2, event]))
  events.emit('nodeUp', UP)
  events.emit('nodeUp', UP)
  assert.deepEqual(told, [
    [1, true, UP],
    [2, UP],
    [1, true, UP],
  ])
})

test('what a listener throws reaches no other listener and no caller, but the listeners of error', () => {
  const { server, events, errors } = observed()
  const told: unknown[] = []
  const thrown = new TypeError('no such thing')
  server.on('nodeUp', () => {
    throw thrown
  })
  server.on('nodeUp', (event) => told.push(event))
  events.emit('nodeUp', UP)
  assert.deepEqual(told, [UP])
  const [error] = errors
  assert.ok(error instanceof ProxyError)
  assert.equal(error.code, 'HOOK')
  assert.equal(error.message, "a listener of 'nodeUp' threw: no such thing")
  assert.equal(error.cause, thrown)
})

test('what is thrown need not be an error', () => {
  const { server, events, errors } = observed()
  server.on('ready', () => {
    throw 'text'
  })
  events.emit('ready')
  assert.equal(errors[0]?.message, "a listener of 'ready' threw: text")
})

test('a listener that returns a promise which rejects is told of in the same way', async () => {
  const { server, events } = observed()
  server.on('nodeUp', () => Promise.reject(new TypeError('later')))
  const told = new Promise<ProxyError>((resolve) => server.once('error', resolve))
  events.emit('nodeUp', UP)
  const error = await told
  assert.equal(error.code, 'HOOK')
  assert.equal(error.message, "a listener of 'nodeUp' threw: later")
})

test('without a listener of error what a listener throws is dropped', () => {
  const server = new EventEmitter()
  let called = 0
  server.on('ready', () => {
    called++
    throw new TypeError('unseen')
  })
  new ServerEvents(server).emit('ready')
  assert.equal(called, 1)
})

test('a listener of error that throws is not told of its own failure', () => {
  const server = new EventEmitter()
  let called = 0
  server.on('error', () => {
    called++
    throw new TypeError('again')
  })
  new ServerEvents(server).emit('error', new ProxyError('NO_TOPOLOGY', 'none'))
  assert.equal(called, 1)
})
