import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { type Destination, readInto } from '../../lib/client/reading.ts'

/** Takes what comes, eight bytes at a time where it can choose, and tells how it came. */
class Taker implements Destination {
  text = ''
  readonly ways: Set<string> = new Set()
  readonly #rooms: readonly Buffer[] = [Buffer.alloc(8), Buffer.alloc(8)]
  #turn = 0

  room(): Buffer {
    return this.#rooms[this.#turn++ % 2]!
  }

  filled(length: number, room: Buffer): void {
    this.ways.add('filled')
    this.text += room.toString('latin1', 0, length)
    room.fill(0)
  }

  taken(chunk: Buffer): void {
    this.ways.add('taken')
    this.text += chunk.toString('latin1')
  }
}

/** Both ends of a connection. */
async function pair(): Promise<{ accepted: net.Socket; other: net.Socket } & AsyncDisposable> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const other = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [net.Socket]
  return {
    accepted,
    other,
    async [Symbol.asyncDispose]() {
      for (const socket of [accepted, other]) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const long = Array.from({ length: 5000 }, (_, i) => `${i},`).join('')

test('an accepted socket is read in place, to its end', async () => {
  await using sockets = await pair()
  const taker = new Taker()
  assert.equal(readInto(taker, sockets.accepted), true)
  sockets.other.end(long)
  await once(sockets.accepted, 'end')
  assert.equal(taker.text, long)
  assert.deepEqual([...taker.ways], ['filled'])
  assert.equal(sockets.accepted.bytesRead, long.length)
})

test('a paused socket is not read, and goes on where it was', async () => {
  await using sockets = await pair()
  const taker = new Taker()
  readInto(taker, sockets.accepted)
  sockets.accepted.pause()
  const ended = once(sockets.accepted, 'end')
  await new Promise<void>((resolve) => sockets.other.end(long, () => resolve()))
  await new Promise((resolve) => setImmediate(resolve))
  // One read may have been under way.
  assert.ok(taker.text.length <= 8)
  sockets.accepted.resume()
  await ended
  assert.equal(taker.text, long)
})

test('what was read before, and streams that are no sockets, are read as streams', async () => {
  const stream = new PassThrough()
  const taker = new Taker()
  assert.equal(readInto(taker, stream), false)
  stream.end('abc')
  await once(stream, 'end')
  assert.deepEqual([taker.text, [...taker.ways]], ['abc', ['taken']])

  await using sockets = await pair()
  sockets.other.write('first ')
  await once(sockets.accepted, 'readable')
  const other = new Taker()
  assert.equal(readInto(other, sockets.accepted), false)
  sockets.other.end('second')
  await once(sockets.accepted, 'end')
  assert.deepEqual([other.text, [...other.ways]], ['first second', ['taken']])
})

test('a socket whose bytes others listen to is read as a stream, and they hear it all', async () => {
  await using sockets = await pair()
  const taker = new Taker()
  let heard = ''
  sockets.accepted.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1')
  })
  assert.equal(readInto(taker, sockets.accepted), false)
  sockets.other.end(long)
  await once(sockets.accepted, 'end')
  assert.deepEqual([taker.text, heard], [long, long])
})

test('a socket without the fields that the option onread sets is read as a stream', async () => {
  await using sockets = await pair()
  const taker = new Taker()
  Object.defineProperty(sockets.accepted, '_handle', { value: undefined, writable: true })
  assert.equal(readInto(taker, sockets.accepted), false)
})
