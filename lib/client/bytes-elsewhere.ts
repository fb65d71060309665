import type { ThreadHooks } from '../program-hooks.ts'

/** The question what the clients of a thread have buffered. */
export const BUFFERED_BYTES = 'buffered-bytes'

/** What the clients of other threads have buffered, as far as that matters for a limit that holds for all. */
export class BytesElsewhere {
  readonly #threads: ThreadHooks | undefined
  #bytes = 0
  #asking = false

  constructor(threads: ThreadHooks | undefined) {
    this.#threads = threads
  }

  /**
   * The latest known, and has it asked for anew. If all threads together are over the limit, one is over its share of it: with less than that nobody is
   * asked, and the others do not count.
   */
  beside(own: number, limit: number): number {
    if (this.#threads === undefined || own <= limit / this.#threads.count) this.#bytes = 0
    else if (!this.#asking) void this.#ask()
    return this.#bytes
  }

  async #ask(): Promise<void> {
    this.#asking = true
    try {
      const answers = (await this.#threads?.ask?.({ kind: BUFFERED_BYTES, args: [] })) ?? []
      this.#bytes = answers.reduce((sum, { value }) => sum + Number(value), 0)
    } catch {
      // Without the main process there are no others.
      this.#bytes = 0
    }
    this.#asking = false
  }
}
