import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountsOf } from '../../../lib/client/access/accounts.ts'
import { checkUsers } from '../../../lib/user-checks.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

test('there are no accounts without users, whatever the password', () => {
  assert.equal(accountsOf({ users: undefined, password: 'x' }), undefined)
  assert.equal(accountsOf({ users: [], password: 'x' }), undefined)
})

test('a user is who has one of its passwords, by its exact name', () => {
  const users = checkUsers([{ name: 'zoë', password: ['one', 'two'], rights: 'read' }])
  const accounts = accountsOf({ users, password: undefined })!
  for (const password of ['one', 'two']) {
    assert.equal(accounts.authenticate('zoë', bytes(password))?.name, 'zoë')
  }
  for (const [name, password] of [
    ['zoë', ''],
    ['zoë', 'onetwo'],
    ['zoe', 'one'],
    ['', ''],
    ['default', 'one'],
  ] as const) {
    assert.equal(accounts.authenticate(name, bytes(password)), undefined, name)
  }
  assert.equal(accounts.unasked, undefined)
})

test('the password is that of a user default, unless there is one', () => {
  const other = checkUsers(['other on >x +@all'])
  const accounts = accountsOf({ users: other, password: 'main' })!
  assert.equal(accounts.authenticate('default', bytes('main'))?.name, 'default')
  assert.deepEqual(
    accounts.all().map(({ name }) => name),
    ['default', 'other']
  )
  const own = checkUsers(['default on nopass +ping'])
  const open = accountsOf({ users: own, password: 'main' })!
  assert.equal(open.unasked?.commands, '-@all +ping')
})

test('who is disabled needs no password only when enabled', () => {
  const accounts = accountsOf({ users: checkUsers(['default off nopass +ping']), password: '' })!
  assert.equal(accounts.unasked, undefined)
  assert.equal(accounts.authenticate('default', bytes('')), undefined)
})
