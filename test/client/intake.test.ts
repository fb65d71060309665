import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { Intake, STOP } from '../../lib/client/intake.ts'
import { argumentsOf, BROKEN, MORE, REQUEST } from '../../lib/resp/request-reader.ts'

function make(): { intake: Intake; stream: PassThrough } {
  const stream = new PassThrough()
  return { intake: new Intake(stream, 1024, () => {}), stream }
}

/** The requests that can be read now, as text. */
function requests(intake: Intake): string[] {
  const found: string[] = []
  while (intake.stopped === 0 && intake.next() === REQUEST)
    found.push(argumentsOf(intake.request).join(' '))
  return found
}

test('requests are read as they come', () => {
  const { intake } = make()
  intake.taken(Buffer.from('PING\r\nECHO x\r\nGE'))
  assert.deepEqual(requests(intake), ['PING', 'ECHO x'])
  assert.deepEqual([intake.halfRead, intake.pendingBytes], [true, 2])
  intake.taken(Buffer.from('T a\r\n'))
  assert.deepEqual(requests(intake), ['GET a'])
  assert.deepEqual([intake.halfRead, intake.pendingBytes], [false, 0])
})

test('a reason to stop pauses the stream, and reading goes on when the last one is gone', () => {
  const { intake, stream } = make()
  stream.resume()
  intake.stop(STOP.node)
  assert.ok(stream.isPaused())
  intake.stop(STOP.output)
  assert.equal(intake.release(STOP.memory), false)
  assert.equal(intake.release(STOP.node), false)
  assert.equal(intake.release(STOP.output), true)
  assert.equal(intake.release(STOP.output), false)
  assert.equal(intake.stopped, 0)
})

test('what comes while it is stopped waits, and is read in order', () => {
  const { intake } = make()
  intake.taken(Buffer.from('ECHO 1\r\nECHO 2\r\nEC'))
  assert.equal(intake.next(), REQUEST)
  intake.stop(STOP.pipeline)
  intake.taken(Buffer.from('HO 3\r\nECHO'))
  intake.taken(Buffer.from(' 4\r\n'))
  assert.equal(intake.pendingBytes, 'ECHO 2\r\nECHO 3\r\nECHO 4\r\n'.length)
  intake.release(STOP.pipeline)
  assert.deepEqual(requests(intake), ['ECHO 2', 'ECHO 3', 'ECHO 4'])
})

test('what comes while the connection is ending is dropped', () => {
  const { intake } = make()
  intake.stop(STOP.closing)
  intake.taken(Buffer.from('PING\r\n'))
  assert.equal(intake.pendingBytes, 0)
  assert.equal(intake.next(), MORE)
})

test('what waits can be forgotten', () => {
  const { intake } = make()
  intake.stop(STOP.output)
  intake.taken(Buffer.from('PING\r\n'))
  intake.clear()
  intake.release(STOP.output)
  assert.deepEqual(requests(intake), [])
})

test('limits of the request reader apply, and those before AUTH can be lifted', () => {
  const { intake } = make()
  intake.taken(Buffer.from('*1\r\n$1025\r\n'))
  assert.equal(intake.next(), BROKEN)
  assert.equal(intake.error, 'invalid bulk length')
  for (const [authenticated, found] of [
    [false, BROKEN],
    [true, MORE],
  ] as const) {
    const other = make().intake
    other.authenticated = authenticated
    other.taken(Buffer.from('*11\r\n'))
    assert.equal(other.next(), found)
  }
})

test('each reason is a bit of its own', () => {
  const bits = Object.values(STOP)
  assert.equal(
    bits.reduce((sum, bit) => sum | bit, 0),
    2 ** bits.length - 1
  )
})
