import { arityFits, type CommandSpec } from '../command/spec.ts'
import { argumentsOf, type RequestView } from '../resp/request-reader.ts'

/** A client that is shown what others ask (`MONITOR`). */
export interface MonitoringClient {
  readonly remoteAddress: string
  /** Bytes that wait to be written to it. */
  readonly outputBytes: number
  push(bytes: Buffer): void
  abort(reason: string): void
}

const REDACTED = '"(redacted)"'
const TOO_SLOW = 'the commands that wait to be shown to it exceed subscriberOutputLimit'
/** How many arguments behind one of these words are secret; -1: the next one is not, whatever it says. */
const SECRETS: Readonly<Record<string, ReadonlyMap<string, number>>> = {
  hello: new Map([
    ['auth', 2],
    ['setname', -1],
  ]),
  migrate: new Map([
    ['auth', 1],
    ['auth2', 2],
  ]),
}
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
}

/** Bytes as the server shows them: quoted, and what is not printable escaped (`sdscatrepr`). */
function shown(arg: Buffer): string {
  const text = arg
    .toString('latin1')
    .replace(
      /[^\x20-\x7e]|["\\]/g,
      (byte) => ESCAPES[byte] ?? `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
    )
  return `"${text}"`
}

/** The arguments of a command, quoted, without its secrets. */
function words({ name }: CommandSpec, view: RequestView): string {
  const args = argumentsOf(view)
  if (name === 'auth') return [shown(args[0]!), ...args.slice(1).map(() => REDACTED)].join(' ')
  const secrets = SECRETS[name]
  let hidden = 0
  return args
    .map((arg) => {
      const text = hidden > 0 ? REDACTED : shown(arg)
      const given = hidden < 0 ? 0 : (secrets?.get(arg.toString('latin1').toLowerCase()) ?? 0)
      hidden = hidden > 0 ? Math.max(hidden - 1, given) : given
      return text
    })
    .join(' ')
}

/** A line of `MONITOR`, such as `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`. */
export function monitorLine(spec: CommandSpec, view: RequestView, address: string): Buffer {
  const seconds = ((performance.timeOrigin + performance.now()) / 1000).toFixed(6)
  const from = address.startsWith('/') ? `unix:${address.replace(/:0$/, '')}` : address
  return Buffer.from(`+${seconds} [0 ${from}] ${words(spec, view)}\r\n`, 'latin1')
}

/** The clients that are shown what the clients of the proxy ask. */
export class Monitors {
  /** Whether there are any. */
  on = false
  readonly #clients: Set<MonitoringClient> = new Set()
  /** Bytes that may wait for one of them; 0: no limit. */
  readonly #limit: () => number

  constructor(limit: () => number) {
    this.#limit = limit
  }

  add(client: MonitoringClient): void {
    this.#clients.add(client)
    this.on = true
  }

  remove(client: MonitoringClient): void {
    this.#clients.delete(client)
    this.on = this.#clients.size > 0
  }

  /** A client's command is carried out. What is for those who run the servers is not shown, as by a server; nor is PROXY. */
  show(spec: CommandSpec, view: RequestView, address: string): void {
    if (spec.admin || spec.name.startsWith('proxy') || !arityFits(spec, view.argc)) return
    const line = monitorLine(spec, view, address)
    const limit = this.#limit()
    for (const client of this.#clients) {
      client.push(line)
      if (limit > 0 && client.outputBytes > limit) client.abort(TOO_SLOW)
    }
  }
}
