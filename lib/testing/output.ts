import type { Socket } from 'node:net'

interface Late {
  readonly due: number
  readonly bytes: Buffer
}

/** What a node writes to one client: batched for as long as commands are executed, and late when the node is slow. */
export class Output {
  readonly #socket: Socket
  readonly #latency: () => number
  #batch: Buffer[] = []
  #late: Late[] = []
  #timer: NodeJS.Timeout | undefined
  #closing = false

  constructor(socket: Socket, latency: () => number) {
    this.#socket = socket
    this.#latency = latency
  }

  /** Adds bytes to the batch. */
  write(bytes: Buffer): void {
    this.#batch.push(bytes)
  }

  /** Sends the batch, or puts it behind what is late already. */
  flush(): void {
    if (this.#batch.length > 0) {
      const bytes = Buffer.concat(this.#batch)
      this.#batch = []
      const latency = this.#latency()
      if (latency > 0 || this.#late.length > 0)
        this.#late.push({ due: Date.now() + latency, bytes })
      else this.#socket.write(bytes)
    }
    if (this.#late.length > 0) this.#schedule()
    else if (this.#closing) this.#socket.destroySoon()
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#sendDue(), Math.max(0, this.#late[0]!.due - Date.now()))
  }

  #sendDue(): void {
    this.#timer = undefined
    while (this.#late.length > 0 && this.#late[0]!.due <= Date.now())
      this.#socket.write(this.#late.shift()!.bytes)
    this.flush()
  }

  /** Ends the stream once all is written. */
  end(): void {
    this.#closing = true
    this.flush()
  }

  /** Forgets what was not sent in time. */
  discard(): void {
    clearTimeout(this.#timer)
    this.#late = []
    this.#batch = []
  }
}
