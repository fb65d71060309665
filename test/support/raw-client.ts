import { once } from 'node:events'
import { createConnection } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Argument, decodeReply, encodeCommand, frameEnd, type Reply } from './resp-frame.ts'

interface Waiter {
  resolve(frame: Buffer): void
  reject(error: Error): void
}

/** A client that sends what it is told, byte for byte, and gives replies as the bytes they are. */
export class RawClient {
  /** The stream, for tests that pause, half-close or destroy it. */
  readonly stream: Duplex
  /** Fulfilled when the connection is gone, for whatever reason. */
  readonly closed: Promise<void>
  /** Bytes not read yet are those from `#start` to `#end`; the store doubles, so that big replies are cheap. */
  #store: Buffer = Buffer.allocUnsafe(16_384)
  #start = 0
  #end = 0
  #waiters: Waiter[] = []
  #failure: Error | undefined

  constructor(stream: Duplex) {
    this.stream = stream
    stream.on('data', (chunk: Buffer) => this.#onData(chunk))
    stream.on('error', (error) => this.#fail(error))
    stream.on('end', () => this.#fail(new Error('the connection ended')))
    this.closed = new Promise((resolve) => {
      stream.once('close', () => {
        this.#fail(new Error('the connection is closed'))
        resolve()
      })
    })
  }

  /** Writes raw bytes (a string as UTF-8), or a command given as its arguments. */
  send(request: string | Uint8Array | readonly Argument[]): void {
    this.stream.write(
      Array.isArray(request) ? encodeCommand(request) : (request as string | Uint8Array)
    )
  }

  /** The raw frame of the next reply; pushes count as replies. Rejects when the connection ends before. */
  readReply(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#deliver()
    })
  }

  /** Sends a command and gives the raw frame of its reply. */
  call(...args: Argument[]): Promise<Buffer> {
    this.send(args)
    return this.readReply()
  }

  /** Sends a command and gives its reply as a value; rejects with a `ReplyError` when it is an error. */
  async ask(...args: Argument[]): Promise<Reply> {
    const reply = decodeReply(await this.call(...args))
    if (reply instanceof Error) throw reply
    return reply
  }

  /** Sends commands in one write and gives the raw frames of their replies. */
  pipeline(commands: readonly (readonly Argument[])[]): Promise<Buffer[]> {
    this.stream.write(Buffer.concat(commands.map(encodeCommand)))
    return Promise.all(commands.map(() => this.readReply()))
  }

  /** Ends the connection from this side, and waits until it is gone. */
  end(): Promise<void> {
    this.stream.end()
    this.stream.resume()
    return this.closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stream.destroy()
    await this.closed
  }

  #onData(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#store.length) {
      const unread = this.#store.subarray(this.#start, this.#end)
      const store = Buffer.allocUnsafe(2 * (unread.length + chunk.length))
      unread.copy(store)
      this.#store = store
      this.#end -= this.#start
      this.#start = 0
    }
    this.#end += chunk.copy(this.#store, this.#end)
    this.#deliver()
  }

  #deliver(): void {
    const bytes = this.#store.subarray(0, this.#end)
    while (this.#waiters.length > 0 && this.#start < this.#end) {
      const end = this.#frameEnd(bytes)
      if (end < 0) break
      this.#waiters.shift()?.resolve(Buffer.from(bytes.subarray(this.#start, end)))
      this.#start = end
    }
    if (this.#failure !== undefined) this.#rejectWaiters(this.#failure)
  }

  #frameEnd(bytes: Buffer): number {
    try {
      return frameEnd(bytes, this.#start)
    } catch (error) {
      this.#fail(error as Error)
      return -1
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#rejectWaiters(this.#failure)
  }

  #rejectWaiters(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }
}

/** Connects to a port of 127.0.0.1, to the path of a UNIX socket, or takes a stream that is connected already. */
export async function connect(target: number | string | Duplex): Promise<RawClient> {
  if (typeof target === 'object') return new RawClient(target)
  const socket =
    typeof target === 'number' ? createConnection(target, '127.0.0.1') : createConnection(target)
  socket.setNoDelay(true)
  await once(socket, 'connect')
  return new RawClient(socket)
}
