import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TrackedKeys } from '../../lib/client/tracked-keys.ts'

const key = (name: string, slot = 1) => ({ name, slot })

test('a key is told to all who read it, once', () => {
  const table = new TrackedKeys<string>()
  table.add(key('k'), 'a')
  table.add(key('k'), 'b')
  table.add(key('k'), 'a')
  assert.equal(table.size, 1)
  assert.deepEqual([...table.take(key('k'))], ['a', 'b'])
  assert.deepEqual([...table.take(key('k'))], [])
  assert.equal(table.size, 0)
})

test('a slot is taken with all its keys, and no other', () => {
  const table = new TrackedKeys<string>()
  table.add(key('one', 1), 'a')
  table.add(key('two', 1), 'b')
  table.add(key('three', 2), 'a')
  assert.deepEqual(
    [...table.takeSlot(1)].map(([name, owners]) => [name, ...owners]),
    [
      ['one', 'a'],
      ['two', 'b'],
    ]
  )
  assert.equal(table.size, 1)
  assert.deepEqual([...table.takeSlot(1)], [])
  assert.deepEqual(table.oldest, key('three', 2))
})

test('the oldest of a slot goes first, and nothing is left of an empty table', () => {
  const table = new TrackedKeys<string>()
  assert.equal(table.oldest, undefined)
  table.add(key('old'), 'a')
  table.add(key('new'), 'a')
  assert.deepEqual(table.oldest, key('old'))
  table.clear()
  assert.deepEqual([table.size, table.oldest], [0, undefined])
})

test('who leaves stands at no key any more, and what nobody else read is forgotten', () => {
  const table = new TrackedKeys<string>()
  for (const name of ['both', 'own', 'told']) table.add(key(name), 'a')
  table.add(key('both'), 'b')
  table.take(key('told'))
  table.leave('a')
  assert.deepEqual([table.size, table.owners], [1, 1])
  assert.deepEqual([...table.take(key('both'))], ['b'])
  table.leave('b')
  table.leave('nobody')
  assert.deepEqual([table.size, table.owners], [0, 0])
})

test('who leaves a great many keys does so in several turns, and what is told meanwhile stays right', async () => {
  const table = new TrackedKeys<string>()
  const names = Array.from({ length: 5000 }, (_, i) => `key ${i}`)
  for (const name of names) for (const owner of ['a', 'b']) table.add(key(name), owner)
  table.leave('a')
  assert.deepEqual([...table.take(key('key 4999'))], ['a', 'b'])
  table.takeSlot(7)
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([table.size, table.owners], [4999, 1])
  for (const name of names.slice(0, 10)) assert.deepEqual([...table.take(key(name))], ['b'])
  table.leave('b')
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([table.size, table.owners], [0, 0])
})
