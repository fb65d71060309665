import { Duplex } from 'node:stream'
import { Clock } from '../../lib/clock.ts'
import type { ConnectionSetup, NodeRequest } from '../../lib/cluster/connection.ts'
import type { NodeSocket } from '../../lib/cluster/dial.ts'
import type { ProxyError } from '../../lib/errors.ts'
import { Turn } from '../../lib/turn.ts'

/** A socket to a node that is not there: a test opens it, reads what was written, and answers. */
export class ScriptedSocket extends Duplex {
  /** Each write as text. */
  readonly writes: string[] = []
  /** Whether writes are left undone, as when the kernel takes no more. */
  stuck = false
  #undone: (() => void) | undefined

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk.toString('latin1'))
    if (this.stuck) this.#undone = done
    else done()
  }

  /** What was written since the last call. */
  written(): string {
    return this.writes.splice(0).join('')
  }

  /** The connection is made. */
  open(): void {
    this.emit('connect')
  }

  /** The kernel takes bytes again. */
  unstick(): void {
    this.stuck = false
    this.#undone?.()
  }
}

/** Setups of connections to scripted sockets, with a clock that stands still. */
export class ScriptedNetwork {
  readonly sockets: ScriptedSocket[] = []
  readonly clock: Clock = new Clock()
  readonly turn: Turn = new Turn()
  /** What connections begin with. */
  greeting: ConnectionSetup['greeting'] = () => []
  commandTimeout = 200
  outputPause = 1000
  highWaterMark = 500

  /** The socket that was opened last. */
  get last(): ScriptedSocket {
    return this.sockets.at(-1)!
  }

  readonly setup = (): ConnectionSetup => ({
    address: 'node:1',
    open: ({ buffer, callback }) => {
      const socket = new ScriptedSocket({ writableHighWaterMark: this.highWaterMark })
      socket.on('data', (chunk: Buffer) => {
        for (let rest = chunk; rest.length > 0; ) {
          const room = buffer()
          const length = rest.copy(room)
          callback(length, room)
          rest = rest.subarray(length)
        }
      })
      this.sockets.push(socket)
      return socket as unknown as NodeSocket
    },
    greeting: () => this.greeting(),
    clock: this.clock,
    turn: this.turn,
    connectTimeout: 100,
    commandTimeout: this.commandTimeout,
    outputPause: this.outputPause,
  })
}

/** A request that remembers what became of it. */
export class Probe implements NodeRequest {
  readonly bytes: Buffer
  readonly start = 0
  readonly end: number
  readonly asking: boolean
  sentAt = 0
  reply: string | undefined
  lost: { readonly error: ProxyError; readonly written: boolean } | undefined
  readonly #told: Probe[] | undefined

  /** `told` gets the probe itself when its fate is known. */
  constructor(text: string, options: { asking?: boolean; told?: Probe[] } = {}) {
    this.bytes = Buffer.from(text)
    this.end = this.bytes.length
    this.asking = options.asking ?? false
    this.#told = options.told
  }

  onReply(buffer: Buffer, start: number, end: number): void {
    this.reply = buffer.toString('latin1', start, end)
    this.#told?.push(this)
  }

  onLost(error: ProxyError, written: boolean): void {
    this.lost = { error, written }
    this.#told?.push(this)
  }
}

/** The end of this turn of the event loop, when batches are written and answers taken in. */
export async function endOfTurn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}
