import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { RawClient } from '../support/raw-client.ts'
import { type Stage, setStage } from './stage.ts'

const MEBIBYTE = 1024 * 1024

/** Why the proxy disconnects a client, once it does. */
function reason(stage: Stage): Promise<string> {
  return once(stage.proxy, 'clientDisconnect').then(([event]) => String(event.reason))
}

/** A client that is subscribed and reads no more. */
async function frozen(stage: Stage): Promise<RawClient> {
  const client = await stage.client()
  await client.call('SUBSCRIBE', 'a')
  client.stream.pause()
  return client
}

describe('subscribers that are slow', () => {
  it('E9.10 one that never reads is disconnected, the others miss nothing, and what waits stays bounded', async () => {
    await using stage = await setStage({ options: { subscriberOutputLimit: 8 * MEBIBYTE } })
    const gone = reason(stage)
    await frozen(stage)
    const reader = await stage.client()
    await reader.call('SUBSCRIBE', 'a')
    const publisher = await stage.client()
    const message = Buffer.alloc(MEBIBYTE, 'm')
    await publisher.call('PUBLISH', 'a', message)
    await reader.readReply()
    let most = 0
    for (let i = 0; i < 64; i++) {
      await Promise.all([publisher.call('PUBLISH', 'a', message), reader.readReply()])
      const list = String(await publisher.ask('CLIENT', 'LIST', 'TYPE', 'pubsub'))
      for (const [, omem] of list.matchAll(/ omem=(\d+)/g)) most = Math.max(most, Number(omem))
    }
    assert.equal(await gone, 'the messages that wait for it exceed subscriberOutputLimit')
    assert.ok(most > MEBIBYTE && most <= 9 * MEBIBYTE, `${most} bytes waited`)
    assert.equal((await reader.call('PING')).toString(), '*2\r\n$4\r\npong\r\n$0\r\n\r\n')
  })

  it('E9.10 one that stays slow for too long is disconnected', async () => {
    await using stage = await setStage({
      options: { subscriberOutputSoftLimit: MEBIBYTE, subscriberOutputSoftTime: 1000 },
    })
    const gone = reason(stage)
    await frozen(stage)
    const publisher = await stage.client()
    const begun = performance.now()
    await publisher.call('PUBLISH', 'a', Buffer.alloc(12 * MEBIBYTE))
    assert.match(await gone, /subscriberOutputSoftLimit for too long/)
    assert.ok(performance.now() - begun >= 900)
  })

  it('E9.10 one that catches up in time stays', async () => {
    await using stage = await setStage({
      options: { subscriberOutputSoftLimit: MEBIBYTE, subscriberOutputSoftTime: 3000 },
    })
    const client = await frozen(stage)
    const publisher = await stage.client()
    await publisher.call('PUBLISH', 'a', Buffer.alloc(12 * MEBIBYTE))
    client.stream.resume()
    assert.equal((await client.readReply()).length, 12 * MEBIBYTE + 37)
    assert.match(String(await client.call('PING')), /pong/)
  })

  it('E9.13 a hundred thousand come and go, and nothing is left', async () => {
    await using stage = await setStage()
    const clients = await stage.clients(50)
    const rounds = 100_000 / clients.length / 20
    await Promise.all(
      clients.map(async (client, index) => {
        for (let round = 0; round < rounds; round++) {
          const names = Array.from({ length: 20 }, (_, i) => `c${index % 10}:${i}:${round}`)
          client.send(['SUBSCRIBE', ...names])
          client.send(['UNSUBSCRIBE', ...names])
          for (let i = 0; i < 40; i++) await client.readReply()
        }
      })
    )
    const [asker] = await stage.clients(1)
    assert.deepEqual(await asker!.ask('PUBSUB', 'CHANNELS'), [])
    for (const node of stage.cluster.nodes) assert.deepEqual(node.execute('PUBSUB', 'CHANNELS'), [])
  })
})
