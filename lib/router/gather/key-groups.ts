import { keySlot } from '../../command/slot.ts'
import type { GatherPart } from './gather-plan.ts'

/** Different keys of one slot, in the order in which they were named first. */
export interface KeyGroup {
  readonly slot: number
  readonly keys: readonly Buffer[]
}

/** The slot of a key. */
export function slotOf(key: Buffer): number {
  return keySlot(key, 0, key.length)
}

/** The keys by slot, without repetitions; the first key is the first of the first group. */
export function groupBySlot(keys: readonly Buffer[]): KeyGroup[] {
  const groups = new Map<number, Buffer[]>()
  for (const key of distinct(keys).keys) {
    const slot = slotOf(key)
    const group = groups.get(slot)
    if (group === undefined) groups.set(slot, [key])
    else group.push(key)
  }
  return Array.from(groups, ([slot, group]) => ({ slot, keys: group }))
}

/** Keys without repetitions, and for each of the keys given where it is among those. */
export interface DistinctKeys {
  readonly keys: readonly Buffer[]
  readonly places: readonly number[]
}

/** Tells keys that are named several times. */
export function distinct(keys: readonly Buffer[]): DistinctKeys {
  const known = new Map<string, number>()
  const found: Buffer[] = []
  const places = keys.map((key) => {
    const name = key.toString('latin1')
    const place = known.get(name) ?? found.length
    if (place === found.length) {
      known.set(name, place)
      found.push(key)
    }
    return place
  })
  return { keys: found, places }
}

/** One part for each key: the words of `before`, the key, those of `after`. */
export function partPerKey(
  keys: readonly Buffer[],
  before: readonly string[],
  after: readonly string[] = []
): GatherPart[] {
  return keys.map((key) => ({ slot: slotOf(key), args: [...before, key, ...after] }))
}
