/** How often the coarse clock ticks, in milliseconds; time limits are kept to within one tick. */
export const TICK = 50
/** A tick that is late by so much tells that the process stood still. */
const STALL = 10 * TICK

/**
 * One coarse clock per proxy in place of a timer per request. It is monotonic: a jump of the wall clock moves no time limit.
 * It never keeps the process alive.
 */
export class Clock {
  /** Milliseconds since an arbitrary moment, as of the last tick. */
  now = 0
  readonly #tasks: Set<() => void> = new Set()
  #timer: NodeJS.Timeout | undefined

  constructor() {
    this.now = Math.floor(performance.now())
  }

  /** Calls `task` at each tick until the returned function is called. */
  onTick(task: () => void): () => void {
    this.#tasks.add(task)
    if (this.#timer === undefined) {
      // While nobody waited the clock stood still: a limit that begins now must not begin in the past.
      this.now = Math.floor(performance.now())
      this.#timer = setInterval(() => this.#tick(), TICK).unref()
    }
    return () => {
      this.#tasks.delete(task)
      if (this.#tasks.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #tick(): void {
    const before = this.now
    this.now = Math.floor(performance.now())
    // After a stall of the process what came meanwhile is read first: silence of ours is not silence of others.
    if (this.now - before > STALL) setImmediate(this.#run)
    else this.#run()
  }

  readonly #run = (): void => {
    for (const task of this.#tasks) task()
  }
}
