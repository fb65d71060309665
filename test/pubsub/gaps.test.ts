import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Clock } from '../../lib/clock.ts'
import { ProxyError } from '../../lib/errors.ts'
import type { EventSink, ProxyEvents, SubscriptionGapEvent } from '../../lib/events.ts'
import { Gaps } from '../../lib/pubsub/gaps.ts'
import { Topic } from '../../lib/pubsub/topic.ts'

const LOST = {
  reason: 'connection lost',
  node: 'h:1',
  cause: new ProxyError('NODE_LOST', 'gone'),
} as const
const MOVED = { reason: 'slots moved', node: 'h:1', cause: undefined } as const

class Sink implements EventSink {
  readonly told: SubscriptionGapEvent[] = []
  wanted = true

  wants(): boolean {
    return this.wanted
  }

  emit<Name extends keyof ProxyEvents>(_: Name, ...[event]: ProxyEvents[Name]): void {
    this.told.push(event as SubscriptionGapEvent)
  }
}

const topic = (kind: Topic['kind'], name: string): Topic => new Topic(kind, Buffer.from(name))

describe('Gaps', () => {
  it('tells what was interrupted together in one event, when all of it is over', () => {
    const [clock, sink] = [new Clock(), new Sink()]
    const gaps = new Gaps(clock, sink)
    const [a, p, s] = [topic('channel', 'a'), topic('pattern', 'p*'), topic('shard', 's')]
    for (const each of [a, p, s]) gaps.begin(each, LOST)
    gaps.begin(a, MOVED)
    clock.now += 70
    gaps.end(p)
    gaps.end(s)
    assert.equal(sink.told.length, 0)
    gaps.end(a)
    const { channels, patterns, shardChannels, ...rest } = sink.told[0]!
    assert.deepEqual([channels, patterns, shardChannels].map(String), ['a', 'p*', 's'])
    assert.deepEqual(rest, { ...LOST, duration: 70 })
    gaps.end(a)
    assert.equal(sink.told.length, 1)
  })

  it('says nothing of what nobody has any more', () => {
    const sink = new Sink()
    const gaps = new Gaps(new Clock(), sink)
    const [a, b] = [topic('channel', 'a'), topic('channel', 'b')]
    gaps.begin(a, LOST)
    gaps.drop(a)
    assert.equal(sink.told.length, 0)
    gaps.begin(a, MOVED)
    gaps.begin(b, MOVED)
    gaps.end(a)
    gaps.drop(b)
    assert.deepEqual(sink.told[0]?.channels.map(String), ['a'])
    assert.equal(sink.told[0]?.reason, 'slots moved')
  })

  it('makes no event for which nobody listens', () => {
    const sink = new Sink()
    sink.wanted = false
    const gaps = new Gaps(new Clock(), sink)
    gaps.begin(topic('channel', 'a'), LOST)
    assert.equal(sink.told.length, 0)
  })
})
