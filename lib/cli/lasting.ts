import type { ThreadQuestion } from '../index.ts'

interface Pause {
  readonly question: ThreadQuestion
  /** As `performance.now` has it. */
  readonly until: number
}

interface Failures {
  readonly count: number
  /** When the last one was, as `performance.now` has it. */
  readonly at: number
}

/** For how long failed attempts to authenticate are remembered, milliseconds; and of how many addresses. */
const FAILURES_LAST = 60_000
const MOST_ADDRESSES = 10_000

/** What all threads were told and hold, for those that start later. */
export class Lasting {
  /** By what is set, the latest. */
  readonly #settings: Map<string, ThreadQuestion> = new Map()
  #pauses: readonly Pause[] = []
  /** Threads with clients that are shown what is asked, by name. */
  readonly #monitors: Map<string, ThreadQuestion> = new Map()
  /** Failed attempts to authenticate by their host, the latest last. */
  readonly #failures: Map<string, Failures> = new Map()

  /** Remembers a question, if it is one that lasts. */
  note(question: ThreadQuestion): void {
    const { kind, args, lasting } = question
    if (lasting !== undefined) this.#settings.set(lasting, kept(question))
    if (kind === 'client-unpause') this.#pauses = []
    if (kind === 'monitor-begin') this.#monitors.set(nameIn(question), kept(question))
    if (kind === 'monitor-end') this.#monitors.delete(nameIn(question))
    if (kind === 'auth-failed') this.#failed(nameIn(question))
    if (kind !== 'client-pause') return
    const until = performance.now() + Number(Buffer.from(args[2]!).toString())
    this.#pauses = [...this.#running(), { question: kept(question), until }]
  }

  #failed(host: string): void {
    const now = performance.now()
    const before = this.#failures.get(host)
    const recent = before !== undefined && before.at > now - FAILURES_LAST
    this.#failures.delete(host)
    this.#failures.set(host, { count: recent ? before.count + 1 : 1, at: now })
    if (this.#failures.size <= MOST_ADDRESSES) return
    const [oldest] = this.#failures.keys()
    this.#failures.delete(oldest!)
  }

  #failuresTold(): ThreadQuestion[] {
    const now = performance.now()
    const recent = [...this.#failures].filter(([, { at }]) => at > now - FAILURES_LAST)
    return recent.map(([host, { count, at }]) => {
      const words = [host, String(count), String(now - at)]
      return { kind: 'auth-failed', args: words.map((word) => Buffer.from(word)) }
    })
  }

  #running(): Pause[] {
    return this.#pauses.filter(({ until }) => until > performance.now())
  }

  /** The settings of this moment. */
  settings(): ReadonlySet<ThreadQuestion> {
    return new Set(this.#settings.values())
  }

  /** What a thread that starts now is told, some settings left out; of a pause, what is left of it. */
  told(but: ReadonlySet<ThreadQuestion>): readonly ThreadQuestion[] {
    const pauses = this.#running().map(({ question, until }) => {
      const left = Math.ceil(until - performance.now())
      return { ...question, args: question.args.with(2, Buffer.from(String(left))) }
    })
    const settings = [...this.#settings.values()].filter((each) => !but.has(each))
    return [...settings, ...pauses, ...this.#monitors.values(), ...this.#failuresTold()]
  }

  /** A setting that holds no more. */
  forget(name: string): void {
    this.#settings.delete(name)
  }

  /** Settings that hold no more, unless they were given anew. */
  forgetAll(questions: ReadonlySet<ThreadQuestion>): void {
    for (const [name, question] of this.#settings) {
      if (questions.has(question)) this.#settings.delete(name)
    }
  }
}

/** Where the thread that asks is this process, arguments are where its next commands are read to. */
function kept(question: ThreadQuestion): ThreadQuestion {
  return { ...question, args: question.args.map((arg) => Buffer.from(arg)) }
}

function nameIn({ args }: ThreadQuestion): string {
  return Buffer.from(args[0]!).toString()
}
