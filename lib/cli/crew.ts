import type { Socket } from 'node:net'
import type { ShutdownOptions, ThreadAnswer, ThreadQuestion } from '../index.ts'
import type { Change, Start } from './child.ts'
import type { Configuration } from './configuration.ts'
import { type CrewHooks, CrewMember } from './crew-member.ts'
import type { Log } from './log.ts'
import type { ProgramOption } from './program-options.ts'
import type { Chief, Team } from './team.ts'
import type { Place } from './thread.ts'
import { ThreadWatch } from './thread-watch.ts'

/** A thread that served for so long, milliseconds, is replaced at once; one that did not, after a delay that doubles. */
const STEADY = 10_000
const FIRST_DELAY = 100
const LONGEST_DELAY = 10_000

/** What a crew is started with. */
export interface CrewSetup {
  readonly place: Omit<Place, 'index'>
  readonly silent: boolean
  /** What threads are told that start later. */
  lasting(): readonly ThreadQuestion[]
}

/** Several threads, each a process; clients go to the one that has the fewest. */
export class Crew implements Team {
  readonly #setup: CrewSetup
  readonly #log: Log
  readonly #chief: Chief
  readonly #members: (CrewMember | undefined)[]
  /** Clients that came while no thread could take them. */
  #waiting: (readonly [socket: Socket, id: number])[] = []
  /** Threads that were told by a signal to end, and have clients as yet; others have taken their places. */
  readonly #leaving: Set<CrewMember> = new Set()
  readonly #watch: ThreadWatch
  #failures = 0
  #configuration: Configuration
  #ending: Required<ShutdownOptions> | undefined

  constructor(configuration: Configuration, setup: CrewSetup, log: Log, chief: Chief) {
    this.#configuration = configuration
    this.#setup = setup
    this.#log = log
    this.#chief = chief
    const timeout = (): number => this.#configuration.value('thread-timeout')
    this.#watch = new ThreadWatch({ present: () => this.#present(), timeout }, log)
    this.#members = Array.from({ length: setup.place.count }, () => undefined)
  }

  get clients(): number {
    return this.#present().reduce((sum, { clients }) => sum + clients, this.#waiting.length)
  }

  #present(): CrewMember[] {
    return [...this.#members.filter((member) => member !== undefined), ...this.#leaving]
  }

  async start(): Promise<void> {
    this.#watch.start()
    await Promise.all(this.#members.map(async (_, index) => this.#begin(this.#fork(index))))
  }

  async warm(): Promise<void> {
    await Promise.all(this.#present().map((member) => member.channel.ask('warm')))
  }

  /** A process for a thread. Throws when the system has none to give; other failures come later. */
  #fork(index: number): CrewMember {
    const member = new CrewMember(index, this.#hooks())
    this.#members[index] = member
    void member.ended.then((how) => this.#onEnded(member, how))
    return member
  }

  async #begin(member: CrewMember): Promise<void> {
    const start: Start = {
      place: { ...this.#setup.place, index: member.index },
      given: this.#configuration.given,
      silent: this.#setup.silent,
      lasting: this.#setup.lasting(),
    }
    await member.start(start)
    const waiting = this.#waiting
    this.#waiting = []
    for (const [socket, id] of waiting) this.accept(socket, id)
  }

  #hooks(): CrewHooks {
    const chief = this.#chief
    return {
      reload: () => chief.reload(),
      restart: () => chief.restart(),
      shutdown: (asap) => chief.shutdown(asap),
      kill: (signal, thread) => chief.kill(signal, thread),
      ask: (question, member) => chief.ask(question, member),
      leaving: (member) => this.#onLeaving(member),
    }
  }

  accept(socket: Socket, id: number): void {
    if (this.#ending !== undefined) {
      this.#turnAway(socket, id, this.#ending)
      return
    }
    const able = this.#present().filter(({ serving }) => serving)
    const awake = able.filter(({ hangs }) => !hangs)
    const [first, ...others] = awake.length > 0 ? awake : able
    if (first === undefined) {
      const room = this.#waiting.length < this.#configuration.value<number>('maxclients')
      if (room) this.#waiting.push([socket, id])
      else socket.destroy()
      return
    }
    const member = others.reduce(
      (least, each) => (each.clients < least.clients ? each : least),
      first
    )
    member.accept(socket, { id, elsewhere: this.#chief.clients - member.clients })
  }

  #turnAway(socket: Socket, id: number, { successor }: Required<ShutdownOptions>): void {
    if (successor === false) socket.destroy()
    else this.#chief.accept(socket, id)
  }

  /** A thread was told by a signal to end: it keeps its clients while it does, and another takes its place. */
  #onLeaving(member: CrewMember): Required<ShutdownOptions> {
    const { index } = member
    const timeout = this.#configuration.value<number>('shutdown-timeout')
    const how = this.#ending ?? { timeout, successor: true }
    if (this.#ending !== undefined || this.#members[index] !== member) return how
    member.leave()
    this.#leaving.add(member)
    this.#members[index] = undefined
    this.#log.write('warning', 'a thread was told to end; another takes its place', {
      thread: index,
    })
    this.#replace(index)
    return how
  }

  /** A thread died: another takes its place, and the clients that did not reach it. */
  #onEnded(member: CrewMember, how: string): void {
    const { index } = member
    if (this.#members[index] === member) this.#members[index] = undefined
    const replaced = this.#leaving.delete(member)
    for (const [id, socket] of member.stranded()) this.accept(socket, id)
    if (this.#ending === undefined && !replaced) this.#replaceLater(index, how, member.age)
  }

  #replaceLater(index: number, how: string, age: number): void {
    this.#failures = age > STEADY ? 0 : this.#failures + 1
    const delay = this.#failures === 0 ? 0 : FIRST_DELAY * 2 ** (this.#failures - 1)
    const wait = Math.min(delay, LONGEST_DELAY)
    this.#log.write('error', 'a thread is gone and its clients with it; another takes its place', {
      thread: index,
      how,
      wait,
    })
    setTimeout(() => this.#replace(index), wait).unref()
  }

  #replace(index: number): void {
    if (this.#ending !== undefined) return
    let member: CrewMember
    try {
      member = this.#fork(index)
    } catch (error) {
      this.#replaceLater(index, (error as Error).message, 0)
      return
    }
    this.#begin(member).catch((error: Error) => {
      this.#log.write('error', `a thread does not start: ${error.message}`, { thread: index })
    })
  }

  async ask(question: ThreadQuestion, asker: object): Promise<readonly ThreadAnswer[]> {
    const { to } = question
    const asked = this.#present().filter(
      (member) => member !== asker && (to === undefined || to.includes(member.index))
    )
    const answers = await Promise.all(asked.map((member) => member.ask(question)))
    return answers.filter((answer) => answer !== undefined)
  }

  async configure(after: Configuration, options: readonly ProgramOption[]): Promise<void> {
    this.#configuration = after
    const change: Change = { given: after.given, options: options.map(({ name }) => name) }
    await Promise.all(this.#present().map((member) => member.configure(change)))
  }

  reopenLog(): void {
    for (const { channel } of this.#present()) channel.tell('reopen')
  }

  kill(signal: NodeJS.Signals | number, thread: number): void {
    this.#members[thread]?.kill(signal)
  }

  async shutdown(how: Required<ShutdownOptions>): Promise<void> {
    this.#ending = how
    const waiting = this.#waiting
    this.#waiting = []
    for (const [socket, id] of waiting) this.#turnAway(socket, id, how)
    await Promise.all(this.#present().map((member) => member.end(how)))
    this.#watch.stop()
  }
}
