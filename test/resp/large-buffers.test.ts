import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { Batch } from '../../lib/resp/batch.ts'
import { borrow, giveBack, lendToAll } from '../../lib/resp/large-buffers.ts'

test('a buffer that was given back serves the next value of about its size', () => {
  const first = borrow(70_000)
  assert.equal(first.length, 70_000)
  assert.equal(giveBack(first), true)
  const second = borrow(100_000)
  assert.equal(second.length, 100_000)
  assert.equal(second.buffer, first.buffer)
  giveBack(second)
})

test('a buffer serves one value at a time', () => {
  const [first, second] = [borrow(70_000), borrow(70_000)]
  assert.notEqual(first.buffer, second.buffer)
  giveBack(first)
  giveBack(second)
})

test('what was not borrowed, or is given back twice, is left alone', () => {
  assert.equal(giveBack(Buffer.allocUnsafeSlow(128 * 1024)), false)
  const buffer = borrow(70_000)
  assert.equal(giveBack(buffer), true)
  assert.equal(giveBack(buffer), false)
})

test('a huge one is never kept', () => {
  const huge = borrow(3 * 1024 * 1024)
  assert.equal(huge.length, 3 * 1024 * 1024)
  assert.equal(giveBack(huge), false)
})

test('a reply gives its buffer back once it is written, however slow the client, and not before', async (t) => {
  const server = createServer()
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await accepted) as [Socket]
  const values = Array.from({ length: 30 }, (_, i) => borrow(1_000_000).fill(65 + i))
  const batch = new Batch(true, true)
  for (const value of values) batch.append(value, 0, value.length)
  batch.flush(socket)
  assert.ok(socket.writableLength > 0)
  const last = values.at(-1)!
  assert.notEqual(borrow(1_000_000).buffer, last.buffer)
  client.resume()
  await new Promise((resolve) => socket.write('', resolve))
  assert.equal(giveBack(last), false)
  socket.end()
  await once(client, 'close')
})

test('a buffer that several look at is taken back when the last of them has given it back', () => {
  const buffer = borrow(70_000)
  lendToAll(buffer, 3)
  for (let i = 0; i < 2; i++) {
    assert.equal(giveBack(buffer), true)
    assert.notEqual(borrow(70_000).buffer, buffer.buffer)
  }
  giveBack(buffer)
  assert.equal(borrow(70_000).buffer, buffer.buffer)
  const own = Buffer.allocUnsafeSlow(128 * 1024)
  lendToAll(own, 2)
  assert.equal(giveBack(own), false)
})
