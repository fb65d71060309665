import { refuse, TEXTS } from './refusal.ts'
import { slotOfBytes } from './slot.ts'
import { SortedSet } from './sorted-set.ts'

/**
 * A string. Its form is what `OBJECT ENCODING` tells: `compact` is an integer where it can be one, `text` (a float that was
 * counted) never is, `raw` was changed in place.
 */
export interface StringValue {
  readonly type: 'string'
  text: string
  form: 'compact' | 'text' | 'raw'
}
/** A hash; `large` stays set once it outgrew the compact encoding. */
export interface HashValue {
  readonly type: 'hash'
  readonly fields: Map<string, string>
  large: boolean
}
/** A list, its head first. */
export interface ListValue {
  readonly type: 'list'
  readonly items: string[]
}
/** A set; `large` stays set once it held more than a few integers. */
export interface SetValue {
  readonly type: 'set'
  readonly members: Set<string>
  large: boolean
}
/** A sorted set; `large` stays set once it outgrew the compact encoding. */
export interface ZsetValue {
  readonly type: 'zset'
  readonly members: SortedSet
  large: boolean
}
/** What a key may hold; all texts have one character per byte (latin1). */
export type Value = StringValue | HashValue | ListValue | SetValue | ZsetValue
type ValueOf<Type extends Value['type']> = Extract<Value, { type: Type }>

interface Entry {
  value: Value
  /** Milliseconds since the epoch. */
  expiresAt: number | undefined
}

/** Makes an empty value of a type. */
export function emptyValue<Type extends Value['type']>(type: Type): ValueOf<Type> {
  const made: { [T in Value['type']]: () => Value } = {
    string: () => ({ type: 'string', text: '', form: 'compact' }),
    hash: () => ({ type: 'hash', fields: new Map(), large: false }),
    list: () => ({ type: 'list', items: [] }),
    set: () => ({ type: 'set', members: new Set(), large: false }),
    zset: () => ({ type: 'zset', members: new SortedSet(), large: false }),
  }
  return made[type]() as ValueOf<Type>
}

function isEmpty(value: Value): boolean {
  if (value.type === 'string') return false
  if (value.type === 'hash') return value.fields.size === 0
  if (value.type === 'list') return value.items.length === 0
  return value.members.size === 0
}

function cloneValue(value: Value): Value {
  if (value.type === 'hash') return { ...value, fields: new Map(value.fields) }
  if (value.type === 'list') return { ...value, items: [...value.items] }
  if (value.type === 'set') return { ...value, members: new Set(value.members) }
  if (value.type === 'zset') return { ...value, members: value.members.clone() }
  return { ...value }
}

/** The keys of one shard. Keys whose time is over vanish when they are looked at. */
export class Keyspace {
  readonly #entries: Map<string, Entry> = new Map()
  readonly #versions: Map<string, number> = new Map()
  /** Told of each key that changes. */
  readonly watchers: Set<(key: string) => void> = new Set()
  #clock = 0

  #entry(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry?.expiresAt === undefined || entry.expiresAt > Date.now()) return entry
    this.delete(key)
    return undefined
  }

  /** The value of a key, of whatever type. */
  get(key: string): Value | undefined {
    return this.#entry(key)?.value
  }

  has(key: string): boolean {
    return this.#entry(key) !== undefined
  }

  /** The value of a key if it has the type, undefined if there is none; else answers WRONGTYPE. */
  typed<Type extends Value['type']>(key: string, type: Type): ValueOf<Type> | undefined {
    const value = this.get(key)
    if (value !== undefined && value.type !== type) refuse(TEXTS.wrongType)
    return value as ValueOf<Type> | undefined
  }

  /** Like {@link Keyspace.typed}, but makes an empty value where there is none. Follow it with {@link Keyspace.changed}. */
  typedOrNew<Type extends Value['type']>(key: string, type: Type): ValueOf<Type> {
    const found = this.typed(key, type)
    if (found !== undefined) return found
    const made = emptyValue(type)
    this.#entries.set(key, { value: made, expiresAt: undefined })
    return made
  }

  /** Gives a key a value, and the end of its life in milliseconds since the epoch; without it, it lives for ever. */
  set(key: string, value: Value, expiresAt?: number): void {
    this.#entries.set(key, { value, expiresAt })
    this.changed(key)
  }

  /** Says that the value of a key was changed in place: watchers are told, an empty value is dropped. */
  changed(key: string): void {
    this.#versions.set(key, ++this.#clock)
    const entry = this.#entries.get(key)
    if (entry !== undefined && isEmpty(entry.value)) this.#entries.delete(key)
    for (const watcher of this.watchers) watcher(key)
  }

  /** Removes a key; says whether it was there. */
  delete(key: string): boolean {
    if (!this.#entries.delete(key)) return false
    this.#versions.set(key, ++this.#clock)
    for (const watcher of this.watchers) watcher(key)
    return true
  }

  /** A number that grows whenever the key changes. */
  version(key: string): number {
    this.#entry(key)
    return this.#versions.get(key) ?? 0
  }

  /** When a key ends, in milliseconds since the epoch; undefined if never, or if there is none. */
  expiresAt(key: string): number | undefined {
    return this.#entry(key)?.expiresAt
  }

  /** Changes when a key ends; undefined for never. */
  expire(key: string, expiresAt: number | undefined): void {
    const entry = this.#entry(key)
    if (entry === undefined) return
    entry.expiresAt = expiresAt
    this.changed(key)
  }

  /** All living keys. */
  keys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.has(key))
  }

  /** The living keys of one slot. */
  keysInSlot(slot: number): string[] {
    return this.keys().filter((key) => slotOfBytes(key) === slot)
  }

  /** Removes all keys. */
  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key)
  }

  /** Moves a key to another shard, with its time to live. */
  move(key: string, to: Keyspace): void {
    const entry = this.#entry(key)
    if (entry === undefined || to === this) return
    to.set(key, entry.value, entry.expiresAt)
    this.delete(key)
  }

  /** A copy of one value that shares nothing with it. */
  copyOf(key: string): Value | undefined {
    const value = this.get(key)
    return value === undefined ? undefined : cloneValue(value)
  }

  /** A copy that shares nothing with this one. */
  clone(): Keyspace {
    const copy = new Keyspace()
    for (const key of this.keys()) copy.set(key, this.copyOf(key)!, this.expiresAt(key))
    return copy
  }
}
