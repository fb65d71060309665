import type { CrewMember } from './crew-member.ts'
import type { Log } from './log.ts'

/** Milliseconds between two looks. */
const LOOK_EVERY = 1000

/** What a watch looks at. */
export interface Watched {
  present(): readonly CrewMember[]
  /** Milliseconds without an answer after which a thread is killed; 0: never. */
  timeout(): number
}

/**
 * Notices threads that hang, as in an endless loop: they get no new clients, and nobody waits for their answers. One that hangs for too long is killed, so
 * that another takes its place. Looks are counted in place of time, since a machine that stood still must not seem to have threads that do.
 */
export class ThreadWatch {
  readonly #watched: Watched
  readonly #log: Log
  readonly #hanging: Set<CrewMember> = new Set()
  readonly #killed: WeakSet<CrewMember> = new WeakSet()
  #timer: NodeJS.Timeout | undefined

  constructor(watched: Watched, log: Log) {
    this.#watched = watched
    this.#log = log
  }

  /** Looks from now on. */
  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY).unref()
    process.on('exit', this.#onExit)
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.#timer)
    process.off('exit', this.#onExit)
  }

  /** The others end when they see that this process is gone. */
  readonly #onExit = (): void => {
    for (const member of this.#watched.present()) if (member.hangs) member.kill('SIGKILL')
  }

  #look(): void {
    const timeout = this.#watched.timeout()
    const present = this.#watched.present()
    for (const member of this.#hanging) if (!present.includes(member)) this.#hanging.delete(member)
    for (const member of present) {
      this.#note(member)
      if (timeout > 0 && member.unanswered * LOOK_EVERY >= timeout) this.#kill(member)
      member.look()
    }
  }

  #note(member: CrewMember): void {
    const { index, hangs } = member
    if (hangs === this.#hanging.has(member)) return
    if (hangs) {
      this.#hanging.add(member)
      this.#log.write('warning', 'a thread does not answer, and gets no new clients', {
        thread: index,
      })
    } else {
      this.#hanging.delete(member)
      this.#log.write('info', 'a thread answers again', { thread: index })
    }
  }

  #kill(member: CrewMember): void {
    if (this.#killed.has(member)) return
    this.#killed.add(member)
    this.#log.write('error', 'a thread has not answered for thread-timeout: it is killed', {
      thread: member.index,
    })
    member.kill('SIGKILL')
  }
}
