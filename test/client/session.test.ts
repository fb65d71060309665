import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Session } from '../../lib/client/session.ts'

/** What RESET does not touch. */
const KEPT = ['id', 'createdAt', 'libName', 'libVersion', 'multiplexing']

test('a reset session is as a new one, but for who it is and since when', () => {
  for (const authenticated of [true, false]) {
    const session = new Session(7, authenticated)
    const fresh = { ...session }
    const { createdAt } = session
    const fields = Object.keys(session).filter((name) => !KEPT.includes(name))
    for (const name of fields) Object.assign(session, { [name]: 'another value' })
    session.reset()
    session.become('default', authenticated, undefined)
    assert.deepEqual({ ...session }, fresh)
    assert.deepEqual([session.id, session.createdAt], [7, createdAt])
  }
})

test('RESET leaves what the client library told about itself, as the server does', () => {
  const session = new Session(1, true)
  session.libName = 'ioredis'
  session.libVersion = '6.0.0'
  session.reset()
  assert.deepEqual([session.libName, session.libVersion], ['ioredis', '6.0.0'])
})
