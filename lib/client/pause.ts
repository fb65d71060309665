import type { CommandSpec } from '../command/spec.ts'

/** Which commands of clients wait (`CLIENT PAUSE`); `write`: those that change something, or may. */
export type PauseKind = 'none' | 'write' | 'all'

/** The longest delay that a timer takes, milliseconds; a longer one would be none. */
const LONGEST_TIMEOUT = 2 ** 31 - 1
/** What a server keeps back with the writes although it is none: it reaches the replicas, or may (`CMD_MAY_REPLICATE`). */
const MAY_REPLICATE = new Set(['publish', 'spublish', 'pfcount', 'eval', 'evalsha', 'fcall'])

/** Whether a command waits while writes are paused. */
export function countsAsWrite(spec: CommandSpec): boolean {
  return spec.write || MAY_REPLICATE.has(spec.name)
}

/** `CLIENT PAUSE` and `CLIENT UNPAUSE`: the proxy's own, for all its clients. Requests that are paused wait where they were read. */
export class Pause {
  /** Whether any commands are paused. */
  on = false
  #kind: PauseKind = 'none'
  /** When it ends, in milliseconds as `performance.now()` tells. */
  #until = 0
  #timer: NodeJS.Timeout | undefined
  readonly #onEnd: () => void

  /** `onEnd` is called when nothing is paused any more. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  /** Pauses for so many milliseconds. A pause that is under way becomes neither shorter nor laxer. */
  begin(kind: 'write' | 'all', milliseconds: number): void {
    if (!this.on || kind === 'all') this.#kind = kind
    this.on = true
    this.#until = Math.max(this.#until, performance.now() + milliseconds)
    this.#wait()
  }

  #wait(): void {
    clearTimeout(this.#timer)
    const left = this.#until - performance.now()
    if (left <= 0) this.end()
    else this.#timer = setTimeout(() => this.#wait(), Math.min(Math.ceil(left), LONGEST_TIMEOUT))
  }

  /** Ends the pause. */
  end(): void {
    clearTimeout(this.#timer)
    if (!this.on) return
    this.on = false
    this.#kind = 'none'
    this.#until = 0
    this.#onEnd()
  }

  /** Whether a command has to wait; `writes`: it is the EXEC of a transaction that writes. */
  holds(spec: CommandSpec, writes: boolean): boolean {
    return this.#kind === 'all' || (this.on && (writes || countsAsWrite(spec)))
  }
}
