import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { keySlot, SLOT_COUNT } from '../../lib/command/slot.ts'
import { connect } from '../support/raw-client.ts'
import { startServer } from '../support/real-server.ts'
import { decodeReply } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'

/** The key lies amid other bytes, as in a request. */
function slotOf(key: string | Buffer): number {
  const bytes = Buffer.from(key as string)
  return keySlot(Buffer.concat([Buffer.from('}{'), bytes, Buffer.from('}')]), 2, 2 + bytes.length)
}

/** Keys in which braces are frequent, and any bytes are possible. */
const keys = fc.oneof(
  fc
    .array(fc.constantFrom('{', '}', 'a', 'b', 'é', '\u{1f600}'), { maxLength: 12 })
    .map((letters) => Buffer.from(letters.join(''))),
  fc
    .array(fc.constantFrom(0x7b, 0x7d, 0, 10, 13, 0x80, 0xc3, 0xff), { maxLength: 90 })
    .map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ minLength: 60, maxLength: 70 }).map((bytes) => Buffer.from(bytes))
)

describe('keySlot', () => {
  const vectors: [string, number][] = [
    ['', 0],
    ['123456789', 0x31c3],
    ['foo', 12182],
    ['foo{}{bar}', 8363],
    ['foo{{bar}}zap', slotOf('{bar')],
    ['foo{bar}{zap}', slotOf('bar')],
    ['{user1000}.following', slotOf('user1000')],
    [`{${'x'.repeat(100)}}y`, slotOf('x'.repeat(100))],
  ]
  for (const [key, slot] of vectors) {
    it(`gives ${slot} for ${JSON.stringify(key)}`, () => {
      assert.equal(slotOf(key), slot)
    })
  }

  it('stays below the number of slots', () => {
    fc.assert(fc.property(keys, (key) => slotOf(key) >= 0 && slotOf(key) < SLOT_COUNT))
  })

  it('leaves the bytes of the request as they are', () => {
    const buffer = Buffer.from('{}{a}')
    keySlot(buffer, 0, buffer.length)
    assert.equal(buffer.toString(), '{}{a}')
  })

  it('agrees with CLUSTER KEYSLOT of a real node', needsServer, async () => {
    await using server = await startServer({ config: { 'cluster-enabled': 'yes' } })
    await using client = await connect(server.port)
    const fixed = ['{}{a}', '{}{}', '}{', '{', 'a{', '{}', '{}}', '{{}}{a}', '}{}{a}', 'a\0{b\r\n}']
    const sample = [...fixed.map((key) => Buffer.from(key)), ...fc.sample(keys, 3000)]
    const frames = await client.pipeline(sample.map((key) => ['CLUSTER', 'KEYSLOT', key]))
    for (const [i, frame] of frames.entries()) {
      assert.equal(slotOf(sample[i]!), decodeReply(frame), sample[i]!.toString('hex'))
    }
  })
})
