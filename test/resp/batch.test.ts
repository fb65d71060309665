import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Batch, type Sink } from '../../lib/resp/batch.ts'

const KIB = 1024

/** A stream that keeps what it was given, and what that looked like then. */
class RecordingSink implements Sink {
  /** What the stream says that it still holds. */
  writableLength = 0
  readonly chunks: Buffer[] = []
  readonly copies: Buffer[] = []
  readonly calls: string[] = []

  write(chunk: Uint8Array): boolean {
    this.calls.push('write')
    this.chunks.push(chunk as Buffer)
    this.copies.push(Buffer.from(chunk))
    return true
  }

  cork(): void {
    this.calls.push('cork')
  }

  uncork(): void {
    this.calls.push('uncork')
  }

  get written(): Buffer {
    return Buffer.concat(this.copies)
  }
}

let filled = 0
/** Bytes unlike those of the call before. */
function bytes(length: number): Buffer {
  filled++
  const made = Buffer.alloc(length)
  for (let i = 0; i < length; i++) made[i] = (filled * 31 + i * 7) % 251
  return made
}

function append(batch: Batch, piece: Buffer): void {
  batch.append(piece, 0, piece.length)
}

describe('Batch', () => {
  it('joins small pieces into one write', () => {
    const batch = new Batch(true)
    const sink = new RecordingSink()
    const source = Buffer.from('xxOKyy')
    batch.append(source, 2, 4)
    batch.append(source, 0, 6)
    assert.equal(batch.size, 8)
    batch.flush(sink)
    assert.deepEqual(sink.calls, ['write'])
    assert.equal(sink.written.toString(), 'OKxxOKyy')
    assert.equal(batch.size, 0)
  })

  it('writes nothing when there is nothing', () => {
    const batch = new Batch(true)
    const sink = new RecordingSink()
    batch.flush(sink)
    batch.append(Buffer.from('x'), 0, 0)
    batch.flush(sink)
    append(batch, bytes(100))
    batch.clear()
    assert.equal(batch.size, 0)
    batch.flush(sink)
    assert.deepEqual(sink.calls, [])
  })

  it('copies up to 16 KiB, and hands over larger pieces as they are, in order, corked', () => {
    const batch = new Batch(true)
    const sink = new RecordingSink()
    const pieces = [10, 16 * KIB, 16 * KIB + 1, 20, 100 * KIB, 200 * KIB, 30].map(bytes)
    for (const piece of pieces) append(batch, piece)
    batch.flush(sink)
    assert.ok(sink.written.equals(Buffer.concat(pieces)))
    const given = pieces.map((piece) => sink.chunks.some((chunk) => chunk.buffer === piece.buffer))
    assert.deepEqual(given, [false, false, true, false, true, true, false])
    const writes = Array.from({ length: 6 }, () => 'write')
    assert.deepEqual(sink.calls, ['cork', ...writes, 'uncork'])
  })

  it('grows its slab from 4 to 64 KiB, and goes on in another', () => {
    for (const [size, room] of [
      [10, 4 * KIB],
      [4 * KIB, 4 * KIB],
      [4 * KIB + 10, 64 * KIB],
      [64 * KIB, 64 * KIB],
    ] as const) {
      const batch = new Batch(true)
      const sink = new RecordingSink()
      for (let left = size; left > 0; left -= 10) append(batch, bytes(Math.min(10, left)))
      batch.flush(sink)
      assert.equal(sink.chunks.length, 1)
      assert.equal(sink.chunks[0]!.length, size)
      assert.equal(sink.chunks[0]!.buffer.byteLength, room)
    }
    const batch = new Batch(true)
    const sink = new RecordingSink()
    const pieces = Array.from({ length: 150 }, () => bytes(KIB))
    for (const piece of pieces) append(batch, piece)
    batch.flush(sink)
    assert.deepEqual(
      sink.chunks.map((chunk) => chunk.length),
      [64 * KIB, 64 * KIB, 22 * KIB]
    )
    assert.ok(sink.written.equals(Buffer.concat(pieces)))
  })

  it('uses a small buffer again once its bytes are out', () => {
    const batch = new Batch(true)
    const sink = new RecordingSink()
    for (let i = 0; i < 2; i++) {
      append(batch, bytes(100))
      batch.flush(sink)
    }
    const [first, second] = sink.chunks
    assert.equal(first!.buffer, second!.buffer)
    assert.equal(first!.byteOffset, second!.byteOffset)
  })

  it('lets batches take turns with a large buffer, and never have one at the same time', () => {
    const sink = new RecordingSink()
    const [one, two] = [new Batch(true), new Batch(true)]
    const first = Array.from({ length: 10 }, () => bytes(KIB))
    const second = Array.from({ length: 10 }, () => bytes(KIB))
    for (let i = 0; i < 10; i++) {
      append(one, first[i]!)
      append(two, second[i]!)
    }
    one.flush(sink)
    two.flush(sink)
    const three = new Batch(true)
    append(three, bytes(10 * KIB))
    three.flush(sink)
    assert.ok(sink.copies[0]!.equals(Buffer.concat(first)))
    assert.ok(sink.copies[1]!.equals(Buffer.concat(second)))
    assert.notEqual(sink.chunks[0]!.buffer, sink.chunks[1]!.buffer)
    assert.ok(sink.chunks.slice(0, 2).some((chunk) => chunk.buffer === sink.chunks[2]!.buffer))
  })

  it('never touches what a stream still holds', () => {
    const piece = fc.integer({ min: 0, max: 40 * KIB })
    const flushes = fc.array(fc.tuple(fc.array(piece, { maxLength: 8 }), fc.boolean()), {
      minLength: 1,
      maxLength: 12,
    })
    fc.assert(
      fc.property(flushes, fc.boolean(), (rounds, reuse) => {
        const batch = new Batch(reuse)
        const held = new RecordingSink()
        const sent: Buffer[] = []
        for (const [sizes, slow] of rounds) {
          const sink = slow || !reuse ? held : new RecordingSink()
          sink.writableLength = slow ? 1 : 0
          const pieces = sizes.map(bytes)
          for (const one of pieces) append(batch, one)
          const size = pieces.reduce((sum, one) => sum + one.length, 0)
          assert.equal(batch.size, size)
          const before = sink.written.length
          batch.flush(sink)
          assert.ok(sink.written.subarray(before).equals(Buffer.concat(pieces)))
          if (sink === held) sent.push(...pieces)
        }
        assert.ok(Buffer.concat(held.chunks).equals(Buffer.concat(sent)))
      }),
      { numRuns: 60 }
    )
  })

  it('arrives whole through a socket whose other side reads late', {
    timeout: 20_000,
  }, async () => {
    const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const accepted = once(server, 'connection')
    const socket = createConnection((server.address() as { port: number }).port, '127.0.0.1')
    const [reader] = await accepted
    const sent: Buffer[] = []
    const batch = new Batch(true)
    for (let round = 0; round < 200; round++) {
      const pieces = [1 + (round % 40), 2000, round * 100, 20_000].map(bytes)
      for (const piece of pieces) append(batch, piece)
      sent.push(...pieces)
      batch.flush(socket)
    }
    assert.ok(socket.writableLength > 0, 'the socket took all at once')
    socket.end()
    const received: Buffer[] = []
    for await (const chunk of reader) received.push(chunk)
    server.close()
    assert.ok(Buffer.concat(received).equals(Buffer.concat(sent)))
  })
})
