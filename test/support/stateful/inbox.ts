import Denque from 'denque'
import type { RawClient } from '../raw-client.ts'
import { decodeReply } from '../resp-frame.ts'
import type { Cache } from './cache.ts'
import { Mailbox, type MessageKind } from './mailbox.ts'
import type { Hearing, Step } from './step.ts'

/** What begins a message, in either version. */
const MESSAGE = /^[>*](?:3\r\n\$(?:7\r\nmessage|8\r\nsmessage)|4\r\n\$8\r\npmessage)\r\n/
const INVALIDATION = /^>2\r\n\$10\r\ninvalidate\r\n/
const CONFIRMATION = /^[>*]3\r\n\$\d+\r\n[ps]?(?:un)?subscribe\r\n/
const MONITORED = /^\+\d{10}\.\d{6} \[0 127\.0\.0\.1:\d+\] ".*"\r\n$/s
/** Where clients of RESP2 hear of changed keys. */
export const INVALIDATIONS = '__redis__:invalidate'

/** What comes to one client: the replies to its steps, and what nobody asked for. Each is judged at its place between the others. */
export class Inbox implements Hearing {
  readonly mailbox: Mailbox
  readonly cache: Cache
  /** Whether commands of all clients are shown to it. */
  monitoring = false
  /** Commands that were. */
  shown = 0
  readonly #client: RawClient
  /** Of the client in whose place this one is told of keys. */
  readonly #other: Inbox | undefined
  readonly #steps: Denque<Step> = new Denque()
  /** Replies to the oldest step that have come. */
  #answered = 0
  #waiter: { resolve(): void; reject(error: Error): void } | undefined
  #failure: Error | undefined

  /** `moving`: whether slots are. */
  constructor(client: RawClient, cache: Cache, moving: boolean, other?: Inbox) {
    this.#client = client
    this.mailbox = new Mailbox(moving)
    this.cache = cache
    this.#other = other
    void this.#read()
  }

  /** Steps that are about to be sent. */
  expect(steps: readonly Step[]): void {
    for (const step of steps) this.#steps.push(step)
    this.#passSilent()
  }

  /** Waits until all steps are answered and all has come that must. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
      this.look()
    })
  }

  /** What must still come. */
  get owed(): string {
    const { mailbox, cache } = this
    const step = this.#steps.peekFront()
    const replies = step === undefined ? '' : `the answer to ${step.command.join(' ')}, `
    return `${replies}${mailbox.owed}${cache.owed}`
  }

  /** Looks whether all has come. */
  look(): void {
    const waiter = this.#waiter
    if (waiter === undefined) return
    const waits = this.#steps.length > 0 || this.mailbox.waits || this.cache.waits
    if (waits && this.#failure === undefined) return
    const unfounded = this.cache.settle()
    if (unfounded.length > 0)
      this.#failure ??= new Error(`told of ${unfounded.join(', ')}, which it does not track`)
    this.#waiter = undefined
    if (this.#failure === undefined) waiter.resolve()
    else waiter.reject(this.#failure)
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        this.#take((await this.#client.readReply()).toString('latin1'))
        this.look()
        this.#other?.look()
      }
    } catch (error) {
      this.fail(error as Error)
      this.#other?.fail(error as Error)
    }
  }

  /** Nothing that comes can be right any more. */
  fail(error: Error): void {
    this.#failure ??= error
    this.look()
  }

  #take(frame: string): void {
    if (MESSAGE.test(frame)) this.#hear(frame)
    else if (INVALIDATION.test(frame)) this.#tell(valuesOf(frame)[1])
    else if (this.monitoring && MONITORED.test(frame)) this.shown++
    else this.#answer(frame)
  }

  #answer(frame: string): void {
    const step = this.#steps.peekFront()
    if (step === undefined) throw new Error(`nobody asked for ${frame}`)
    const expected = step.replies[this.#answered++]!
    const right = typeof expected === 'string' ? frame === expected : expected.test(frame)
    if (!right) {
      const [got, wanted] = [frame, String(expected)].map((text) => JSON.stringify(text))
      throw new Error(`${step.command.join(' ')} was answered ${got}, and not ${wanted}`)
    }
    if (CONFIRMATION.test(frame)) this.#confirm(frame)
    else if (frame === '+RESET\r\n') this.#reset()
    if (this.#answered === step.replies.length) this.#pass()
  }

  #pass(): void {
    this.#answered = 0
    this.#steps.shift()?.effect?.(this)
    this.#passSilent()
  }

  #passSilent(): void {
    while (this.#answered === 0 && this.#steps.peekFront()?.replies.length === 0)
      this.#steps.shift()?.effect?.(this)
  }

  #hear(frame: string): void {
    const values = valuesOf(frame)
    const topic = String(values[1])
    if (topic === INVALIDATIONS) this.#tell(values[2])
    else {
      const [channel, text] = values.slice(-2).map(String)
      this.mailbox.hear(values[0] as MessageKind, topic, channel!, text!)
    }
  }

  #tell(keys: unknown): void {
    const asking = (this.#other ?? this).#steps.length > 0
    this.cache.tell(keys as string[] | null, this.#other !== undefined, asking)
  }

  #confirm(frame: string): void {
    const [word, name] = valuesOf(frame)
    if (name !== null) this.mailbox.confirmed(String(word), String(name))
  }

  #reset(): void {
    this.mailbox.clear()
    this.cache.end()
    this.monitoring = false
  }
}

function valuesOf(frame: string): unknown[] {
  return decodeReply(Buffer.from(frame, 'latin1')) as unknown[]
}
