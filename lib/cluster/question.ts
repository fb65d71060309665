import { ProxyError } from '../errors.ts'
import { decodeReply } from '../resp/decode.ts'
import { ErrorReply } from '../resp/encode.ts'
import { frameRequest } from '../resp/request-reader.ts'
import type { NodeRequest } from './connection.ts'
import type { Lane } from './lane.ts'
import { LANES } from './lanes.ts'
import type { ClusterNode } from './node.ts'

/** A question of the proxy's own to a node: a request whose reply comes as a promise. */
class Question implements NodeRequest {
  readonly bytes: Buffer
  readonly start = 0
  readonly end: number
  readonly asking = false
  sentAt = 0
  readonly #answer: (frame: Buffer) => void
  readonly #fail: (error: ProxyError) => void

  constructor(
    args: readonly (string | Uint8Array)[],
    answer: (frame: Buffer) => void,
    fail: (error: ProxyError) => void
  ) {
    this.bytes = frameRequest(args).buffer
    this.end = this.bytes.length
    this.#answer = answer
    this.#fail = fail
  }

  onReply(buffer: Buffer, start: number, end: number): void {
    this.#answer(Buffer.from(buffer.subarray(start, end)))
  }

  onLost(error: ProxyError): void {
    this.#fail(error)
  }
}

/** Asks a node on its control lane; gives the raw reply, errors too. */
export function askRaw(node: ClusterNode, ...args: (string | Uint8Array)[]): Promise<Buffer> {
  return askRawOn(node.lane(LANES.control), args)
}

function askRawOn(lane: Lane, args: readonly (string | Uint8Array)[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    lane.send(new Question(args, resolve, reject))
  })
}

/**
 * Asks a node on its control lane; the reply is decoded, strings as strings. An error reply rejects with code `NODE_REPLY` and the
 * server's text as message.
 */
export function ask(node: ClusterNode, ...args: string[]): Promise<unknown> {
  return askOn(node.lane(LANES.control), args)
}

/** The same on another lane. */
export async function askOn(lane: Lane, args: readonly (string | Uint8Array)[]): Promise<unknown> {
  const reply = decodeReply(await askRawOn(lane, args))
  if (reply instanceof ErrorReply) throw new ProxyError('NODE_REPLY', reply.text)
  return reply
}

/**
 * Waits at most `ms` milliseconds for what a node is asked, then rejects with `NODE_TIMEOUT`: a node that keeps silent must not keep the others from being
 * asked. What it answers later is dropped.
 */
export async function within<Answer>(
  ms: number,
  node: ClusterNode,
  answer: Promise<Answer>
): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new ProxyError('NODE_TIMEOUT', `${node.name} did not answer within ${ms} ms`))
    }, ms)
  })
  try {
    return await Promise.race([answer, limit])
  } finally {
    clearTimeout(timer)
    answer.catch(() => {})
  }
}
