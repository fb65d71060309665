import { Double, type ProtocolVersion, RawReply, type ReplyValue } from '../../resp/encode.ts'
import type { Client } from '../client.ts'
import type { Keyspace } from '../keyspace.ts'
import type { NodeState } from '../node-state.ts'
import { formatDouble } from '../numbers.ts'

/** Returned by a handler whose command gets no reply. */
export const NO_REPLY: unique symbol = Symbol('no reply')

/** Returned by a handler whose client must wait until one of some keys can serve it. */
export class Wait {
  readonly keys: readonly string[]
  /** Milliseconds; 0 for ever. */
  readonly timeout: number
  /** Tries to serve; undefined while it still cannot. */
  readonly attempt: () => ReplyValue | undefined
  /** The reply when the time is over. */
  readonly expired: ReplyValue

  constructor(
    keys: readonly string[],
    timeout: number,
    attempt: () => ReplyValue | undefined,
    expired: ReplyValue
  ) {
    this.keys = keys
    this.timeout = timeout
    this.attempt = attempt
    this.expired = expired
  }
}

/** One command as its handler gets it. All texts have one character per byte (latin1). */
export interface Call {
  /** The whole command, its name first. */
  readonly args: readonly string[]
  readonly data: Keyspace
  readonly node: NodeState
  readonly client: Client
  readonly protocol: ProtocolVersion
  /** All commands of the version that the node claims. */
  readonly rows: ReadonlyMap<string, CommandRow>
}

/** Executes one command. Throws a Refusal to answer with an error. */
export type Handler = (call: Call) => ReplyValue | typeof NO_REPLY | Wait

/** First key, last key (negative: from the end) and step, as COMMAND tells them; all 0 for no keys. */
export type KeyPositions = readonly [first: number, last: number, step: number]

/** One command of the fake. */
export interface CommandRow {
  /** Lower case; `container|subcommand` for subcommands. */
  readonly name: string
  /** Arguments with the name; negative: at least. */
  readonly arity: number
  readonly flags: readonly string[]
  readonly keys: KeyPositions
  /** The family's ACL category, without `@`. */
  readonly group: string
  readonly tips: readonly string[]
  readonly subcommands: readonly CommandRow[]
  /** First version that has it. */
  readonly since: string
  readonly handler: Handler
}

/** What most rows need not say. */
export type RowExtras = Partial<Pick<CommandRow, 'tips' | 'subcommands' | 'since' | 'group'>>

/** Makes a row; `flags` are separated by blanks. */
export function row(
  name: string,
  arity: number,
  flags: string,
  keys: KeyPositions,
  handler: Handler,
  extras: RowExtras = {}
): CommandRow {
  const words = flags.split(' ').filter((flag) => flag !== '')
  return {
    group: '',
    tips: [],
    subcommands: [],
    since: '1.0.0',
    ...extras,
    name,
    arity,
    flags: words,
    keys,
    handler,
  }
}

/** Gives rows the ACL category of their family. */
export function family(group: string, rows: readonly CommandRow[]): readonly CommandRow[] {
  return rows.map((one) => (one.group === '' ? { ...one, group } : one))
}

/** Key positions of the commonest kinds. */
export const KEYS: {
  readonly [kind in 'none' | 'first' | 'two' | 'all' | 'pairs' | 'butLast']: KeyPositions
} = {
  none: [0, 0, 0],
  first: [1, 1, 1],
  two: [1, 2, 1],
  all: [1, -1, 1],
  pairs: [1, -1, 2],
  butLast: [1, -2, 1],
}

/** The keys of a command. */
export function keysOf(one: CommandRow, args: readonly string[]): string[] {
  const [first, last, step] = one.keys
  const keys: string[] = []
  if (first === 0) return keys
  const end = last < 0 ? args.length + last : last
  for (let i = first; i <= end && i < args.length; i += step) keys.push(args[i]!)
  return keys
}

/** A bulk string of the bytes that a text stands for; null stays null. */
export function bulk(text: string): Buffer
export function bulk(text: string | undefined): Buffer | null
export function bulk(text: string | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text, 'latin1')
}

/** An array of bulk strings. */
export function bulks(texts: Iterable<string>): Buffer[] {
  return Array.from(texts, (text) => bulk(text))
}

/** A double as a server writes it: `,` with 17 digits in RESP3, a bulk string in RESP2. */
export function double(call: Call, value: number): ReplyValue {
  if (!Number.isFinite(value)) return new Double(value)
  const text = formatDouble(value)
  return call.protocol === 3 ? new RawReply(Buffer.from(`,${text}\r\n`)) : text
}
