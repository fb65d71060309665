import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { ProxyError } from '../index.ts'

/** One message between the main process and a thread. */
interface Message {
  readonly what: string
  readonly payload: unknown
  /** Of a question, and of its answer. */
  readonly number?: number
  readonly answer?: 'right' | 'wrong'
}

/** What a side does with what it is told, or asked, by the other; what it gives back answers a question. */
export type Listener = (payload: never, socket: Socket | undefined) => unknown

interface Waiting {
  readonly timer: NodeJS.Timeout | undefined
  resolve(value: unknown): void
  reject(error: Error): void
}

/** The messages between the main process and one thread: either side tells, and asks, the other. */
export class Channel {
  readonly #peer: ChildProcess | NodeJS.Process
  readonly #listeners: Readonly<Record<string, Listener>>
  readonly #waiting: Map<number, Waiting> = new Map()
  #asked = 0

  constructor(peer: ChildProcess | NodeJS.Process, listeners: Readonly<Record<string, Listener>>) {
    this.#peer = peer
    this.#listeners = listeners
    peer.on('message', (message, handle) =>
      this.#onMessage(message as Message, handle as Socket | undefined)
    )
    peer.on('disconnect', () => this.#onDisconnect())
  }

  /** Tells the other side something; a socket goes with it, and stays open here. Nothing happens when that is gone. */
  tell(what: string, payload?: unknown, socket?: Socket): void {
    this.#send({ what, payload }, socket)
  }

  /** Asks the other side; rejects with its error, or with `CLOSED` when it is gone or silent for `limit` milliseconds. */
  ask<Value>(what: string, payload?: unknown, limit?: number): Promise<Value> {
    return new Promise((resolve, reject) => {
      const number = ++this.#asked
      const timer = limit === undefined ? undefined : setTimeout(() => this.#late(number), limit)
      this.#waiting.set(number, { timer, resolve: resolve as Waiting['resolve'], reject })
      if (this.#peer.connected === true) this.#send({ what, payload, number })
      else this.#onDisconnect()
    })
  }

  /** The answer to a question, which is not waited for any more; undefined if nobody waits. */
  #taken(number: number): Waiting | undefined {
    const waiting = this.#waiting.get(number)
    this.#waiting.delete(number)
    clearTimeout(waiting?.timer)
    return waiting
  }

  #late(number: number): void {
    this.#taken(number)?.reject(new ProxyError('CLOSED', 'the other process does not answer'))
  }

  #send(message: Message, socket?: Socket): void {
    if (this.#peer.connected !== true) return
    // Without a listener for its failure a send could end the process.
    this.#peer.send!(message, socket, { keepOpen: true }, () => {})
  }

  #onMessage({ what, payload, number, answer }: Message, socket: Socket | undefined): void {
    if (answer === undefined) {
      void this.#hear(what, payload, number, socket)
      return
    }
    const waiting = this.#taken(number!)
    if (answer === 'right') waiting?.resolve(payload)
    else waiting?.reject(new ProxyError('INVALID_OPTION', String(payload)))
  }

  async #hear(
    what: string,
    payload: unknown,
    number: number | undefined,
    socket: Socket | undefined
  ): Promise<void> {
    const listener = this.#listeners[what] as ((...given: unknown[]) => unknown) | undefined
    if (number === undefined) {
      listener?.(payload, socket)
      return
    }
    try {
      const value = await listener?.(payload, socket)
      this.#send({ what, payload: value, number, answer: 'right' })
    } catch (error) {
      this.#send({ what, payload: (error as Error).message, number, answer: 'wrong' })
    }
  }

  #onDisconnect(): void {
    for (const number of [...this.#waiting.keys()]) {
      this.#taken(number)?.reject(new ProxyError('CLOSED', 'the other process is gone'))
    }
  }
}
