import type { KeyFinder } from './finders.ts'

/** {@link CommandSpec.keyShape}: the command has no keys. */
export const NO_KEYS = 0
/** {@link CommandSpec.keyShape}: exactly one key, the argument at `firstKey`. */
export const ONE_KEY = 1
/** {@link CommandSpec.keyShape}: the arguments from `firstKey` to `lastKey` in steps of `step`. */
export const KEY_RANGE = 2
/** {@link CommandSpec.keyShape}: the arguments must be looked through to find the keys. */
export const KEY_SEARCH = 3

/** How the keys of a command are found. */
export type KeyShape = typeof NO_KEYS | typeof ONE_KEY | typeof KEY_RANGE | typeof KEY_SEARCH

/** Where a key specification begins to look for keys (`begin_search` in the reply to COMMAND INFO). */
export type BeginSearch =
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'keyword'; readonly keyword: string; readonly startFrom: number }
  | { readonly type: 'unknown' }

/** Which arguments from there on are keys (`find_keys` in the reply to COMMAND INFO). */
export type FindKeys =
  | {
      readonly type: 'range'
      readonly lastKey: number
      readonly keyStep: number
      readonly limit: number
    }
  | {
      readonly type: 'keynum'
      readonly keyNumIndex: number
      readonly firstKey: number
      readonly keyStep: number
    }
  | { readonly type: 'unknown' }

/** One key specification of a command, as redis.io describes them under "Command key specifications". */
export interface KeySpec {
  /** Such as `RO`, `access`, `incomplete`, `not_key`. */
  readonly flags: readonly string[]
  /** A remark of the server's authors, which few have. */
  readonly notes: string | undefined
  readonly beginSearch: BeginSearch
  readonly findKeys: FindKeys
}

/**
 * What the proxy may do with a command as a whole.
 *
 * - `shared`: has keys and leaves nothing in the connection, so it may use a shared one.
 * - `maybe-blocking`: as `shared`, unless this very call blocks.
 * - `any-node`: no keys, and any one master can answer.
 * - `fan-out`: concerns every master.
 * - `blocking`: may keep its connection waiting.
 * - `transaction`, `pubsub`: of MULTI and WATCH, of subscriptions.
 * - `connection`: about the connection or the server that the client sees; the proxy answers.
 * - `admin`: for those who run the servers: concerns every master, and is refused without the option `adminCommands`.
 * - `one-server`: acts on the one server that it is sent to; refused.
 * - `refused`: leaves state in the connection, or nothing tells where it should go.
 */
export type Treatment =
  | 'shared'
  | 'maybe-blocking'
  | 'any-node'
  | 'fan-out'
  | 'blocking'
  | 'transaction'
  | 'pubsub'
  | 'connection'
  | 'admin'
  | 'one-server'
  | 'refused'

/** What is known of a command or subcommand. Built once; the booleans and numbers are plain fields for the data path. */
export interface CommandSpec {
  /** Lower case; of a subcommand with its container, as in `xgroup|create`. */
  readonly name: string
  /** Number of arguments, the name included; negative: at least that many. */
  readonly arity: number
  readonly flags: ReadonlySet<string>
  /** ACL categories with their `@`. */
  readonly categories: ReadonlySet<string>
  /** Index of the first key, 0 for none. Together with `lastKey` and `step` the range of servers before 7.0. */
  readonly firstKey: number
  /** Index of the last key; negative: counted from the end, -1 being the last argument. */
  readonly lastKey: number
  readonly step: number
  /** Command tips, such as `nondeterministic_output`. */
  readonly tips: readonly string[]
  /** `request_policy` of the tips, such as `all_shards`; undefined without one. */
  readonly requestPolicy: string | undefined
  /** `response_policy` of the tips, such as `agg_sum`; undefined without one. */
  readonly responsePolicy: string | undefined
  readonly keySpecs: readonly KeySpec[]
  /** By their last word, such as `create`; undefined for a command without subcommands. */
  readonly subcommands: ReadonlyMap<string, CommandSpec> | undefined

  /** Flag `readonly`: never changes data. */
  readonly readonly: boolean
  /** Flag `write`. */
  readonly write: boolean
  /** May block its connection: flag `blocking`, category `@blocking` (servers before 7.0), WAIT and WAITAOF. */
  readonly blocking: boolean
  /** Flag `noscript`. */
  readonly noscript: boolean
  /** Flag `movablekeys`: first, last and step do not tell all keys. */
  readonly movableKeys: boolean
  /** Flag `pubsub`. */
  readonly pubsub: boolean
  /** Flag `admin`. */
  readonly admin: boolean
  /** Whether it has subcommands. */
  readonly container: boolean
  readonly keyShape: KeyShape
  /** Looks for keys where key specifications cannot or do not tell; undefined for most. */
  readonly finder: KeyFinder | undefined
  readonly treatment: Treatment
}

/** Whether a request of `argc` arguments, the name included, has as many as the command takes. */
export function arityFits(spec: CommandSpec, argc: number): boolean {
  return spec.arity >= 0 ? argc === spec.arity : argc >= -spec.arity
}
