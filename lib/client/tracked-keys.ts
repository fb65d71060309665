import type { TrackedKey } from '../cluster/key-watch.ts'

/** Keys of an owner that has left which are seen to in one turn; it may have had a million. */
const LEFT_AT_ONCE = 1000

/** Which clients are to be told when a key changes, by slot and key. */
export class TrackedKeys<Owner> {
  readonly #slots: Map<number, Map<string, Set<Owner>>> = new Map()
  /** By owner, its keys and their slots: with the owner they go, else whoever comes and goes would stay at keys that never change. */
  readonly #owned: Map<Owner, Map<string, number>> = new Map()
  #size = 0

  /** Keys in it. */
  get size(): number {
    return this.#size
  }

  /** Owners of keys in it. */
  get owners(): number {
    return this.#owned.size
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
    const own = this.#owned.get(owner)
    if (own === undefined) this.#owned.set(owner, new Map([[name, slot]]))
    else own.set(name, slot)
  }

  /** Takes a key out, and gives who is to be told. */
  take({ name, slot }: TrackedKey): Iterable<Owner> {
    const keys = this.#slots.get(slot)
    const owners = keys?.get(name)
    if (keys === undefined || owners === undefined) return []
    this.#delete(keys, name, slot)
    this.#disown(name, owners)
    return owners
  }

  /** Takes all keys of a slot out. */
  takeSlot(slot: number): ReadonlyMap<string, Iterable<Owner>> {
    const keys = this.#slots.get(slot) ?? new Map<string, Set<Owner>>()
    this.#slots.delete(slot)
    this.#size -= keys.size
    for (const [name, owners] of keys) this.#disown(name, owners)
    return keys
  }

  /** An owner is to be told of nothing any more. Of many keys it is taken in the turns to come: until then {@link take} may still give it. */
  leave(owner: Owner): void {
    const own = this.#owned.get(owner)
    if (own === undefined) return
    this.#owned.delete(owner)
    this.#leave(owner, own.entries())
  }

  #leave(owner: Owner, left: Iterator<[name: string, slot: number]>): void {
    for (let i = 0; i < LEFT_AT_ONCE; i++) {
      const { done, value } = left.next()
      if (done === true) return
      const [name, slot] = value
      const keys = this.#slots.get(slot)
      const owners = keys?.get(name)
      if (keys === undefined || owners?.delete(owner) !== true) continue
      if (owners.size === 0) this.#delete(keys, name, slot)
    }
    setImmediate(() => this.#leave(owner, left))
  }

  #delete(keys: Map<string, Set<Owner>>, name: string, slot: number): void {
    keys.delete(name)
    this.#size--
    if (keys.size === 0) this.#slots.delete(slot)
  }

  #disown(name: string, owners: Iterable<Owner>): void {
    for (const owner of owners) {
      const own = this.#owned.get(owner)
      if (own?.delete(name) === true && own.size === 0) this.#owned.delete(owner)
    }
  }

  /** One of the keys that have been in it for long; undefined when it is empty. */
  get oldest(): TrackedKey | undefined {
    for (const [slot, keys] of this.#slots) for (const name of keys.keys()) return { name, slot }
    return undefined
  }

  clear(): void {
    this.#slots.clear()
    this.#owned.clear()
    this.#size = 0
  }
}
