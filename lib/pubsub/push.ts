import { content, FrameItems } from '../resp/frame.ts'
import { type SubscriptionKind, subscriptionCommand } from './kind.ts'

/** A push of a node, understood; names are views that are valid as long as its bytes. */
export interface NodePush {
  readonly event: 'message' | 'subscribed' | 'unsubscribed'
  readonly kind: SubscriptionKind
  /** The channel, or the pattern, that was subscribed to; empty in the confirmation that there is none. */
  readonly name: Buffer
  /** The channel that a message was published to. */
  readonly channel: Buffer
}

const MESSAGES: Readonly<Record<string, SubscriptionKind>> = {
  message: 'channel',
  pmessage: 'pattern',
  smessage: 'shard',
}
const STAR = 42

/** Reads a push that begins at `start`; undefined for one that is none of publish and subscribe. */
export function readPush(buffer: Buffer, start: number): NodePush | undefined {
  const items = new FrameItems(buffer, start)
  if (!items.next()) return undefined
  const word = content(buffer, items.start).toString('latin1')
  if (!items.next()) return undefined
  const name = content(buffer, items.start)
  const kind = Object.hasOwn(MESSAGES, word) ? MESSAGES[word] : undefined
  if (kind === undefined) {
    const command = subscriptionCommand(word)
    if (command === undefined) return undefined
    const event = command.subscribes ? 'subscribed' : 'unsubscribed'
    return { event, kind: command.kind, name, channel: name }
  }
  if (kind !== 'pattern') return { event: 'message', kind, name, channel: name }
  if (!items.next()) return undefined
  return { event: 'message', kind, name, channel: content(buffer, items.start) }
}

/**
 * A message for clients of both protocol versions, made once for all of each. A RESP2 array and a RESP3 push differ in their first byte alone. The bytes
 * that it is made of are valid for the moment only, and so is this.
 */
export class Message {
  readonly #bytes: Buffer
  #push: Buffer | undefined
  #array: Buffer | undefined

  constructor(buffer: Buffer, start: number, end: number) {
    this.#bytes = buffer.subarray(start, end)
  }

  /** As a push of RESP3. */
  get push(): Buffer {
    this.#push ??= Buffer.from(this.#bytes)
    return this.#push
  }

  /** As an array of RESP2. */
  get array(): Buffer {
    if (this.#array === undefined) {
      this.#array = Buffer.from(this.#bytes)
      this.#array[0] = STAR
    }
    return this.#array
  }
}
