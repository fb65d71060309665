/** A command as it was received: its words as text (UTF-8), the name first as the client wrote it. */
export type Words = readonly string[]

/**
 * Which commands are meant: a name (`'GET'`, `'CLUSTER SLOTS'`, in any case), `'*'` for all, or a function that is given
 * the command's words.
 */
export type CommandMatcher = string | ((command: Words) => boolean)

/** How often a fault happens, and to which commands. */
export interface FaultOptions {
  /** Only commands that match; default all. */
  readonly when?: CommandMatcher
  /** How many times; default 1. `Infinity` until it is removed. */
  readonly times?: number
}

/** Drops a connection instead of executing a command: see `FakeNode.dropConnections`. */
export interface DropBefore extends FaultOptions {
  /** The command is never executed. */
  readonly before: 'execution'
  /** Not both. */
  readonly after?: never
}

/** Drops a connection instead of sending a reply: see `FakeNode.dropConnections`. */
export interface DropAfter extends FaultOptions {
  /** The command is executed. */
  readonly after: 'execution'
  /** Not both. */
  readonly before?: never
}

/** Whether `FakeNode.dropConnections` drops before a command is executed, or after. */
export type DropOptions = DropBefore | DropAfter

/** Options of `FakeNode.answer`. */
export interface AnswerOptions {
  /** How many times; default 1. `Infinity` until it is removed. */
  readonly times?: number
  /** Whether the connection ends behind the bytes; default false. */
  readonly close?: boolean
}

/** Bytes to answer with: as they are, or made from the command's words (undefined: execute it as usual). */
export type Answer =
  | string
  | Uint8Array
  | ((command: readonly string[]) => string | Uint8Array | undefined)

/** A fault that was ordered. */
export interface Fault {
  /** How many times it will still happen. */
  readonly remaining: number
  /** Takes it back. */
  remove(): void
}

/** What a command meets instead of its usual fate. */
export type FaultAction =
  | { readonly kind: 'drop'; readonly moment: 'before' | 'after' }
  | {
      readonly kind: 'answer'
      readonly bytes: (command: Words) => Uint8Array | undefined
      readonly close: boolean
    }

/** Makes a test of a {@link CommandMatcher}. */
export function matcher(pattern: CommandMatcher | undefined): (command: Words) => boolean {
  if (typeof pattern === 'function') return pattern
  if (pattern === undefined || pattern === '*') return () => true
  const wanted = pattern.toLowerCase().split(' ')
  return (command) => wanted.every((word, i) => command[i]?.toLowerCase() === word)
}

interface Rule {
  readonly matches: (command: Words) => boolean
  readonly action: FaultAction
  remaining: number
}

/** The faults of one node, in the order in which they were ordered. */
export class FaultList {
  #rules: Rule[] = []

  add(action: FaultAction, options: FaultOptions): Fault {
    const rule: Rule = { matches: matcher(options.when), action, remaining: options.times ?? 1 }
    this.#rules.push(rule)
    return {
      get remaining() {
        return rule.remaining
      },
      remove: () => {
        rule.remaining = 0
        this.#rules = this.#rules.filter((one) => one !== rule)
      },
    }
  }

  /** What happens to a command, if anything; counts it. */
  take(command: Words): FaultAction | undefined {
    const rule = this.#rules.find((one) => one.remaining > 0 && one.matches(command))
    if (rule === undefined) return undefined
    rule.remaining--
    if (rule.remaining === 0) this.#rules = this.#rules.filter((one) => one !== rule)
    return rule.action
  }
}
