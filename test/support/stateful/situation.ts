import { Dice } from '../dice.ts'
import { bulk, OK, type Version } from './frames.ts'
import { matches } from './mailbox.ts'
import { type Deed, type Hearing, type Step, step } from './step.ts'
import { keyPrefix, type User } from './users.ts'

/** What a client chose with `CLIENT TRACKING`. */
export interface TrackingChoice {
  readonly mode: 'default' | 'optin' | 'optout' | 'bcast'
  readonly noLoop: boolean
  /** Whether its companion is told in its place. */
  readonly redirected: boolean
  readonly prefixes: readonly string[] | undefined
}

/** A client in whose place no other is told. */
export const NO_COMPANION = 0
const KEYS = 6

/**
 * In what state the connection of a client is, at the end of what was thought up for it: from that it is known how whatever comes next must be answered. The
 * client alone uses its keys, and others only for it; so every value is known too, and says whose it is.
 */
export class Situation {
  readonly chance: Dice
  /** Unique; part of its keys and values. */
  readonly name: string
  /** `CLIENT ID` */
  readonly id: number
  /** `CLIENT ID` of the client that may be told in its place. */
  readonly companion: number
  /** Whether slots move: watched keys and messages to shard channels may be lost at any time. */
  readonly moving: boolean
  version: Version = 2
  user: User = 'default'
  /** `CLIENT SETNAME` */
  label: string | undefined
  tracking: TrackingChoice | undefined
  readonly channels: Set<string> = new Set()
  readonly patterns: Set<string> = new Set()
  readonly shards: Set<string> = new Set()
  readonly #values: Map<string, string> = new Map()
  readonly #numbers: Map<string, number> = new Map()
  #count = 0

  constructor(
    seed: number,
    { name, id, companion, moving }: Pick<Situation, 'name' | 'id' | 'companion' | 'moving'>
  ) {
    this.chance = new Dice(seed)
    this.name = name
    this.id = id
    this.companion = companion
    this.moving = moving
  }

  /** As messages show it. */
  toString(): string {
    const { version, user, tracking } = this
    return `RESP${version}, ${user}, tracking ${JSON.stringify(tracking ?? 'nothing')}`
  }

  /** Whether it may do little but subscribe: in RESP2, while it is subscribed. */
  get confined(): boolean {
    return this.version === 2 && this.isSubscribed
  }

  get isSubscribed(): boolean {
    return this.channels.size + this.patterns.size + this.shards.size > 0
  }

  /** Whether what it is told comes over another connection, in no order with its replies. */
  get isToldElsewhere(): boolean {
    return this.tracking?.redirected === true
  }

  /** One of its keys, which its present user may use. */
  key(): string {
    return `${keyPrefix(this.user)}${this.name} key ${this.chance.below(KEYS)}`
  }

  /** A value that was never used. */
  value(): string {
    return `${this.name}:${this.#count++}`
  }

  /** Gives a key a value that is sure to get there. */
  note(key: string, value: string): void {
    this.#values.set(key, value)
  }

  /** The value of a key; undefined when it was never written. */
  valueOf(key: string): string | undefined {
    return this.#values.get(key)
  }

  /** Writes a key. */
  set(key: string, value: string): Step {
    this.note(key, value)
    return step(['SET', key, value], OK, this.wrote(key))
  }

  /** Reads a key; one that has no value yet is written first. `cached`: what `CLIENT CACHING` said before. */
  get(key: string, cached = false): Step[] {
    const known = this.#values.get(key)
    const before = known === undefined ? [this.set(key, this.value())] : []
    const value = bulk(this.#values.get(key)!)
    return [...before, step(['GET', key], value, this.read(key, cached))]
  }

  /** Has another client write a key. */
  rewritten(key: string): Deed {
    const value = this.value()
    this.note(key, value)
    const effect: Deed['effect'] = ({ cache }) => cache.changed(key)
    return { by: this.user, command: ['SET', key, value], reply: OK, effect }
  }

  /** What it means that it has written keys. */
  wrote(...keys: string[]): (hearing: Hearing) => void {
    const spared = this.tracking?.noLoop === true
    return ({ cache }) => {
      for (const key of keys) cache.changed(key, spared)
    }
  }

  /** What it means that it has read keys. */
  read(key: string, cached = false): ((hearing: Hearing) => void) | undefined {
    const { tracking } = this
    if (tracking === undefined || (this.version === 2 && !tracking.redirected)) return undefined
    const { mode, prefixes } = tracking
    if (mode === 'optin' ? !cached : mode === 'optout' && cached) return undefined
    if (prefixes?.some((prefix) => key.startsWith(prefix)) === false) return undefined
    return ({ cache }) => cache.read(key)
  }

  /** The next message of a publisher to a channel. */
  text(publisher: string, channel: string): string {
    const key = `${publisher} ${channel}`
    const at = (this.#numbers.get(key) ?? 0) + 1
    this.#numbers.set(key, at)
    return `${publisher} ${at}`
  }

  /** What it means that a message is published: it must come to whatever subscription of this client it is for. */
  published(channel: string, text: string): (hearing: Hearing) => void {
    const own = this.channels.has(channel)
    const patterns = [...this.patterns].filter((pattern) => matches(pattern, channel))
    return ({ mailbox }) => {
      if (own) mailbox.expect('message', channel, channel, text)
      for (const pattern of patterns) mailbox.expect('pmessage', pattern, channel, text)
    }
  }

  /** The same for a shard channel. */
  publishedToShard(channel: string, text: string): ((hearing: Hearing) => void) | undefined {
    if (this.moving || !this.shards.has(channel)) return undefined
    return ({ mailbox }) => mailbox.expect('smessage', channel, channel, text)
  }

  /** RESET was answered. */
  reset(): void {
    this.version = 2
    this.user = 'default'
    this.label = undefined
    this.tracking = undefined
    for (const topics of [this.channels, this.patterns, this.shards]) topics.clear()
  }
}
