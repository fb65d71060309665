import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Redis } from 'ioredis'
import { keySlot } from '../../lib/command/slot.ts'
import { runCounters } from '../support/counter-run.ts'
import { Dice } from '../support/dice.ts'
import { connect } from '../support/raw-client.ts'
import { needsServer } from '../support/server-available.ts'
import { footing } from './proxied.ts'

const CLIENTS = 24
/** The last two share a slot. */
const KEYS = ['hot', 'warm', 'count', '{tag}one', '{tag}two']

function slotOf(key: string): number {
  const bytes = Buffer.from(key)
  return keySlot(bytes, 0, bytes.length)
}

describe('E16.4 coalesced reads of a real cluster', needsServer, () => {
  const real = footing({ replicas: 0 }, { coalesce: true, refreshInterval: 1000 })

  async function calls(name: string): Promise<number> {
    const counts = real.cluster.masters.map(async (node) => {
      const text = String(await node.call('INFO', 'commandstats'))
      return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(text)?.[1] ?? 0)
    })
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
  }

  it('save the node most reads of a hot key, and every client gets its value', async () => {
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => connect(real.running.port))
    )
    const value = 'x'.repeat(100_000)
    await clients[0]!.call('SET', 'hot', value)
    const before = await calls('get')
    const rounds = Array.from({ length: 20 }, () => ['GET', 'hot'])
    const replies = await Promise.all(clients.map((client) => client.pipeline(rounds)))
    for (const frames of replies) {
      for (const frame of frames) assert.ok(frame.equals(Buffer.from(`$100000\r\n${value}\r\n`)))
    }
    const sent = (await calls('get')) - before
    const { coalesced } = real.running.proxy.stats()
    assert.equal(sent + coalesced, CLIENTS * rounds.length)
    assert.ok(sent < (CLIENTS * rounds.length) / 2, `${sent} were sent`)
    for (const client of clients) client.stream.destroy()
  })

  it('never go back behind what their client knows, while slots are resharded', async () => {
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => connect(real.running.port))
    )
    for (const key of KEYS) await clients[0]!.call('SET', key, '0')
    const before = real.running.proxy.stats().coalesced
    const moves = new Set(KEYS.map(slotOf))
    const reshard = async (): Promise<void> => {
      for (const slot of moves) {
        const from = await real.cluster.ownerOf(slot)
        const to = real.cluster.masters.find((node) => node !== from)!
        await real.cluster.migrateSlot(slot, from, to)
      }
    }
    let resharding = true
    const resharded = reshard().finally(() => {
      resharding = false
    })
    let counted = KEYS.map(() => 0)
    const dice = new Dice(3)
    for (let runs = 0; resharding || runs < 20; runs++) {
      const more = await runCounters(clients, KEYS, dice, 5)
      counted = counted.map((count, i) => count + more[i]!)
    }
    await resharded
    for (const [i, key] of KEYS.entries()) {
      assert.equal(await clients[0]!.ask('GET', key), String(counted[i]))
    }
    assert.ok(real.running.proxy.stats().coalesced - before > 500)
    for (const client of clients) client.stream.destroy()
  })

  it('serve many users of ioredis at a time', async () => {
    const users = Array.from({ length: 10 }, () => new Redis({ port: real.running.port }))
    await users[0]!.set('page', 'text')
    const found = await Promise.all(
      users.flatMap((user) => Array.from({ length: 50 }, () => user.get('page')))
    )
    assert.deepEqual(new Set(found), new Set(['text']))
    for (const user of users) user.disconnect()
  })
})
