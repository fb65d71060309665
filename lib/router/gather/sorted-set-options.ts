import { integer, word } from '../../command/words.ts'
import { ErrorReply } from '../../resp/encode.ts'
import { double } from './double.ts'
import { type GatherCall, TEXTS } from './gather-plan.ts'
import type { Aggregate } from './scores.ts'

/** The keys of ZUNION, ZINTER, ZDIFF or ZINTERCARD, and what stands behind them. */
export interface SortedSetCall {
  readonly keys: readonly Buffer[]
  /** An error in the options is told only after the types of the keys were found right. */
  readonly options: SortedSetOptions | ErrorReply
}

/** The options of all four; what one of them does not know has its default. */
export interface SortedSetOptions {
  /** One for each key; default 1. */
  readonly weights: readonly number[]
  readonly aggregate: Aggregate
  readonly withScores: boolean
  /** Infinity without a limit, which may also be written 0. */
  readonly limit: number
}

type Options = { -readonly [Name in keyof SortedSetOptions]: SortedSetOptions[Name] }

/** Reads one option at `at` into `options`; gives the index behind it, or an error. */
type OptionReader = (args: readonly Buffer[], at: number, options: Options) => number | ErrorReply

const SYNTAX = new ErrorReply(TEXTS.syntax)

const READERS: Readonly<Record<string, OptionReader>> = {
  weights: readWeights,
  aggregate: readAggregate,
  withscores: (_, at, options) => {
    options.withScores = true
    return at + 1
  },
  limit: readLimit,
}

const JOINING = ['weights', 'aggregate', 'withscores']
const OPTIONS_OF: Readonly<Record<string, readonly string[]>> = {
  zunion: JOINING,
  zinter: JOINING,
  zdiff: ['withscores'],
  zintercard: ['limit'],
}

/** Reads a call in the order of `zunionInterDiffGenericCommand` in the server's `t_zset.c`. */
export function readSortedSetCall({ spec, args }: GatherCall): SortedSetCall | ErrorReply {
  const count = integer(args[1]!)
  if (count === undefined) return new ErrorReply(TEXTS.notInteger)
  if (count < 1n) {
    return new ErrorReply(`ERR at least 1 input key is needed for '${spec.name}' command`)
  }
  if (count > BigInt(args.length - 2)) return SYNTAX
  const end = 2 + Number(count)
  const keys = args.slice(2, end)
  return { keys, options: readOptions(args, end, keys.length, OPTIONS_OF[spec.name]!) }
}

function readOptions(
  args: readonly Buffer[],
  from: number,
  keys: number,
  known: readonly string[]
): SortedSetOptions | ErrorReply {
  const options: Options = {
    weights: Array<number>(keys).fill(1),
    aggregate: 'sum',
    withScores: false,
    limit: Infinity,
  }
  let at = from
  while (at < args.length) {
    const name = word(args[at]!)
    const next = known.includes(name) ? READERS[name]!(args, at, options) : SYNTAX
    if (next instanceof ErrorReply) return next
    at = next
  }
  return options
}

function readWeights(args: readonly Buffer[], at: number, options: Options): number | ErrorReply {
  const end = at + 1 + options.weights.length
  if (end > args.length) return SYNTAX
  const weights: number[] = []
  for (const argument of args.slice(at + 1, end)) {
    const weight = double(argument)
    if (weight === undefined) return new ErrorReply('ERR weight value is not a float')
    weights.push(weight)
  }
  options.weights = weights
  return end
}

function readAggregate(args: readonly Buffer[], at: number, options: Options): number | ErrorReply {
  const name = at + 1 < args.length ? word(args[at + 1]!) : ''
  if (name !== 'sum' && name !== 'min' && name !== 'max') return SYNTAX
  options.aggregate = name
  return at + 2
}

function readLimit(args: readonly Buffer[], at: number, options: Options): number | ErrorReply {
  if (at + 1 === args.length) return SYNTAX
  const limit = integer(args[at + 1]!)
  if (limit === undefined || limit < 0n) return new ErrorReply(TEXTS.negativeLimit)
  options.limit = limit === 0n ? Infinity : Number(limit)
  return at + 2
}
