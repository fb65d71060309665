import type { Tally } from './tally.ts'
import { Refusal, type Reply, type Step } from './wire.ts'

/** Acknowledged writes of which a key remembers when that was. */
const MEMORY = 2000
/** Digits of a number in a log; one more character ends it. */
const DIGITS = 6
/** Numbers in a log before a new one is begun. */
const LOG_LENGTH = 100

/** What became of a write: in force, refused and not executed, or nobody knows. */
type Outcome = 'done' | 'refused' | 'unknown'

function outcome(reply: Reply): Outcome {
  if (!(reply instanceof Refusal)) return 'done'
  return reply.code === 'UNCERTAIN' ? 'unknown' : 'refused'
}

/** Gives the tally of the operation that is going on. */
export type CurrentTally = () => Tally

/** A key that only one client writes, so that it knows what must be there. */
export interface OwnedKey {
  /** The next write. */
  write(): Step
  /** A read that compares what is there with what must be. */
  read(): Step
  /** The key to read directly, and what it must hold after the latest read; undefined while that is not known. */
  readonly state: { readonly key: string; readonly value: string | null } | undefined
}

/** Counted up by INCR: what is there lies between what was acknowledged, and that plus what may have been executed. */
export class Counter implements OwnedKey {
  readonly #key: string
  readonly #tally: CurrentTally
  #least = 0
  #most = 0
  #acknowledged: number[] = []

  constructor(key: string, tally: CurrentTally) {
    this.#key = key
    this.#tally = tally
  }

  write(): Step {
    const unknown = () => {
      this.#most++
    }
    return {
      args: ['INCR', this.#key],
      onLost: unknown,
      onReply: (reply) => {
        const result = outcome(reply)
        if (result === 'unknown') unknown()
        if (result !== 'done') return
        this.#see(Number(reply) - 1)
        this.#least++
        this.#most++
        this.#acknowledged.push(performance.now())
        if (this.#acknowledged.length > 2 * MEMORY) this.#acknowledged.splice(0, MEMORY)
      },
    }
  }

  read(): Step {
    return {
      args: ['GET', this.#key],
      onLost() {},
      onReply: (reply) => {
        if (outcome(reply) === 'done') this.#see(Number(reply ?? 0))
      },
    }
  }

  get state(): { key: string; value: string | null } | undefined {
    if (this.#least !== this.#most) return undefined
    return { key: this.#key, value: this.#least === 0 ? null : String(this.#least) }
  }

  #see(value: number): void {
    const least = this.#least
    const most = this.#most
    const detail = `${this.#key} is ${value}, expected ${least}${most > least ? ` to ${most}` : ''}`
    if (Number.isNaN(value)) this.#tally().wrong(detail)
    else if (value > most) this.#tally().doubled(value - most, detail)
    else if (value < least) {
      const gone = this.#acknowledged.splice(value - least)
      this.#tally().gone(gone, detail)
    }
    // What nobody knew is known now, and may not disappear any more.
    for (let each = least; each < value; each++) this.#acknowledged.push(performance.now())
    this.#least = value
    this.#most = value
  }
}

/** A growing sequence of numbers, appended one by one; after some time a new key takes over. */
export class Log implements OwnedKey {
  readonly #key: string
  readonly #tally: CurrentTally
  #generation = 0
  #current: Sequence
  readonly #finished: string[] = []

  constructor(key: string, tally: CurrentTally) {
    this.#key = key
    this.#tally = tally
    this.#current = new Sequence(`${key}:0`, tally)
  }

  write(): Step {
    const old = this.#finished.pop()
    if (old !== undefined) return { args: ['DEL', old], onLost() {}, onReply() {} }
    return this.#current.append()
  }

  read(): Step {
    const sequence = this.#current
    if (sequence.sent < LOG_LENGTH) return sequence.read(() => {})
    this.#generation++
    this.#current = new Sequence(`${this.#key}:${this.#generation}`, this.#tally)
    return sequence.read(() => this.#finished.push(sequence.key))
  }

  get state(): { key: string; value: string | null } | undefined {
    return this.#current.state
  }
}

class Sequence {
  readonly key: string
  readonly #tally: CurrentTally
  /** Numbers sent; the last one, too. */
  sent = 0
  /** Numbers that must be there, and when they were acknowledged. */
  #certain: Map<number, number> = new Map()
  #possible: Set<number> = new Set()
  /** What was there at the latest read: what is wrong in it was told. */
  #told = ''

  constructor(key: string, tally: CurrentTally) {
    this.key = key
    this.#tally = tally
  }

  append(): Step {
    const number = ++this.sent
    const unknown = () => {
      this.#possible.add(number)
    }
    return {
      args: ['APPEND', this.key, written(number)],
      onLost: unknown,
      onReply: (reply) => {
        const result = outcome(reply)
        if (result === 'unknown') unknown()
        if (result === 'done') this.#certain.set(number, performance.now())
      },
    }
  }

  read(done: () => void): Step {
    const last = this.sent
    return {
      args: ['GET', this.key],
      onLost() {},
      onReply: (reply) => {
        if (outcome(reply) !== 'done') return
        this.#see(String(reply ?? ''), last)
        done()
      },
    }
  }

  get state(): { key: string; value: string | null } | undefined {
    if (this.#possible.size > 0) return undefined
    const value = [...this.#certain.keys()].map(written).join('')
    return { key: this.key, value: value === '' ? null : value }
  }

  #see(value: string, last: number): void {
    const tally = this.#tally()
    const numbers = value.split(';').slice(0, -1).map(Number)
    const told = value.startsWith(this.#told) ? this.#told.length / (DIGITS + 1) : 0
    this.#told = value
    const seen = new Map<number, number>()
    let highest = 0
    for (const [index, number] of numbers.entries()) {
      const at = this.#certain.get(number)
      const what = `${this.key} holds ${number} behind ${highest}, of ${last}`
      if (index < told) seen.delete(number)
      else if (seen.has(number)) tally.doubled(1, what)
      else if (number < highest) tally.outOfOrder(what)
      else if (number > last) tally.outOfOrder(`${this.key} holds ${number}, read before it`)
      else if (at === undefined && !this.#possible.has(number)) tally.wrong(`${what}, refused`)
      seen.set(number, at ?? performance.now())
      highest = Math.max(highest, number)
    }
    const missing = [...this.#certain].filter(([number]) => !seen.has(number))
    if (missing.length > 0) {
      const detail = `${this.key} lacks ${missing.map(([number]) => number)} of ${last}`
      tally.gone(
        missing.map(([, at]) => at),
        detail
      )
    }
    this.#certain = seen
    this.#possible.clear()
  }
}

function written(number: number): string {
  return `${String(number).padStart(DIGITS, '0')};`
}

/** Two keys of one slot that are set to the same number by one MSET, so that nobody may ever see two numbers. */
export class Pair implements OwnedKey {
  readonly #keys: readonly [string, string]
  readonly #tally: CurrentTally
  #sent = 0
  #last = 0
  /** Numbers newer than `#last` that may be there. */
  #possible: Set<number> = new Set()
  /** Older numbers, with the time of their acknowledgement, or undefined for those that may have been there. */
  #history: Map<number, number | undefined> = new Map([[0, undefined]])

  constructor(key: string, tally: CurrentTally) {
    this.#keys = [`${key}:a`, `${key}:b`]
    this.#tally = tally
  }

  write(): Step {
    const number = ++this.#sent
    const text = String(number)
    const unknown = () => {
      this.#possible.add(number)
      this.#history.set(number, undefined)
    }
    return {
      args: ['MSET', this.#keys[0], text, this.#keys[1], text],
      onLost: unknown,
      onReply: (reply) => {
        const result = outcome(reply)
        if (result === 'unknown') unknown()
        if (result !== 'done') return
        this.#last = number
        this.#possible.clear()
        this.#history.set(number, performance.now())
        if (this.#history.size > MEMORY) this.#forget()
      },
    }
  }

  read(): Step {
    const sent = this.#sent
    return {
      args: ['MGET', ...this.#keys],
      onLost() {},
      onReply: (reply) => {
        if (outcome(reply) === 'done') this.#see(reply as Reply[], sent)
      },
    }
  }

  get state(): { key: string; value: string | null } | undefined {
    if (this.#possible.size > 0) return undefined
    return { key: this.#keys[0], value: this.#last === 0 ? null : String(this.#last) }
  }

  #forget(): void {
    const oldest = [...this.#history.keys()].slice(1, MEMORY / 2)
    for (const number of oldest) this.#history.delete(number)
  }

  #see(values: readonly Reply[], sent: number): void {
    const [one, other] = values.map((value) => Number(value ?? 0)) as [number, number]
    const tally = this.#tally()
    const detail = `${this.#keys[0]} is ${one}, expected ${[this.#last, ...this.#possible]}`
    if (one !== other) tally.wrong(`${this.#keys} are ${one} and ${other}`)
    else if (one > sent) tally.outOfOrder(`${detail}, read before it was written`)
    else if (one !== this.#last && !this.#possible.has(one)) this.#older(one, detail)
    this.#last = one
    if (one > 0 && this.#history.get(one) === undefined) this.#history.set(one, performance.now())
    this.#possible.clear()
  }

  /** An older number than the last one is right only if all since then got lost. */
  #older(number: number, detail: string): void {
    if (!this.#history.has(number)) {
      this.#tally().wrong(detail)
      return
    }
    const newer = [...this.#history].filter(([each]) => each > number)
    for (const [each] of newer) this.#history.delete(each)
    const gone = newer.map(([, at]) => at).filter((at) => at !== undefined)
    this.#tally().gone(gone, detail)
  }
}
