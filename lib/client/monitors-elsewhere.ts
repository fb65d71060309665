import { randomBytes } from 'node:crypto'
import type { ThreadAnswer, ThreadHooks } from '../program-hooks.ts'

/** Bytes of lines that may wait while those before are on their way; who is behind by more is shown nothing any more. */
const MOST_WAITING = 8 * 1024 * 1024

/** What one thread tells the others of its monitors. */
export const MONITOR_KINDS = {
  /** `name thread`: it has monitors. */
  begin: 'monitor-begin',
  /** `names lines`: what was asked; the answer is the name of who shows it to somebody. */
  lines: 'monitor-lines',
  /** `name`: it has none any more, or cannot be told what they are to be shown. */
  end: 'monitor-end',
} as const

/**
 * The threads that show their clients what the clients of this one ask. Lines go to them in batches, of which one is on its way at a time: no thread holds
 * more for another than {@link MOST_WAITING}, and the longest line. A thread that does not take a batch is forgotten, by all, and its monitors are cut off if it lives.
 */
export class MonitorsElsewhere {
  readonly #threads: ThreadHooks | undefined
  readonly #onChange: () => void
  /** Names of those who watch, each with the number of its thread. */
  readonly #watchers: Map<string, number> = new Map()
  readonly #prefix: string = randomBytes(8).toString('hex')
  #periods = 0
  /** The name under which this thread watches; a later one is another, so that what concerned the former does not concern it. */
  #own: string | undefined
  #begun: Promise<void> | undefined
  #lines: Buffer[] = []
  #size = 0
  #sending = false

  /** `onChange` is called when others begin or cease to watch. */
  constructor(threads: ThreadHooks | undefined, onChange: () => void) {
    this.#threads = threads
    this.#onChange = onChange
  }

  /** Whether any other thread wants to know what is asked here. */
  get watched(): boolean {
    return this.#watchers.size > 0
  }

  /** Has the other threads tell what is asked there; resolves when all do. Undefined where there is nobody to be told. */
  begin(): Promise<void> | undefined {
    if (this.#own !== undefined) return this.#begun
    this.#periods++
    this.#own = `${this.#prefix}-${this.#periods}`
    const index = this.#threads?.index ?? 0
    this.#begun = this.#ask(MONITOR_KINDS.begin, [this.#own, String(index)])?.then(() => {
      this.#begun = undefined
    })
    return this.#begun
  }

  /** Nobody here wants to know any more. */
  end(): void {
    if (this.#own === undefined) return
    void this.#ask(MONITOR_KINDS.end, [this.#own])
    this.#forgetOwn()
  }

  #forgetOwn(): void {
    this.#own = undefined
    this.#begun = undefined
  }

  /** Another thread watches from now on. */
  onBegin(name: string, thread: number): void {
    this.#watchers.set(name, thread)
    this.#onChange()
  }

  /** A thread watches no more; whether it was this one, which could not follow. */
  onEnd(name: string): boolean {
    const own = name === this.#own
    if (own) this.#forgetOwn()
    else if (this.#watchers.delete(name)) this.#onChange()
    return own
  }

  /** Its name, if lines are meant for this thread. */
  addressed(names: string): string | undefined {
    return this.#own !== undefined && names.split(' ').includes(this.#own) ? this.#own : undefined
  }

  /** A line for those who watch. */
  add(line: Buffer): void {
    if (this.#size > MOST_WAITING) {
      this.#drop([...this.#watchers.keys()])
      return
    }
    this.#lines.push(line)
    this.#size += line.length
    if (this.#sending) return
    this.#sending = true
    setImmediate(() => void this.#send())
  }

  /** Sends what has gathered, and what gathers meanwhile. */
  async #send(): Promise<void> {
    while (this.#size > 0) {
      const lines = Buffer.concat(this.#lines)
      this.#forgetLines()
      const names = [...this.#watchers.keys()]
      const to = [...new Set(this.#watchers.values())]
      const answers = await this.#ask(MONITOR_KINDS.lines, [names.join(' '), lines], to)
      const taken = new Set(answers?.map(({ value }) => value))
      this.#drop(names.filter((name) => !taken.has(name) && this.#watchers.has(name)))
    }
    this.#sending = false
  }

  #forgetLines(): void {
    this.#lines = []
    this.#size = 0
  }

  /** They are gone, or cannot follow: what they would be shown from now on had a gap. */
  #drop(names: readonly string[]): void {
    for (const name of names) {
      this.#watchers.delete(name)
      void this.#ask(MONITOR_KINDS.end, [name])
    }
    if (this.#watchers.size === 0) this.#forgetLines()
    if (names.length > 0) this.#onChange()
  }

  #ask(
    kind: string,
    words: readonly (string | Buffer)[],
    to?: readonly number[]
  ): Promise<readonly ThreadAnswer[]> | undefined {
    const args = words.map((word) => (typeof word === 'string' ? Buffer.from(word) : word))
    // Without the main process there is nobody else.
    return this.#threads
      ?.ask?.({ kind, args, ...(to === undefined ? {} : { to }) })
      ?.catch(() => [])
  }
}
