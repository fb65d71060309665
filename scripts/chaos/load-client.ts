import type { Dice } from '../../test/support/dice.ts'
import { Counter, type CurrentTally, Log, type OwnedKey, Pair } from './keys.ts'
import { openWire, Refusal, type Reply, type Step, type Wire } from './wire.ts'

/** Milliseconds between two pipelines of one client. */
const PACE = 40
/** Commands in a pipeline, at most. */
const PIPELINE = 12
/** Commands that wait for replies, from which on a client sends no more. */
const WINDOW = 64
/** Hash tags of a client. Its keys lie in as many slots, so that several in a pipeline have the same one. */
const TAGS = 4
/** How often a write is chosen, of 1. */
const WRITES = 0.7
const RECONNECT_DELAY = 50

/** How a client gets at the proxy. */
export interface LoadTarget {
  readonly port: number
  readonly tally: CurrentTally
  readonly dice: Dice
  /** Milliseconds that a request may take before the cluster's being down is an answer to it. */
  readonly budget: number
}

/** One application: writes its own keys in pipelines that overlap, and checks each reply. */
export class LoadClient {
  /** The client's keys, by hash tag. */
  readonly keys: readonly (readonly OwnedKey[])[]
  /** Hash tags, to fill their slots with more. */
  readonly tags: readonly string[]
  readonly #target: LoadTarget
  readonly #protocol: 2 | 3
  #wire: Wire | undefined
  #timer: NodeJS.Timeout | undefined
  #running = false
  #ended = false

  constructor(number: number, target: LoadTarget) {
    this.#target = target
    this.#protocol = number % 2 === 0 ? 2 : 3
    const { tally } = target
    this.tags = Array.from({ length: TAGS }, (_, index) => `{c${number}:${index}}`)
    this.keys = this.tags.map((tag) => [
      new Counter(`${tag}count`, tally),
      new Counter(`${tag}other`, tally),
      new Log(`${tag}log`, tally),
      new Pair(`${tag}pair`, tally),
    ])
  }

  /** Commands that wait for replies. */
  get pending(): number {
    return this.#wire?.pending ?? 0
  }

  /** Connects, and again whenever the connection ends. */
  async connect(): Promise<void> {
    const { port } = this.#target
    const greeting = { protocol: this.#protocol }
    this.#wire = await openWire(port, greeting, () => this.#lost('a connection was closed'))
  }

  #lost(detail: string): void {
    if (this.#ended) return
    this.#target.tally().error('DISCONNECTED', detail)
    setTimeout(() => {
      this.connect().catch((error: Error) => this.#lost(error.message))
    }, RECONNECT_DELAY)
  }

  /** Begins to send, or goes on. */
  start(): void {
    this.#running = true
    this.#timer ??= setInterval(() => this.#tick(), PACE * (0.5 + this.#target.dice.fraction()))
  }

  /** Stops sending; what is on its way is still checked. */
  pause(): void {
    this.#running = false
  }

  /** Sends a read of every key. */
  readAll(): void {
    this.#send(this.keys.flat().map((key) => key.read()))
  }

  /** Ends the connection. */
  end(): void {
    this.#ended = true
    clearInterval(this.#timer)
    this.#wire?.close()
  }

  /** Gives up what is still on its way. */
  abandon(): void {
    this.#wire?.close()
  }

  #tick(): void {
    if (!this.#running || this.#wire === undefined || this.#wire.closed) return
    if (this.#wire.pending < WINDOW) this.#send(this.#pipeline())
  }

  /** Most of a pipeline is about one tag, so that several commands for one slot follow each other. */
  #pipeline(): Step[] {
    const { dice } = this.#target
    const main = this.#anyTag()
    const length = 1 + dice.below(PIPELINE)
    return Array.from({ length }, () => {
      const keys = dice.fraction() < 0.7 ? main : this.#anyTag()
      const key = dice.pick(keys)
      return dice.fraction() < WRITES ? key.write() : key.read()
    })
  }

  #anyTag(): readonly OwnedKey[] {
    return this.#target.dice.pick(this.keys)
  }

  #send(steps: readonly Step[]): void {
    const { tally, budget } = this.#target
    const since = performance.now()
    const counted = steps.map((step) => ({
      args: step.args,
      onLost: () => step.onLost(),
      onReply: (reply: Reply) => {
        const current = tally()
        current.requests++
        if (reply instanceof Refusal) {
          const waited = performance.now() - since
          const early = reply.code === 'CLUSTERDOWN' && waited < budget ? ' (early)' : ''
          const detail = `${step.args.slice(0, 2).join(' ')}: ${reply.text}, ${waited.toFixed()} ms`
          current.error(`${reply.code}${early}`, detail)
        }
        step.onReply(reply)
      },
    }))
    this.#wire?.send(counted)
  }
}
