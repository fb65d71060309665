import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import { Topic, type TopicSource } from '../../lib/pubsub/topic.ts'

const source = (): TopicSource => ({
  node: {} as ClusterNode,
  subscribe() {},
  unsubscribe() {},
})

describe('Topic', () => {
  it('reaches as far as its messages come from', () => {
    const reach = (kind: Topic['kind'], name: string): string =>
      new Topic(kind, Buffer.from(name)).reach
    assert.equal(reach('channel', 'news'), 'any')
    assert.equal(reach('channel', '__keyevent@0__:set'), 'masters')
    assert.equal(reach('pattern', 'n*'), 'any')
    assert.equal(reach('pattern', '__keyspace@0__:*'), 'masters and any')
    assert.equal(reach('shard', '__keyspace@0__:x'), 'slot')
  })

  it('has a slot if it belongs to one, and a key of its own whatever the bytes of its name', () => {
    assert.equal(new Topic('shard', Buffer.from('123456789')).slot, 12739)
    assert.equal(new Topic('channel', Buffer.from('123456789')).slot, -1)
    const keys = [0x80, 0xff, 0xc3].map((byte) => new Topic('channel', Buffer.from([byte])).key)
    assert.equal(new Set(keys).size, 3)
    assert.notEqual(
      new Topic('pattern', Buffer.from('a')).key,
      new Topic('shard', Buffer.from('a')).key
    )
  })

  it('is whole when all its sources have confirmed it, and none is missing', () => {
    const topic = new Topic('channel', Buffer.from('a'))
    const [one, two] = [source(), source()]
    assert.deepEqual([topic.whole, topic.confirmed, topic.unused], [false, false, true])
    topic.complete = true
    assert.equal(topic.whole, false)
    topic.sources.set(one, true).set(two, false)
    assert.deepEqual([topic.whole, topic.confirmed], [false, true])
    topic.sources.set(two, true)
    assert.equal(topic.whole, true)
    topic.complete = false
    assert.equal(topic.whole, false)
  })
})
