import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Message, readPush } from '../../lib/pubsub/push.ts'
import { encodeReply, Push } from '../../lib/resp/encode.ts'

function read(...items: (string | number | null)[]): string | undefined {
  const frame = Buffer.concat([Buffer.from('before'), encodeReply(new Push(items), 3)])
  const push = readPush(frame, 6)
  return push && `${push.event} ${push.kind} ${push.name} ${push.channel}`
}

describe('readPush', () => {
  it('tells messages by their channel and by what was subscribed to', () => {
    assert.equal(read('message', 'a', 'text'), 'message channel a a')
    assert.equal(read('pmessage', 'a*', 'ab', 'text'), 'message pattern a* ab')
    assert.equal(read('smessage', 'a', 'text'), 'message shard a a')
  })

  it('tells confirmations', () => {
    assert.equal(read('subscribe', 'a', 1), 'subscribed channel a a')
    assert.equal(read('punsubscribe', 'a*', 0), 'unsubscribed pattern a* a*')
    assert.equal(read('sunsubscribe', null, 0), 'unsubscribed shard  ')
  })

  it('leaves other pushes alone', () => {
    assert.equal(read('invalidate', 'a'), undefined)
    assert.equal(read('toString', 'a'), undefined)
    assert.equal(read('message'), undefined)
    assert.equal(read('pmessage', 'a*'), undefined)
    assert.equal(read(), undefined)
  })
})

describe('Message', () => {
  it('is made once for each protocol version, and outlives the bytes that it came in', () => {
    const frame = Buffer.from('xx>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\nyy')
    const message = new Message(frame, 2, frame.length - 2)
    const { push, array } = message
    frame.fill(0)
    assert.equal(String(push), '>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n')
    assert.equal(String(array), '*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n')
    assert.equal(message.push, push)
    assert.equal(message.array, array)
  })
})
