import { arityFits, type CommandSpec } from '../command/spec.ts'
import type { ThreadHooks } from '../program-hooks.ts'
import { argumentsOf, type RequestView } from '../resp/request-reader.ts'
import { MonitorsElsewhere } from './monitors-elsewhere.ts'

/** A client that is shown what others ask (`MONITOR`). */
export interface MonitoringClient {
  readonly remoteAddress: string
  /** Whether its connection is closed. */
  readonly gone: boolean
  /** Bytes that wait to be written to it. */
  readonly outputBytes: number
  push(bytes: Buffer): void
  abort(reason: string): void
}

const REDACTED = '"(redacted)"'
const TOO_SLOW = 'the commands that wait to be shown to it exceed subscriberOutputLimit'
const CANNOT_FOLLOW = 'its thread does not take what other threads have for it to be shown'
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

/** The clients that are shown what the clients of the proxy ask, in all its threads. */
export class Monitors {
  /** Whether there are any, here or in other threads. */
  on = false
  readonly elsewhere: MonitorsElsewhere
  readonly #clients: Set<MonitoringClient> = new Set()
  /** Clients that will be shown when the other threads know. */
  #coming = 0
  /** Bytes that may wait for one of them; 0: no limit. */
  readonly #limit: () => number

  constructor(limit: () => number, threads?: ThreadHooks) {
    this.#limit = limit
    this.elsewhere = new MonitorsElsewhere(threads, () => this.#changed())
  }

  /** Shows a client what is asked from now on, if it is there then; a promise while other threads must be told of it first. */
  add(client: MonitoringClient): Promise<void> | undefined {
    const told = this.elsewhere.begin()
    if (told === undefined) {
      this.#enter(client)
      return undefined
    }
    this.#coming++
    return told.then(() => {
      this.#coming--
      this.#enter(client)
    })
  }

  #enter(client: MonitoringClient): void {
    if (!client.gone) {
      this.#clients.add(client)
      // It may have been told to end meanwhile.
      void this.elsewhere.begin()
    }
    this.#changed()
  }

  remove(client: MonitoringClient): void {
    if (this.#clients.delete(client)) this.#changed()
  }

  #changed(): void {
    const wanted = this.#clients.size > 0
    if (!wanted && this.#coming === 0) this.elsewhere.end()
    this.on = wanted || this.elsewhere.watched
  }

  /** A client's command is carried out. What is for those who run the servers is not shown, as by a server; nor is PROXY. */
  show(spec: CommandSpec, view: RequestView, address: string): void {
    if (spec.admin || spec.name.startsWith('proxy') || !arityFits(spec, view.argc)) return
    const line = monitorLine(spec, view, address)
    this.#push(line)
    if (this.elsewhere.watched) this.elsewhere.add(line)
  }

  /** Lines of another thread, for those of the names; gives back the one that it has, for it has them shown. */
  showLines(names: string, lines: Buffer): string | undefined {
    const name = this.elsewhere.addressed(names)
    if (name !== undefined) this.#push(lines)
    return name
  }

  #push(lines: Buffer): void {
    const limit = this.#limit()
    for (const client of this.#clients) {
      client.push(lines)
      if (limit > 0 && client.outputBytes > limit) client.abort(TOO_SLOW)
    }
  }

  /** A thread watches no more. If it is this one, it could not follow: what its clients were shown from now on had a gap. */
  onEnd(name: string): void {
    if (!this.elsewhere.onEnd(name)) return
    for (const client of [...this.#clients]) client.abort(CANNOT_FOLLOW)
  }
}
