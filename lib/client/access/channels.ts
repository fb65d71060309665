/** Where the channels of a command stand. */
export interface ChannelArguments {
  /** Index of the last one; the first is the first argument. */
  readonly last: number
  /** Whether they are patterns, which a user must have just so. */
  readonly pattern: boolean
}

const ONE: ChannelArguments = { last: 1, pattern: false }
const ALL: ChannelArguments = { last: Number.POSITIVE_INFINITY, pattern: false }

/** The commands that send to channels, or listen to them. Who stops listening is asked nothing. */
const COMMANDS: ReadonlyMap<string, ChannelArguments> = new Map([
  ['publish', ONE],
  ['spublish', ONE],
  ['subscribe', ALL],
  ['ssubscribe', ALL],
  ['psubscribe', { ...ALL, pattern: true }],
])

/** The channels that a command uses; undefined for most. */
export function channelsOf(command: string): ChannelArguments | undefined {
  return COMMANDS.get(command)
}
