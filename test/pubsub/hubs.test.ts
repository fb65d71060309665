import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Identity } from '../../lib/cluster/identities.ts'
import type { Hub } from '../../lib/pubsub/hub.ts'
import { Hubs } from '../../lib/pubsub/hubs.ts'

/** A hub that says of itself what it is told. */
class Scripted {
  idle = false
  closed = false

  close(): void {
    this.closed = true
  }

  subscribers(): number {
    return 1
  }
}

function identity(number: number): Identity {
  return { number, user: `user${number}`, base: 16 * number }
}

describe('Hubs', () => {
  const name = Buffer.from('c')

  it('has one for each user, and forgets those that nobody uses when it makes another', () => {
    const made: Scripted[] = []
    const own = new Scripted()
    const hubs = new Hubs(own as unknown as Hub, () => {
      made.push(new Scripted())
      return made.at(-1) as unknown as Hub
    })
    const [alice, bob, carol] = [identity(1), identity(2), identity(3)]
    assert.equal(hubs.of(undefined) as unknown, own)
    const first = hubs.of(alice)
    assert.equal(hubs.of(alice), first)
    hubs.of(bob)
    assert.equal(hubs.subscribers('channel', name), 3)
    made[0]!.idle = true
    hubs.of(carol)
    assert.deepEqual(
      made.map(({ closed }) => closed),
      [true, false, false]
    )
    assert.notEqual(hubs.of(alice), first)
    assert.equal(hubs.subscribers('channel', name), 4)
    hubs.close()
    assert.ok([own, ...made].every(({ closed }) => closed))
  })
})
