import { ProxyError } from '../errors.ts'
import {
  Double,
  ErrorReply,
  NULL_ARRAY,
  Push,
  RawReply,
  type ReplyValue,
  SimpleString,
  Verbatim,
} from '../resp/encode.ts'
import { Client, type ClientStream } from './client.ts'
import { type CommandRow, NO_REPLY, Wait } from './commands/call.ts'
import type { NodeState } from './node-state.ts'
import { processCommand } from './processor.ts'

/** A reply as plain values: RESP2's, with text for bulk strings. */
export type PlainReply = string | number | null | readonly PlainReply[]

const NOWHERE: ClientStream = {
  send() {},
  close() {},
  kill() {},
  wake: () => false,
  remoteAddress: '127.0.0.1:0',
  localAddress: '127.0.0.1:0',
}

function plain(value: ReplyValue): PlainReply {
  if (value === null || value === NULL_ARRAY) return null
  if (value instanceof ErrorReply) throw new ProxyError('NODE_REPLY', value.text)
  if (value instanceof SimpleString || value instanceof Verbatim) return value.text
  if (value instanceof RawReply) return value.bytes.toString()
  if (value instanceof Double) return String(value.value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  if (value instanceof Push) return value.items.map(plain)
  if (value instanceof Map) return [...value].flat().map(plain)
  if (value instanceof Set) return [...value].map(plain)
  if (typeof value === 'object') return (value as readonly ReplyValue[]).map(plain)
  return typeof value === 'string' ? value : Number(value)
}

/** Executes commands on a node for the test itself, as a client of its own that needs no password. */
export class Interpreter {
  readonly #node: NodeState
  readonly #rows: ReadonlyMap<string, CommandRow>
  readonly #client: Client

  constructor(node: NodeState, rows: ReadonlyMap<string, CommandRow>) {
    this.#node = node
    this.#rows = rows
    this.#client = new Client(0, true, NOWHERE)
  }

  /** The reply; an error reply is thrown. A blocking command does not block. */
  execute(command: readonly string[]): PlainReply {
    const args = command.map((word) => Buffer.from(word).toString('latin1'))
    const outcome = processCommand(this.#node, this.#client, this.#rows, args)
    if (outcome instanceof Wait) return plain(outcome.expired)
    return outcome === NO_REPLY ? null : plain(outcome)
  }
}
