import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { connect } from './raw-client.ts'
import { decodeReply, ReplyError } from './resp-frame.ts'

const FRAMES = [
  '+OK\r\n',
  '-ERR no\r\n',
  ':-7\r\n',
  '$-1\r\n',
  '$0\r\n\r\n',
  '$4\r\na\r\nb\r\n',
  '*-1\r\n',
  '*0\r\n',
  '*2\r\n*1\r\n:1\r\n$1\r\nx\r\n',
  '_\r\n',
  '#t\r\n',
  ',1.5\r\n',
  '(123456789012345678901\r\n',
  '=5\r\ntxt:x\r\n',
  '!5\r\nERR x\r\n',
  '%1\r\n+k\r\n*1\r\n:1\r\n',
  '~1\r\n:1\r\n',
  '>2\r\n+pubsub\r\n:1\r\n',
  '|1\r\n+ttl\r\n:1\r\n+OK\r\n',
]

test('replies come as the frames they are, wherever the stream is cut', async () => {
  const bytes = Buffer.from(FRAMES.join(''))
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const [here, there] = duplexPair()
    const client = await connect(here)
    const frames = Promise.all(FRAMES.map(() => client.readReply()))
    for (let at = 0; at < bytes.length; at += size) there.write(bytes.subarray(at, at + size))
    assert.deepEqual((await frames).map(String), FRAMES)
  }
})

test('a reply is decoded to a plain value', () => {
  const value = (frame: string) => decodeReply(Buffer.from(frame))
  assert.deepEqual(value('*3\r\n$-1\r\n:7\r\n$3\r\n\xe9a\r\n'), [null, 7, 'éa'])
  assert.deepEqual(value('%1\r\n+k\r\n*1\r\n,inf\r\n'), [['k', [Number.POSITIVE_INFINITY]]])
  assert.deepEqual(value('=5\r\ntxt:x\r\n'), 'x')
  assert.deepEqual(value('-ERR no\r\n'), new ReplyError('ERR no'))
  assert.deepEqual(value('(123456789012345678901\r\n'), 123456789012345678901n)
})

test('what waits is refused when the connection ends or the bytes are no reply', async () => {
  const [here, there] = duplexPair()
  const client = await connect(here)
  const whole = client.readReply()
  const cut = client.readReply()
  there.end('+OK\r\n+O')
  assert.equal(String(await whole), '+OK\r\n')
  await assert.rejects(cut, /the connection ended/)

  const [left, right] = duplexPair()
  const other = await connect(left)
  right.write('?\r\n')
  await assert.rejects(other.readReply(), /no reply begins with/)
})
