import { setTimeout as delay } from 'node:timers/promises'
import { openWire, Refusal, type Reply, type Wire } from './wire.ts'

const PACE = 10
/** Milliseconds after which a node that does not answer a direct probe is passed over. */
const PATIENCE = 250
/** Milliseconds after which a probe through the proxy is given up; longer than any time budget. */
const LONGEST = 60_000

/** Hash tags of the probes; of any three shards each has some of them. */
export const PROBES: readonly string[] = Array.from({ length: 8 }, (_, index) => `{probe${index}}`)

/** The longest time without a success, since the last reset. */
export class Gap {
  #since = performance.now()
  #longest = 0

  reset(): void {
    this.#since = performance.now()
    this.#longest = 0
  }

  /** A write succeeded. */
  success(): void {
    this.#longest = this.longest
    this.#since = performance.now()
  }

  /** Milliseconds, the time that is running included. */
  get longest(): number {
    return Math.max(this.#longest, performance.now() - this.#since)
  }
}

/** A writer of one key that notes how long nothing could be written. */
export interface Probe {
  readonly gap: Gap
  run(): Promise<void>
  end(): void
}

/** Writes through the proxy. */
export class ProxiedProbe implements Probe {
  readonly gap: Gap = new Gap()
  readonly #key: string
  readonly #port: number
  #wire: Wire | undefined
  #ended = false

  constructor(tag: string, port: number) {
    this.#key = `${tag}proxied`
    this.#port = port
  }

  async run(): Promise<void> {
    while (!this.#ended) {
      try {
        if (this.#wire === undefined || this.#wire.closed) this.#wire = await openWire(this.#port)
        const reply = await this.#wire.ask(['INCR', this.#key], LONGEST)
        if (!(reply instanceof Refusal)) this.gap.success()
      } catch {}
      await delay(PACE)
    }
  }

  end(): void {
    this.#ended = true
    this.#wire?.close()
  }
}

/** The nodes, as a direct probe gets at them. */
export interface DirectTarget {
  /** Ports of the nodes that are members now. */
  readonly ports: readonly number[]
  readonly password: string
}

/** Writes straight to the nodes and tries them all, so that it knows at once when the cluster itself is back. */
export class DirectProbe implements Probe {
  readonly gap: Gap = new Gap()
  readonly #key: string
  readonly #target: DirectTarget
  readonly #wires: Map<number, Wire> = new Map()
  #port = 0
  #turn = 0
  #ended = false

  constructor(tag: string, target: DirectTarget) {
    this.#key = `${tag}direct`
    this.#target = target
    this.#port = target.ports[0] ?? 0
  }

  async run(): Promise<void> {
    while (!this.#ended) {
      const reply = await this.#ask().catch(() => undefined)
      const moved = reply instanceof Refusal && /^MOVED \d+ .*:(\d+)$/.exec(reply.text)
      if (reply !== undefined && !(reply instanceof Refusal)) this.gap.success()
      if (moved) {
        this.#port = Number(moved[1])
        // The node may point to one that is gone: then the others are asked in turn.
        if (this.#target.ports.includes(this.#port)) continue
      }
      if (reply === undefined || reply instanceof Refusal) this.#next()
      await delay(PACE)
    }
  }

  end(): void {
    this.#ended = true
    for (const wire of this.#wires.values()) wire.close()
  }

  #next(): void {
    const { ports } = this.#target
    this.#port = ports[this.#turn++ % ports.length] ?? 0
  }

  async #ask(): Promise<Reply> {
    let wire = this.#wires.get(this.#port)
    if (wire === undefined || wire.closed) {
      wire = await openWire(this.#port, { password: this.#target.password })
      this.#wires.set(this.#port, wire)
    }
    return wire.ask(['INCR', this.#key], PATIENCE)
  }
}
