import assert from 'node:assert/strict'
import type { Dice } from './dice.ts'
import type { RawClient } from './raw-client.ts'

/** Commands that a client sends together at the most. */
const PIPELINE = 8

/**
 * Has clients count and read the same keys in pipelines, several clients at a time, and checks that none is ever told less than it has been told before, nor in a
 * read what was counted after that. Gives how often each key was counted.
 */
export async function runCounters(
  clients: readonly RawClient[],
  keys: readonly string[],
  dice: Dice,
  rounds: number,
  between: () => unknown = () => {}
): Promise<number[]> {
  const seen = clients.map(() => keys.map(() => 0))
  const counted = keys.map(() => 0)
  const play = async (client: RawClient, known: number[]): Promise<void> => {
    const steps = Array.from({ length: 1 + dice.below(PIPELINE) }, () => {
      const key = dice.below(keys.length)
      return { key, counts: dice.once(6) }
    })
    const commands = steps.map(({ key, counts }) => [counts ? 'INCR' : 'GET', keys[key]!])
    const replies = await client.pipeline(commands)
    for (const [i, { key, counts }] of steps.entries()) {
      const value = Number(/^(?::|\$\d+\r\n)(\d+)\r\n$/.exec(String(replies[i]))?.[1])
      const least = known[key]! + (counts ? 1 : 0)
      assert.ok(value >= least, `${commands[i]}: ${replies[i]} after ${known[key]}`)
      known[key] = value
      if (counts) counted[key]!++
    }
  }
  for (let round = 0; round < rounds; round++) {
    await between()
    await Promise.all(clients.map((client, i) => play(client, seen[i]!)))
  }
  return counted
}
