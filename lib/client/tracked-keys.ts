import type { TrackedKey } from '../cluster/key-watch.ts'

/** Which clients are to be told when a key changes, by slot and key. */
export class TrackedKeys<Owner> {
  readonly #slots: Map<number, Map<string, Set<Owner>>> = new Map()
  #size = 0

  /** Keys in it. */
  get size(): number {
    return this.#size
  }

  /** An owner is to be told of a key. */
  add({ name, slot }: TrackedKey, owner: Owner): void {
    let keys = this.#slots.get(slot)
    if (keys === undefined) {
      keys = new Map()
      this.#slots.set(slot, keys)
    }
    const owners = keys.get(name)
    if (owners !== undefined) owners.add(owner)
    else {
      keys.set(name, new Set([owner]))
      this.#size++
    }
  }

  /** Takes a key out, and gives who is to be told. */
  take({ name, slot }: TrackedKey): Iterable<Owner> {
    const keys = this.#slots.get(slot)
    const owners = keys?.get(name)
    if (keys === undefined || owners === undefined) return []
    keys.delete(name)
    this.#size--
    if (keys.size === 0) this.#slots.delete(slot)
    return owners
  }

  /** Takes all keys of a slot out. */
  takeSlot(slot: number): ReadonlyMap<string, Iterable<Owner>> {
    const keys = this.#slots.get(slot) ?? new Map()
    this.#slots.delete(slot)
    this.#size -= keys.size
    return keys
  }

  /** One of the keys that have been in it for long; undefined when it is empty. */
  get oldest(): TrackedKey | undefined {
    for (const [slot, keys] of this.#slots) for (const name of keys.keys()) return { name, slot }
    return undefined
  }

  clear(): void {
    this.#slots.clear()
    this.#size = 0
  }
}
