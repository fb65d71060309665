/** The kinds of subscriptions, by the word with which their messages begin. */
export type MessageKind = 'message' | 'pmessage' | 'smessage'

const KINDS: Readonly<Record<string, MessageKind>> = {
  subscribe: 'message',
  unsubscribe: 'message',
  psubscribe: 'pmessage',
  punsubscribe: 'pmessage',
  ssubscribe: 'smessage',
  sunsubscribe: 'smessage',
}

/** Whether a channel is one that a pattern of `*` and `?` means. */
export function matches(pattern: string, channel: string): boolean {
  const source = pattern.replace(/[*?]/g, (sign) => (sign === '*' ? '.*' : '.'))
  return new RegExp(`^${source}$`).test(channel)
}

/**
 * What a client is subscribed to, by the confirmations that it got, and whether its messages are right: for one of its subscriptions, between the
 * confirmations, and those of one publisher to one channel complete, in order and once. A text is a publisher's name and a growing number.
 */
export class Mailbox {
  heard = 0
  /** Whether slots move: then some messages of their shard channels are lost. */
  readonly #moving: boolean
  /** By kind and topic, the last number by publisher and channel. */
  readonly #topics: Map<string, Map<string, number>> = new Map()
  readonly #awaited: Map<string, { readonly from: string; readonly at: number }> = new Map()

  constructor(moving: boolean) {
    this.#moving = moving
  }

  /** A channel was confirmed. */
  confirmed(word: string, name: string): void {
    const topic = `${KINDS[word]} ${name}`
    if (word.includes('unsub')) this.#topics.delete(topic)
    else if (!this.#topics.has(topic)) this.#topics.set(topic, new Map())
  }

  /** RESET was answered. */
  clear(): void {
    this.#topics.clear()
  }

  /** A message that was published must come. */
  expect(kind: MessageKind, topic: string, channel: string, text: string): void {
    const { from, at } = parse(channel, text)
    const key = `${kind} ${topic}`
    if ((this.#topics.get(key)?.get(from) ?? 0) < at) this.#awaited.set(key, { from, at })
  }

  /** Whether a message has still to come. */
  get waits(): boolean {
    return this.#awaited.size > 0
  }

  /** What is owed, for messages. */
  get owed(): string {
    return [...this.#awaited].map(([key, { from, at }]) => `${key}: ${from} ${at}, `).join('')
  }

  /** A message has come. Throws when it is not its client's, or out of order. */
  hear(kind: MessageKind, topic: string, channel: string, text: string): void {
    this.heard++
    const key = `${kind} ${topic}`
    const last = this.#topics.get(key)
    const shown = `${key}: '${text}' on ${channel}`
    if (last === undefined) throw new Error(`${shown}: it is not subscribed`)
    if (kind === 'pmessage' ? !matches(topic, channel) : topic !== channel)
      throw new Error(`${shown}: another channel`)
    const { from, at } = parse(channel, text)
    const before = last.get(from)
    const missed = before === undefined ? 0 : at - before - 1
    if (missed < 0 || (missed > 0 && !(this.#moving && kind === 'smessage')))
      throw new Error(`${shown}: behind ${before}`)
    last.set(from, at)
    const awaited = this.#awaited.get(key)
    if (awaited?.from === from && awaited.at <= at) this.#awaited.delete(key)
  }
}

function parse(channel: string, text: string): { readonly from: string; readonly at: number } {
  const cut = text.lastIndexOf(' ')
  return { from: `${channel} of ${text.slice(0, cut)}`, at: Number(text.slice(cut + 1)) }
}
