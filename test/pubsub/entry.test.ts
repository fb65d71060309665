import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Entry } from '../../lib/pubsub/entry.ts'
import { Topic } from '../../lib/pubsub/topic.ts'

const [READY, NOT_YET] = [true, false]

function topics(...ready: boolean[]): Topic[] {
  return ready.map((each, i) => {
    const topic = new Topic('channel', Buffer.from(`t${i}`))
    topic.ready = each
    return topic
  })
}

describe('Entry', () => {
  it('ends when the last of its topics is subscribed to, once', () => {
    const [a, b, c] = topics(READY, NOT_YET, NOT_YET)
    const ends: (string | undefined)[] = []
    const entry = new Entry([a!, b!, c!], 0, (_, error) => ends.push(error))
    entry.look()
    entry.onReady(b!)
    entry.onReady(b!)
    assert.deepEqual([...entry.missing()], [c])
    assert.deepEqual(ends, [])
    entry.onReady(c!)
    entry.onReady(c!)
    entry.end('late')
    assert.deepEqual(ends, [undefined])
  })

  it('waits again for a topic that is interrupted meanwhile', () => {
    const [a, b] = topics(READY, NOT_YET)
    const ends: (string | undefined)[] = []
    const entry = new Entry([a!, b!], 0, (_, error) => ends.push(error))
    entry.onInterrupted(a!)
    entry.onReady(b!)
    assert.deepEqual(ends, [])
    entry.onReady(a!)
    assert.deepEqual(ends, [undefined])
  })

  it('ends with an error as soon as one of them is refused', () => {
    const [a, b] = topics(NOT_YET, NOT_YET)
    const ends: (string | undefined)[] = []
    const entry = new Entry([a!, b!], 0, (_, error) => ends.push(error))
    entry.onRefused(a!, 'NOPERM no')
    assert.deepEqual(ends, ['NOPERM no'])
  })

  it('keeps its topics in use until it lets go of them', () => {
    const [a] = topics(READY)
    const entry = new Entry([a!], 0, () => assert.equal(a!.unused, false))
    entry.look()
    assert.equal(a!.unused, false)
    entry.release()
    assert.equal(a!.unused, true)
  })
})
