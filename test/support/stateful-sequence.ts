import { Dice } from './dice.ts'
import type { Argument } from './resp-frame.ts'

/** Stands for any one reply. */
export const ANY = 'any'

/** One command of a sequence, and what it must be answered: the frame, {@link ANY}, or undefined for nothing (`CLIENT REPLY`). */
export interface StatefulStep {
  readonly command: readonly Argument[]
  readonly reply: string | undefined
}

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`
const array = (...items: string[]): string => `*${items.length}\r\n${items.join('')}`
const OK = '+OK\r\n'
const QUEUED = '+QUEUED\r\n'
const NO_DATABASE = '-ERR SELECT is not allowed in cluster mode\r\n'
const ABORTED = '-EXECABORT Transaction discarded because of previous errors.\r\n'

/**
 * Random sequences of the commands of one connection that leave something in their connection. It alone uses its keys, so every reply is known, and
 * every value says whose it is.
 */
export class StatefulSequences {
  readonly #dice: Dice
  readonly #keys: readonly string[]
  readonly #name: string
  readonly #values: Map<string, string> = new Map()
  #count = 0
  #protocol: 2 | 3 = 2

  constructor(seed: number, name: string, keys: readonly string[]) {
    this.#dice = new Dice(seed)
    this.#name = name
    this.#keys = keys
  }

  /** A number from 0 to below `limit`. */
  below(limit: number): number {
    return this.#dice.below(limit)
  }

  /** What a null array is. */
  get #none(): string {
    return this.#protocol === 3 ? '_\r\n' : '*-1\r\n'
  }

  /** The next sequence. Afterwards the connection is as it was before, but for the protocol version. */
  next(): StatefulStep[] {
    const key = this.#keys[this.below(this.#keys.length)]!
    const value = `${this.#name}:${this.#count++}`
    const kinds = [
      () => this.#executed(key, value),
      () => this.#watched(key, value),
      () => this.#lost(key, value),
      () => this.#given(key, value),
      () => this.#flawed(key),
      () => this.#popped(key, value),
      () => this.#waited(key),
      () => this.#silent(key, value),
      () => this.#reset(key),
      () => this.#switched(),
      () => this.#refused(),
    ]
    return [...kinds[this.below(kinds.length)]!(), ...this.#read(key)]
  }

  #set(key: string, value: string): StatefulStep {
    this.#values.set(key, value)
    return { command: ['SET', key, value], reply: OK }
  }

  /** A value that is not known is written first. */
  #read(key: string): StatefulStep[] {
    const known = this.#values.get(key)
    const value = known ?? `${this.#name}:${this.#count++}`
    const read = { command: ['GET', key], reply: bulk(value) }
    return known === undefined ? [this.#set(key, value), read] : [read]
  }

  #executed(key: string, value: string): StatefulStep[] {
    this.#values.set(key, value)
    return [
      { command: ['MULTI'], reply: OK },
      { command: ['SET', key, value], reply: QUEUED },
      { command: ['ECHO', value], reply: QUEUED },
      { command: ['GET', key], reply: QUEUED },
      { command: ['EXEC'], reply: array(OK, bulk(value), bulk(value)) },
    ]
  }

  #watched(key: string, value: string): StatefulStep[] {
    return [{ command: ['WATCH', key], reply: OK }, ...this.#executed(key, value)]
  }

  #lost(key: string, value: string): StatefulStep[] {
    return [
      { command: ['WATCH', key], reply: OK },
      this.#set(key, value),
      { command: ['MULTI'], reply: OK },
      { command: ['SET', key, 'never'], reply: QUEUED },
      { command: ['EXEC'], reply: this.#none },
    ]
  }

  #given(key: string, value: string): StatefulStep[] {
    const ends: StatefulStep[] = [{ command: ['MULTI'], reply: OK }]
    if (this.below(2) === 0) {
      ends.push({ command: ['SET', key, 'never'], reply: QUEUED })
      return [...ends, { command: ['DISCARD'], reply: OK }]
    }
    return [
      { command: ['WATCH', key], reply: OK },
      { command: ['UNWATCH'], reply: OK },
      this.#set(key, value),
      ...this.#executed(key, value),
    ]
  }

  #flawed(key: string): StatefulStep[] {
    return [
      { command: ['MULTI'], reply: OK },
      { command: ['SET', key, 'never'], reply: QUEUED },
      { command: ['GET'], reply: "-ERR wrong number of arguments for 'get' command\r\n" },
      { command: ['EXEC'], reply: ABORTED },
    ]
  }

  #popped(key: string, value: string): StatefulStep[] {
    const list = `list:${key}`
    return [
      { command: ['DEL', list], reply: ANY },
      { command: ['RPUSH', list, value, 'rest'], reply: ':2\r\n' },
      { command: ['BLPOP', list, '0'], reply: array(bulk(list), bulk(value)) },
      { command: ['BLPOP', list, '0'], reply: array(bulk(list), bulk('rest')) },
    ]
  }

  #waited(key: string): StatefulStep[] {
    return [{ command: ['BRPOP', `empty:${key}`, '0.001'], reply: this.#none }]
  }

  #silent(key: string, value: string): StatefulStep[] {
    this.#values.set(key, value)
    const set = { command: ['SET', key, value], reply: undefined }
    if (this.below(2) === 0)
      return [{ command: ['CLIENT', 'REPLY', 'SKIP'], reply: undefined }, set]
    return [
      { command: ['CLIENT', 'REPLY', 'OFF'], reply: undefined },
      set,
      { command: ['MULTI'], reply: undefined },
      { command: ['GET', key], reply: undefined },
      { command: ['EXEC'], reply: undefined },
      { command: ['CLIENT', 'REPLY', 'ON'], reply: OK },
    ]
  }

  #reset(key: string): StatefulStep[] {
    const before: StatefulStep[] = [{ command: ['WATCH', key], reply: OK }]
    if (this.below(2) === 0) {
      before.push({ command: ['MULTI'], reply: OK }, { command: ['DEL', key], reply: QUEUED })
    }
    this.#protocol = 2
    return [...before, { command: ['RESET'], reply: '+RESET\r\n' }]
  }

  #switched(): StatefulStep[] {
    this.#protocol = this.below(2) === 0 ? 2 : 3
    return [{ command: ['HELLO', this.#protocol], reply: ANY }]
  }

  #refused(): StatefulStep[] {
    return [
      { command: ['SELECT', '0'], reply: OK },
      { command: ['SELECT', '1'], reply: NO_DATABASE },
      { command: ['AUTH', 'nobody', 'wrong'], reply: ANY },
      { command: ['EXEC'], reply: '-ERR EXEC without MULTI\r\n' },
    ]
  }
}
