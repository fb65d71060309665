/** What is subscribed to: a channel, all channels that match a pattern, or a channel that belongs to a slot. */
export type SubscriptionKind = 'channel' | 'pattern' | 'shard'

/** The commands of a kind; the confirmations have the same words. */
export interface KindWords {
  readonly subscribe: string
  readonly unsubscribe: string
}

/** The words of each kind, lower case. */
export const WORDS: Readonly<Record<SubscriptionKind, KindWords>> = {
  channel: { subscribe: 'subscribe', unsubscribe: 'unsubscribe' },
  pattern: { subscribe: 'psubscribe', unsubscribe: 'punsubscribe' },
  shard: { subscribe: 'ssubscribe', unsubscribe: 'sunsubscribe' },
}

/** One of the six commands that subscribe or unsubscribe. */
export interface SubscriptionCommand {
  readonly kind: SubscriptionKind
  readonly subscribes: boolean
}

const COMMANDS: ReadonlyMap<string, SubscriptionCommand> = new Map(
  (Object.keys(WORDS) as SubscriptionKind[]).flatMap((kind): [string, SubscriptionCommand][] => [
    [WORDS[kind].subscribe, { kind, subscribes: true }],
    [WORDS[kind].unsubscribe, { kind, subscribes: false }],
  ])
)

/** The command with a name in lower case, or the confirmation that begins so; undefined for any other word. */
export function subscriptionCommand(name: string): SubscriptionCommand | undefined {
  return COMMANDS.get(name)
}

/** A text that is the same for the same name of the same kind, and for no other; names may be any bytes. */
export function topicKey(kind: SubscriptionKind, name: Buffer): string {
  return `${kind} ${name.toString('latin1')}`
}
