import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { Channel } from '../../lib/cli/channel.ts'

test('a question is answered, or given up in time', async () => {
  const sent: { number?: number }[] = []
  const peer = Object.assign(new EventEmitter(), {
    connected: true,
    send: (message: { number?: number }) => sent.push(message),
  })
  const channel = new Channel(peer as unknown as NodeJS.Process, {})
  const late = channel.ask('anything', undefined, 1)
  await assert.rejects(late, { code: 'CLOSED', message: 'the other process does not answer' })
  // Its answer comes after all, and nobody is there for it.
  peer.emit('message', { payload: 1, number: sent[0]!.number, answer: 'right' })
  const answered = channel.ask('anything', undefined, 60_000)
  peer.emit('message', { payload: 2, number: sent[1]!.number, answer: 'right' })
  assert.equal(await answered, 2)
  const lost = channel.ask('anything')
  peer.emit('disconnect')
  await assert.rejects(lost, { code: 'CLOSED', message: 'the other process is gone' })
})
