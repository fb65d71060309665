import type { Argument } from '../resp-frame.ts'
import type { Cache } from './cache.ts'
import type { Mailbox } from './mailbox.ts'
import type { User } from './users.ts'

/** What a client is to hear, as it changes with what it is answered. */
export interface Hearing {
  readonly mailbox: Mailbox
  readonly cache: Cache
  /** Whether commands of all clients are shown to it. */
  monitoring: boolean
}

/** One command of a sequence. */
export interface Step {
  readonly command: readonly Argument[]
  /** The frames that must answer it; none for what `CLIENT REPLY` silences. */
  readonly replies: readonly (string | RegExp)[]
  /** What may come unasked from here on, or must; called when the step is answered. */
  readonly effect?: ((hearing: Hearing) => void) | undefined
}

/** A command that another client of the proxy carries out. */
export interface Deed {
  readonly by: User
  readonly command: readonly Argument[]
  readonly reply: string | RegExp
  /** Whether it is repeated until it is answered so. */
  readonly repeated?: boolean
  /** What that means for the client whose sequence it is. */
  readonly effect?: ((hearing: Hearing) => void) | undefined
}

/** Commands that are sent in one write. The next phase begins when all are answered, and what they brought about has come. */
export interface Phase {
  readonly steps: readonly Step[]
  /** What others do when the steps are sent, before their replies are awaited. */
  readonly deeds?: readonly Deed[]
  /** Whether the next phase may not be sent in the same write. */
  readonly last?: boolean
}

/** A step with one reply. */
export function step(
  command: readonly Argument[],
  reply: string | RegExp,
  effect?: (hearing: Hearing) => void
): Step {
  return { command, replies: [reply], effect }
}

/** A step without a reply. */
export function silent(command: readonly Argument[], effect?: (hearing: Hearing) => void): Step {
  return { command, replies: [], effect }
}
