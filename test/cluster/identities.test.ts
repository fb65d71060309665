import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Identities } from '../../lib/cluster/identities.ts'
import { identityOf, kindOf, LANES } from '../../lib/cluster/lanes.ts'

const secret = Buffer.from('secret')

test('clients of the same user with the same password share an identity, others do not', () => {
  const identities = new Identities()
  const first = identities.acquire('alice', secret)
  assert.equal(identities.acquire('alice', Buffer.from('secret')), first)
  assert.notEqual(identities.acquire('alice', Buffer.from('other')).number, first.number)
  assert.notEqual(identities.acquire('bob', secret).number, first.number)
  assert.equal(identities.size, 3)
  assert.equal(identityOf(first.base + LANES.resp3), first.number)
  assert.equal(kindOf(first.base + LANES.resp3), LANES.resp3)
  assert.equal(identityOf(LANES.trial), 0)
})

test('an identity ends ten seconds after its last client has left, and its number is not given again', () => {
  const identities = new Identities()
  const first = identities.acquire('alice', secret)
  identities.acquire('alice', secret)
  identities.release(first, 1000)
  assert.deepEqual(identities.expire(99_000), [])
  identities.release(first, 100_000)
  assert.deepEqual(identities.expire(109_999), [])
  identities.acquire('alice', secret)
  assert.deepEqual(identities.expire(200_000), [])
  identities.release(first, 200_000)
  const password = identities.login(first.number)!.password as Buffer
  assert.equal(password.toString(), 'secret')
  assert.deepEqual(identities.expire(210_000), [first])
  assert.equal(identities.login(first.number), undefined)
  // Nothing is left of it in memory.
  assert.deepEqual(password, Buffer.alloc(6))
  assert.equal(secret.toString(), 'secret')
  assert.notEqual(identities.acquire('alice', secret).number, first.number)
})
