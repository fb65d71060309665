import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { Intake, STOP } from '../../lib/client/intake.ts'
import { frameRequest, REQUEST } from '../../lib/resp/request-reader.ts'
import { Dice } from '../support/dice.ts'

const KIB = 1024
const LIMIT = 4 * KIB * KIB

/** Puts a stream where the intake wants it, in pieces of any size, as a socket does that reads in place. */
class PlacedStream {
  readonly intake: Intake
  /** The bytes of the requests found, and copies that were made when they were found. */
  readonly found: { bytes: Buffer; copy: Buffer }[] = []
  readonly places: number[] = []
  readonly #dice: Dice
  readonly #stopping: boolean

  constructor(dice: Dice, stopping: boolean) {
    this.#dice = dice
    this.#stopping = stopping
    this.intake = new Intake(new PassThrough(), LIMIT, () => this.read())
  }

  read(): void {
    const { intake } = this
    while (intake.stopped === 0 && intake.next() === REQUEST) {
      const { buffer, start, end } = intake.request
      const bytes = buffer.subarray(start, end)
      this.found.push({ bytes, copy: Buffer.from(bytes) })
      if (this.#stopping && this.#dice.once(5)) intake.stop(STOP.private)
    }
  }

  send(stream: Buffer, most: number): void {
    const { intake } = this
    let room = intake.room()
    for (let at = 0; at < stream.length; ) {
      const length = Math.min(room.length, 1 + this.#dice.below(most), stream.length - at)
      stream.copy(room, 0, at, at + length)
      this.places.push(room.length)
      intake.filled(length, room)
      at += length
      if (this.#dice.once(3) && intake.release(STOP.private)) this.read()
      room = intake.room()
    }
    while (intake.release(STOP.private)) this.read()
  }
}

function requestOf(dice: Dice): Buffer {
  const long = dice.once(4)
  const words = Array.from({ length: 1 + dice.below(4) }, () =>
    Buffer.alloc(dice.below(long ? 200 * KIB : 60), 97 + dice.below(26))
  )
  return frameRequest(['SET', ...words]).buffer
}

test('whatever the pieces, every request is found whole, and stays as it is until it is answered', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const dice = new Dice(seed)
    const sent = Array.from({ length: 60 }, () => requestOf(dice))
    const stream = new PlacedStream(dice, seed % 2 === 0)
    stream.send(Buffer.concat(sent), [100, 3000, 70_000, 300_000][seed % 4]!)
    assert.equal(stream.found.length, sent.length, `seed ${seed}`)
    stream.found.forEach(({ bytes, copy }, i) => {
      assert.ok(copy.equals(sent[i]!), `seed ${seed}: request ${i}`)
      assert.ok(bytes.equals(sent[i]!), `seed ${seed}: request ${i} did not last`)
    })
    assert.equal(stream.intake.pendingBytes, 0)
  }
})

test('short requests of many clients do not disturb one another, though all are read to one place', () => {
  const dice = new Dice(7)
  const streams = Array.from({ length: 20 }, () => new PlacedStream(dice, false))
  const sent = streams.map(() => [] as Buffer[])
  for (let turn = 0; turn < 500; turn++) {
    const i = dice.below(streams.length)
    const request = frameRequest(['GET', `key:${turn}`]).buffer
    sent[i]!.push(request)
    streams[i]!.send(request, 1000)
  }
  streams.forEach(({ found }, i) => {
    assert.deepEqual(Buffer.concat(found.map(({ bytes }) => bytes)), Buffer.concat(sent[i]!))
  })
})

test('long requests are read to where they stay, but for a short look at each', () => {
  const dice = new Dice(3)
  const stream = new PlacedStream(dice, false)
  const request = frameRequest(['SET', 'key', Buffer.alloc(300 * KIB, 'x')]).buffer
  for (let i = 0; i < 3; i++) stream.send(request, LIMIT)
  const rest = request.length - 16 * KIB
  // The first comes by surprise.
  assert.deepEqual(stream.places.slice(2), [16 * KIB, rest, 16 * KIB, rest])
  assert.ok(stream.found.every(({ bytes }) => bytes.equals(request)))
})

test('after a long request, many short ones are found as ever', () => {
  const stream = new PlacedStream(new Dice(5), false)
  const short = Array.from({ length: 3000 }, (_, i) => frameRequest(['GET', `key:${i}`]).buffer)
  const sent = [frameRequest(['SET', 'key', Buffer.alloc(300 * KIB, 'x')]).buffer, ...short]
  stream.send(Buffer.concat(sent), LIMIT)
  const found = stream.found.map(({ bytes }) => bytes)
  assert.ok(Buffer.concat(found).equals(Buffer.concat(sent)))
})

test('what is wrong behind a short look is found wrong', () => {
  const stream = new PlacedStream(new Dice(5), false)
  const long = frameRequest(['SET', 'key', Buffer.alloc(300 * KIB, 'x')]).buffer
  const wrong = Buffer.concat([Buffer.from('*1\r\n+PING\r\n'), Buffer.alloc(20 * KIB, '.')])
  stream.send(Buffer.concat([long, long]), LIMIT)
  const room = stream.intake.room()
  wrong.copy(room)
  stream.intake.filled(room.length, room)
  assert.equal(stream.intake.error, "expected '$', got '+'")
})
