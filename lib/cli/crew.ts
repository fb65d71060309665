import type { Socket } from 'node:net'
import type { ShutdownOptions, ThreadAnswer, ThreadQuestion } from '../index.ts'
import type { Change, Start } from './child.ts'
import type { Configuration } from './configuration.ts'
import { type CrewHooks, CrewMember } from './crew-member.ts'
import type { Log } from './log.ts'
import type { ProgramOption } from './program-options.ts'
import type { Chief, Team } from './team.ts'
import type { Place } from './thread.ts'

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
  #failures = 0
  #configuration: Configuration
  #ending = false

  constructor(configuration: Configuration, setup: CrewSetup, log: Log, chief: Chief) {
    this.#configuration = configuration
    this.#setup = setup
    this.#log = log
    this.#chief = chief
    this.#members = Array.from({ length: setup.place.count }, () => undefined)
  }

  get clients(): number {
    return this.#present().reduce((sum, { clients }) => sum + clients, this.#waiting.length)
  }

  #present(): CrewMember[] {
    return this.#members.filter((member) => member !== undefined)
  }

  async start(): Promise<void> {
    await Promise.all(this.#members.map((_, index) => this.#add(index)))
  }

  async warm(): Promise<void> {
    await Promise.all(this.#present().map((member) => member.channel.ask('warm')))
  }

  async #add(index: number): Promise<void> {
    const member = new CrewMember(index, this.#hooks())
    this.#members[index] = member
    void member.ended.then((how) => this.#onEnded(member, how))
    const start: Start = {
      place: { ...this.#setup.place, index },
      sources: this.#configuration.written,
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
    }
  }

  accept(socket: Socket, id: number): void {
    const able = this.#present().filter(({ serving }) => serving)
    const [first, ...others] = able
    if (first === undefined) {
      this.#waiting.push([socket, id])
      return
    }
    const member = others.reduce(
      (least, each) => (each.clients < least.clients ? each : least),
      first
    )
    member.accept(socket, { id, elsewhere: this.#chief.clients - member.clients })
  }

  /** A thread died: another takes its place, and the clients that did not reach it. */
  #onEnded(member: CrewMember, how: string): void {
    const { index } = member
    if (this.#members[index] === member) this.#members[index] = undefined
    for (const [id, socket] of member.stranded()) this.accept(socket, id)
    if (this.#ending) return
    this.#failures = member.age > STEADY ? 0 : this.#failures + 1
    const delay = this.#failures === 0 ? 0 : FIRST_DELAY * 2 ** (this.#failures - 1)
    const wait = Math.min(delay, LONGEST_DELAY)
    this.#log.write('error', 'a thread is gone and its clients with it; another takes its place', {
      thread: index,
      how,
      wait,
    })
    setTimeout(() => this.#replace(index), wait)
  }

  #replace(index: number): void {
    if (this.#ending) return
    this.#add(index).catch((error: Error) => {
      this.#log.write('error', `a thread does not start: ${error.message}`, { thread: index })
    })
  }

  async ask(question: ThreadQuestion, asker: object): Promise<readonly ThreadAnswer[]> {
    const asked = this.#present().filter((member) => member !== asker && member.serving)
    const answers = await Promise.all(asked.map((member) => member.ask(question)))
    return answers.filter((answer) => answer !== undefined)
  }

  async configure(after: Configuration, options: readonly ProgramOption[]): Promise<void> {
    this.#configuration = after
    const change: Change = { sources: after.written, options: options.map(({ name }) => name) }
    await Promise.all(this.#present().map((member) => member.channel.ask('configure', change)))
  }

  reopenLog(): void {
    for (const { channel } of this.#present()) channel.tell('reopen')
  }

  kill(signal: NodeJS.Signals | number, thread: number): void {
    this.#members[thread]?.kill(signal)
  }

  async shutdown(how: Required<ShutdownOptions>): Promise<void> {
    this.#ending = true
    for (const [socket] of this.#waiting) socket.destroy()
    await Promise.all(this.#present().map((member) => member.end(how)))
  }
}
