import type { NodeRequest } from '../cluster/connection.ts'
import type { ProxyError } from '../errors.ts'
import { frameRequest } from '../resp/request-reader.ts'
import { WORDS } from './kind.ts'
import type { NodePush } from './push.ts'
import type { Topic } from './topic.ts'

const PING: Buffer = frameRequest(['PING']).buffer
const MINUS = 45

/** Who sends a {@link FeedCommand}. */
export interface FeedCommandOwner {
  /** It was answered with an error, and a further reply comes. */
  onRefused(command: FeedCommand, buffer: Buffer, start: number, end: number): void
  /** It is over. */
  onDone(command: FeedCommand): void
}

/**
 * One command on a feed. In RESP3 a subscription is answered by pushes alone, and by an error when it is refused; a PING behind each command tells
 * where its answers end.
 */
export class FeedCommand implements NodeRequest {
  readonly bytes: Buffer
  readonly start = 0
  readonly end: number
  readonly asking = false
  sentAt = 0
  readonly topic: Topic | undefined
  readonly subscribes: boolean
  /** Whether the node has told that it is carried out. */
  confirmed = false
  /** Whether it was answered with an error. */
  refused = false
  readonly #owner: FeedCommandOwner

  private constructor(
    bytes: Buffer,
    topic: Topic | undefined,
    subscribes: boolean,
    owner: FeedCommandOwner
  ) {
    this.bytes = bytes
    this.end = bytes.length
    this.topic = topic
    this.subscribes = subscribes
    this.#owner = owner
  }

  /** Subscribes to a topic. */
  static subscribe(topic: Topic, owner: FeedCommandOwner): FeedCommand {
    return new FeedCommand(bytesOf(WORDS[topic.kind].subscribe, topic), topic, true, owner)
  }

  /** Ends a subscription. */
  static unsubscribe(topic: Topic, owner: FeedCommandOwner): FeedCommand {
    return new FeedCommand(bytesOf(WORDS[topic.kind].unsubscribe, topic), topic, false, owner)
  }

  /** Asks whether the node is there. */
  static ping(owner: FeedCommandOwner): FeedCommand {
    return new FeedCommand(PING, undefined, false, owner)
  }

  /** Whether a push is the confirmation of this command. */
  isFor({ event, kind, name }: NodePush): boolean {
    const { topic } = this
    if (topic === undefined || topic.kind !== kind || !topic.name.equals(name)) return false
    return event === (this.subscribes ? 'subscribed' : 'unsubscribed')
  }

  onReply(buffer: Buffer, start: number, end: number): void {
    // With the PING alone, or once it is carried out, an error can only be that of a PING which is not allowed.
    const final = this.refused || this.confirmed || this.topic === undefined
    if (buffer[start] !== MINUS || final) {
      this.#owner.onDone(this)
      return
    }
    this.refused = true
    this.#owner.onRefused(this, buffer, start, end)
  }

  onLost(_error: ProxyError): void {}
}

function bytesOf(word: string, topic: Topic): Buffer {
  return Buffer.concat([frameRequest([word, topic.name]).buffer, PING])
}
