import { createConnection, type Socket } from 'node:net'

/** An error reply. */
export class Refusal {
  /** Its first word. */
  readonly code: string
  readonly text: string

  constructor(text: string) {
    this.text = text
    this.code = text.split(' ', 1)[0] ?? ''
  }
}

/** A reply as the checker sees it: RESP2 and RESP3 look the same. */
export type Reply = string | number | null | Refusal | Reply[]

/** One command, and who is told what became of it. */
export interface Step {
  readonly args: readonly string[]
  onReply(reply: Reply): void
  /** The connection ended before the reply. */
  onLost(): void
}

/** How a connection begins. */
export interface Greeting {
  /** Version of RESP. Default 2. */
  readonly protocol?: 2 | 3
  readonly password?: string
}

/** Milliseconds for a connection to be made. */
const CONNECT_LIMIT = 1000

/** A connection that pipelines and hands out replies in the order in which they were asked for. Values are ASCII. */
export class Wire {
  readonly #socket: Socket
  readonly #pending: Step[] = []
  #text = ''
  #at = 0
  #closed = false

  /** `onClosed` is called once, after all that was pending was told that it is lost. */
  constructor(socket: Socket, onClosed: () => void = () => {}) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk.toString('latin1')))
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      this.#closed = true
      for (const step of this.#pending.splice(0)) step.onLost()
      onClosed()
    })
  }

  /** Commands that wait for their replies. */
  get pending(): number {
    return this.#pending.length
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Sends commands in one write. */
  send(steps: readonly Step[]): void {
    this.#pending.push(...steps)
    this.#socket.write(steps.map(({ args }) => encode(args)).join(''), 'latin1')
  }

  /** Sends one command; rejects when the connection ends, or after `limit` milliseconds, which end it. */
  ask(args: readonly string[], limit = 5000): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.close(), limit)
      this.send([
        {
          args,
          onReply(reply) {
            clearTimeout(timer)
            resolve(reply)
          },
          onLost() {
            clearTimeout(timer)
            reject(new Error('the connection ended'))
          },
        },
      ])
    })
  }

  /** Ends the connection; what is pending is lost. */
  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    this.#text = this.#at === this.#text.length ? chunk : this.#text.slice(this.#at) + chunk
    this.#at = 0
    for (;;) {
      const found = decode(this.#text, this.#at)
      if (found === undefined) return
      this.#at = found.end
      if (found.push) continue
      const step = this.#pending.shift()
      if (step === undefined) throw new Error(`a reply that nobody asked for: ${this.#text}`)
      step.onReply(found.reply)
    }
  }
}

/** Connects to a port of 127.0.0.1. Rejects when that fails, or the greeting is refused. */
export async function openWire(
  port: number,
  { protocol = 2, password }: Greeting = {},
  onClosed?: () => void
): Promise<Wire> {
  const socket = createConnection({ port, host: '127.0.0.1' })
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('timeout')), CONNECT_LIMIT)
    socket.once('connect', resolve)
    socket.once('error', reject)
    socket.once('close', () => clearTimeout(timer))
    socket.once('connect', () => clearTimeout(timer))
  })
  const wire = new Wire(socket, onClosed)
  const auth = password === undefined ? [] : ['AUTH', 'default', password]
  if (protocol === 3) await accepted(wire, ['HELLO', '3', ...auth])
  else if (password !== undefined) await accepted(wire, auth)
  return wire
}

async function accepted(wire: Wire, args: readonly string[]): Promise<void> {
  const command = args[0] === 'AUTH' ? ['AUTH', args[2] as string] : args
  const reply = await wire.ask(command, CONNECT_LIMIT)
  if (!(reply instanceof Refusal)) return
  wire.close()
  throw new Error(reply.text)
}

function encode(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`
}

interface Found {
  readonly reply: Reply
  readonly end: number
  readonly push?: boolean
}

/** The reply that begins at `at`; undefined while it is not whole. */
function decode(text: string, at: number): Found | undefined {
  const line = text.indexOf('\r\n', at)
  if (line < 0) return undefined
  const rest = text.slice(at + 1, line)
  const end = line + 2
  switch (text[at]) {
    case '+':
      return { reply: rest, end }
    case '-':
      return { reply: new Refusal(rest), end }
    case ':':
      return { reply: Number(rest), end }
    case '_':
      return { reply: null, end }
    case '$':
      return decodeBulk(text, end, Number(rest))
    case '*':
      return decodeItems(text, end, Number(rest))
    case '%':
      return decodeItems(text, end, 2 * Number(rest))
    case '>': {
      const items = decodeItems(text, end, Number(rest))
      return items && { ...items, push: true }
    }
    default:
      throw new Error(`no reply begins with ${JSON.stringify(text.slice(at, end))}`)
  }
}

function decodeBulk(text: string, at: number, length: number): Found | undefined {
  if (length < 0) return { reply: null, end: at }
  const end = at + length + 2
  return end > text.length ? undefined : { reply: text.slice(at, at + length), end }
}

function decodeItems(text: string, at: number, count: number): Found | undefined {
  const items: Reply[] = []
  let end = at
  while (items.length < count) {
    const item = decode(text, end)
    if (item === undefined) return undefined
    items.push(item.reply)
    end = item.end
  }
  return { reply: items, end }
}
