import Denque from 'denque'
import type { Clock } from '../clock.ts'
import { ProxyError } from '../errors.ts'
import { Batch } from '../resp/batch.ts'
import { DROPPED, FRAME, MORE, ReplyReader } from '../resp/reply-reader.ts'
import type { Turn } from '../turn.ts'
import type { NodeSocket, Reading } from './dial.ts'
import { isRefusal, isTurnedAway } from './greeting.ts'

/** One request on its way to a node: the bytes to write, and who is told the reply. */
export interface NodeRequest {
  /** Holds the request's bytes from `start` to `end`. They must not change until it is answered. */
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** Whether ASKING goes before it, in the same write. */
  readonly asking: boolean
  /** Clock reading when it was handed to the connection; the connection sets it. */
  sentAt: number
  /** The reply, as raw bytes that are valid during the call only. */
  onReply(buffer: Buffer, start: number, end: number): void
  /** No reply will come. `written` says whether the node may have got, and executed, it. */
  onLost(error: ProxyError, written: boolean): void
  /** Asked at each tick while it waits for a connection; `down`: the node was tried in vain. True when it is to wait no longer. */
  isOverdue?(down: boolean): boolean
  /** So many bytes of a long reply have come; true: nothing of it is wanted any more, and at its end there will be a null in its place. */
  onProgress?(bytes: number): boolean
}

/** What a connection tells its owner. */
export interface ConnectionEvents {
  /** The greeting was accepted; requests flow. */
  onReady(): void
  /** The connection is closed for good; all its requests have been told. Not called for {@link Connection.close}. */
  onClosed(error: ProxyError): void
  /** What waited to be written is written. */
  onDrain(): void
  /** A push, raw (RESP3); valid during the call only. */
  onPush?(buffer: Buffer, start: number, end: number): void
}

/** What a connection is made of. */
export interface ConnectionSetup {
  /** `host:port` for messages. */
  readonly address: string
  readonly open: (reading: Reading) => NodeSocket
  /** Commands to begin with, such as AUTH and HELLO, as RESP; each is answered with one reply that is no error. */
  readonly greeting: () => readonly Buffer[] | Promise<readonly Buffer[]>
  readonly clock: Clock
  readonly turn: Turn
  readonly connectTimeout: number
  readonly commandTimeout: number
  /** For a connection of a client's user: what the server answered when it did not let that user in. */
  readonly onDenied?: (text: string) => void
  /** Bytes waiting in the socket from which on the connection counts as congested. */
  readonly outputPause: number
}

/**
 * ```
 * connecting --socket is open--> greeting --all replies right--> ready --close, error, silence--> closed
 *      \______________________________\________________________________________________________/
 * ```
 */
export type ConnectionState = 'connecting' | 'greeting' | 'ready' | 'closed'

/** From so many bytes on, who waits for a reply is told how much of it has come. */
const LONG_REPLY = 256 * 1024
const NULL: Buffer = Buffer.from('$-1\r\n')
const ASKING: Buffer = Buffer.from('*1\r\n$6\r\nASKING\r\n')
const MINUS = 45
const PUSH = 62

/** Takes the reply to an ASKING; if that is an error, the reply to the command itself says what matters. */
const SWALLOW: NodeRequest = {
  bytes: ASKING,
  start: 0,
  end: ASKING.length,
  asking: false,
  sentAt: 0,
  onReply() {},
  onLost() {},
}

/**
 * One socket to one node, from dialling to its end. Replies belong to requests by order alone, so anything that puts the order in doubt -- a
 * reply that nobody asked for, bytes that are no RESP, silence for too long -- closes it, and no reply is ever skipped.
 */
export class Connection {
  state: ConnectionState = 'connecting'
  /** Whether the socket was ever open: what answers at that address may be busy, but is there. */
  connected = false
  /** Whether a request was answered on it: a server that only accepts, or turns everybody away, answers none. */
  answered = false
  /** Whether so much waits to be written that senders should pause until `onDrain`. */
  congested = false
  /** How often it has written: all that was sent since the last time goes in one piece. */
  writes = 0
  readonly #setup: ConnectionSetup
  readonly #events: ConnectionEvents
  readonly #socket: NodeSocket
  readonly #clock: Clock
  readonly #reader: ReplyReader = new ReplyReader()
  readonly #batch: Batch
  /** Oldest first: requests in the socket or in the batch; the last `#unflushed` of them are in the batch. */
  readonly #inFlight: Denque<NodeRequest> = new Denque()
  #unflushed = 0
  readonly #since: number
  #heardAt: number
  #greetingReplies = 0

  constructor(setup: ConnectionSetup, events: ConnectionEvents) {
    this.#setup = setup
    this.#events = events
    this.#clock = setup.clock
    this.#since = setup.clock.now
    this.#heardAt = setup.clock.now
    const socket = setup.open({
      buffer: () => this.#reader.room(),
      callback: (length) => {
        this.#read(length)
        return true
      },
    })
    this.#socket = socket
    this.#batch = new Batch(socket.encrypted !== true)
    socket.once(socket.encrypted === true ? 'secureConnect' : 'connect', () => this.#greet())
    socket.on('drain', () => {
      this.congested = false
      this.#events.onDrain()
    })
    socket.on('error', (error) => this.#fail(this.#trouble(error)))
    socket.on('close', () =>
      this.#fail(new ProxyError('NODE_LOST', `${setup.address} closed the connection`))
    )
  }

  /** Milliseconds since it was dialled. */
  get age(): number {
    return this.#clock.now - this.#since
  }

  /** Requests that wait for their replies. */
  get inFlight(): number {
    return this.#inFlight.length
  }

  /** The requests that wait for their replies, oldest first. */
  *requests(): Iterable<NodeRequest> {
    for (let i = 0; i < this.#inFlight.length; i++) yield this.#inFlight.peekAt(i)!
  }

  /** Sends a request; only when ready. Written at the end of the turn. */
  send(request: NodeRequest): void {
    request.sentAt = this.#clock.now
    if (this.#unflushed === 0) this.#setup.turn.add(this)
    if (request.asking) {
      SWALLOW.sentAt = request.sentAt
      this.#batch.append(ASKING, 0, ASKING.length)
      this.#inFlight.push(SWALLOW)
      this.#unflushed++
    }
    this.#batch.append(request.bytes, request.start, request.end)
    this.#inFlight.push(request)
    this.#unflushed++
  }

  /** The reply that a request has just been told is not its last: it is the oldest in flight again. To be called within its `onReply`. */
  expectMore(request: NodeRequest): void {
    this.#inFlight.unshift(request)
  }

  /** Writes the batch. */
  flush(): void {
    if (this.state === 'closed') return
    this.#unflushed = 0
    this.writes++
    this.#batch.flush(this.#socket)
    const { writableLength, writableNeedDrain } = this.#socket
    // Only a socket that needs it says 'drain': its own limit may be above ours.
    if (writableLength > this.#setup.outputPause && writableNeedDrain) this.congested = true
  }

  /** Looks at the time limits; called at each tick of the clock. */
  check(): void {
    const { now } = this.#clock
    const { address, connectTimeout, commandTimeout } = this.#setup
    if (this.state === 'connecting' || this.state === 'greeting') {
      if (now - this.#since > connectTimeout) {
        this.#fail(
          new ProxyError('NODE_CONNECT', `${address} did not answer within ${connectTimeout} ms`)
        )
      }
      return
    }
    const oldest = this.#inFlight.peekFront()
    if (oldest === undefined) return
    if (now - Math.max(this.#heardAt, oldest.sentAt) > commandTimeout) {
      this.#fail(new ProxyError('NODE_TIMEOUT', `${address} was silent for ${commandTimeout} ms`))
    }
  }

  /** For how many milliseconds the node has been silent although something is in flight; 0 when nothing is. */
  get silence(): number {
    const oldest = this.#inFlight.peekFront()
    return oldest === undefined ? 0 : this.#clock.now - Math.max(this.#heardAt, oldest.sentAt)
  }

  /** Ends the connection with `error` for whatever is in flight. */
  fail(error: ProxyError): void {
    this.#fail(error)
  }

  /** Ends the connection because it is no longer wanted; what is in flight is told `CLOSED`. */
  close(): void {
    if (this.state === 'closed') return
    this.#end(
      new ProxyError('CLOSED', `the connection to ${this.#setup.address} was closed by the proxy`)
    )
  }

  async #greet(): Promise<void> {
    if (this.state !== 'connecting') return
    this.state = 'greeting'
    this.connected = true
    try {
      const steps = await this.#setup.greeting()
      if ((this.state as ConnectionState) === 'closed') return
      this.#greetingReplies = steps.length
      if (steps.length === 0) this.#ready()
      else this.#socket.write(steps.length === 1 ? steps[0]! : Buffer.concat(steps))
    } catch (error) {
      this.#fail(this.#trouble(error))
    }
  }

  #ready(): void {
    this.state = 'ready'
    this.#events.onReady()
  }

  #read(length: number): void {
    this.#heardAt = this.#clock.now
    const reader = this.#reader
    const inFlight = this.#inFlight
    reader.filled(length)
    while (this.state !== 'closed') {
      const found = reader.next()
      if (found === MORE) {
        if (reader.pendingBytes > LONG_REPLY) this.#weigh()
        return
      }
      if (found === DROPPED) {
        inFlight.shift()!.onReply(NULL, 0, NULL.length)
        continue
      }
      if (found !== FRAME) {
        this.#desynchronised(reader.error)
        return
      }
      const { buffer, start, end } = reader
      if (buffer[start] === PUSH) {
        this.#events.onPush?.(buffer, start, end)
        continue
      }
      if (this.#greetingReplies > 0) {
        this.#greeted(buffer, start, end)
        continue
      }
      if (!this.answered && this.#turnedAway(buffer, start, end)) return
      // What is still in the batch was never written: a reply cannot belong to it.
      if (inFlight.length <= this.#unflushed) {
        this.#desynchronised('a reply that nobody asked for')
        return
      }
      this.answered = true
      inFlight.shift()!.onReply(buffer, start, end)
    }
  }

  /** A long reply is coming in: it may be more than who waits for it wants to have. */
  #weigh(): void {
    const reader = this.#reader
    const oldest = this.#inFlight.peekFront()
    if (reader.buffer[reader.start] === PUSH || this.#greetingReplies > 0) return
    if (oldest?.onProgress?.(reader.pendingBytes) === true) reader.drop()
  }

  #greeted(buffer: Buffer, start: number, end: number): void {
    const text = buffer[start] === MINUS ? buffer.toString('latin1', start + 1, end - 2) : undefined
    if (text !== undefined && isRefusal(text)) {
      this.#denied(text)
      return
    }
    this.#greetingReplies--
    if (this.#greetingReplies === 0) this.#ready()
  }

  /** Whether the server says, before it reads anything, that it does not let the connection in. */
  #turnedAway(buffer: Buffer, start: number, end: number): boolean {
    if (buffer[start] !== MINUS) return false
    const text = buffer.toString('latin1', start + 1, end - 2)
    if (!isTurnedAway(text)) return false
    this.#refused(text)
    return true
  }

  /** A client's user that is not let in says nothing about the node. */
  #denied(text: string): void {
    const { onDenied } = this.#setup
    if (onDenied === undefined) {
      this.#refused(text)
      return
    }
    onDenied(text)
    this.#fail(new ProxyError('NODE_AUTH', text), 0)
  }

  /** The server did not let the connection in, and read nothing of what was written to it. */
  #refused(text: string): void {
    const { address } = this.#setup
    this.#fail(new ProxyError('NODE_CONNECT', `${address} refused the proxy: ${text}`), 0)
  }

  #desynchronised(what: string): void {
    this.#fail(new ProxyError('NODE_PROTOCOL', `${this.#setup.address} sent ${what}`))
  }

  #trouble(cause: unknown): ProxyError {
    if (cause instanceof ProxyError) return cause
    const text =
      cause instanceof Error
        ? cause.message || (cause as NodeJS.ErrnoException).code
        : String(cause)
    const code = this.state === 'ready' ? 'NODE_LOST' : 'NODE_CONNECT'
    return new ProxyError(code, `${this.#setup.address}: ${text}`, { cause })
  }

  #fail(error: ProxyError, written?: number): void {
    if (this.state === 'closed') return
    this.#end(error, written)
    this.#events.onClosed(error)
  }

  /** `written` says how many of the requests in flight the node may have read. */
  #end(error: ProxyError, written: number = this.#inFlight.length - this.#unflushed): void {
    this.state = 'closed'
    this.#socket.destroy()
    this.#batch.clear()
    const lost = this.#inFlight.toArray()
    this.#inFlight.clear()
    this.#unflushed = 0
    // The newest first: whether a read may be sent again depends on what became of the writes behind it.
    for (let i = lost.length - 1; i >= 0; i--) lost[i]!.onLost(error, i < written)
  }
}
