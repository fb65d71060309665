import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Identity } from '../../lib/cluster/identities.ts'
import type { Hub } from '../../lib/pubsub/hub.ts'
import { Hubs } from '../../lib/pubsub/hubs.ts'

/** A hub that says of itself what it is told. */
class Scripted {
  idle = false
  closed = false
  readonly current: () => Identity | undefined
  readonly onUse: (used: boolean) => void

  constructor(current: () => Identity | undefined, onUse: (used: boolean) => void) {
    this.current = current
    this.onUse = onUse
  }

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

function scripted(): { hubs: Hubs; own: Scripted; made: Scripted[]; held: string[] } {
  const made: Scripted[] = []
  const held: string[] = []
  const own = new Scripted(
    () => undefined,
    () => {}
  )
  const hubs = new Hubs(own as unknown as Hub, {
    make: (current, onUse) => {
      made.push(new Scripted(current, onUse))
      return made.at(-1) as unknown as Hub
    },
    hold: ({ number }) => held.push(`hold ${number}`),
    release: ({ number }) => held.push(`release ${number}`),
  })
  return { hubs, own, made, held }
}

describe('Hubs', () => {
  const name = Buffer.from('c')

  it('has one for each user, and forgets those that nobody uses when it makes another', () => {
    const { hubs, own, made } = scripted()
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

  it('speaks as a user by the latest password, which is kept as long as it is needed', () => {
    const { hubs, made, held } = scripted()
    const [former, latter] = [identity(1), { ...identity(2), user: 'user1' }]
    const hub = hubs.of(former)
    assert.equal(hubs.of(latter), hub)
    const [only] = made
    assert.equal(only!.current(), former)
    only!.onUse(true)
    hubs.renew(latter)
    hubs.renew(latter)
    hubs.renew(identity(3))
    assert.equal(only!.current(), latter)
    only!.onUse(false)
    assert.deepEqual(held, ['hold 1', 'hold 2', 'release 1', 'release 2'])
    hubs.renew(former)
    assert.equal(held.length, 4)
  })
})
