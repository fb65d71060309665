import { integer, word } from '../../command/words.ts'
import { ErrorReply, type ReplyValue } from '../../resp/encode.ts'
import { content } from '../../resp/frame.ts'
import { commonLength, commonSubsequence } from './common-subsequence.ts'
import { errorOf, type GatherCall, type GatherPlan, mergePlan, TEXTS } from './gather-plan.ts'
import { distinct, partPerKey } from './key-groups.ts'

const NO_STRINGS = 'ERR The specified keys must contain string values'
const LENGTH_OR_INDEXES = 'ERR If you want both the length and indexes, please just use IDX.'
const TOO_LARGE = 'ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len'
/** `proto-max-bulk-len` by default, bytes. */
const TABLE_LIMIT = 512 * 1024 * 1024
const CELL_SIZE = 4
const TYPES = new Set(['string', 'none'])

interface LcsOptions {
  readonly length: boolean
  readonly indexes: boolean
  readonly matchLengths: boolean
  readonly shortestMatch: bigint
}

/** LCS: both strings, compared here. */
export function planLcs({ args }: GatherCall): GatherPlan {
  const options = readOptions(args)
  const { keys, places } = distinct(args.slice(1, 3))
  if (options instanceof ErrorReply) return planTypeCheck(keys, options)
  const finish = (replies: readonly Buffer[]): ReplyValue => {
    for (const frame of replies) {
      const error = errorOf(frame)
      if (error !== undefined) return ownError(error)
    }
    const [first, second] = places.map((place) => content(replies[place]!, 0))
    return lcsReply(first!, second!, options)
  }
  return { parts: partPerKey(keys, ['GET']), expectsErrors: true, finish }
}

/**
 * For a call with a wrong option: a key of another type is the error that the server finds first.
 */
function planTypeCheck(keys: readonly Buffer[], error: ErrorReply): GatherPlan {
  return mergePlan(partPerKey(keys, ['TYPE']), (replies) => {
    const right = replies.every((frame) => TYPES.has(content(frame, 0).toString('latin1')))
    return right ? error : new ErrorReply(NO_STRINGS)
  })
}

/** GET has other words for a wrong type. */
function ownError(error: ErrorReply): ErrorReply {
  return error.text.startsWith('WRONGTYPE ') ? new ErrorReply(NO_STRINGS) : error
}

function readOptions(args: readonly Buffer[]): LcsOptions | ErrorReply {
  const found = { length: false, indexes: false, matchLengths: false, shortestMatch: 0n }
  for (let i = 3; i < args.length; i++) {
    const name = word(args[i]!)
    if (name === 'idx') found.indexes = true
    else if (name === 'len') found.length = true
    else if (name === 'withmatchlen') found.matchLengths = true
    else if (name === 'minmatchlen' && i + 1 < args.length) {
      const value = integer(args[++i]!)
      if (value === undefined) return new ErrorReply(TEXTS.notInteger)
      found.shortestMatch = value
    } else return new ErrorReply(TEXTS.syntax)
  }
  return found.length && found.indexes ? new ErrorReply(LENGTH_OR_INDEXES) : found
}

function lcsReply(first: Buffer, second: Buffer, options: LcsOptions): ReplyValue {
  const tableSize = (first.length + 1) * (second.length + 1) * CELL_SIZE
  if (tableSize > TABLE_LIMIT) return new ErrorReply(TOO_LARGE)
  if (options.length) return commonLength(first, second)
  const { bytes, ranges } = commonSubsequence(first, second)
  if (!options.indexes) return bytes
  const matches: ReplyValue[] = []
  for (const { firstStart, firstEnd, secondStart, secondEnd } of ranges) {
    const size = firstEnd - firstStart + 1
    if (size < options.shortestMatch) continue
    const ends = [
      [firstStart, firstEnd],
      [secondStart, secondEnd],
    ]
    matches.push(options.matchLengths ? [...ends, size] : ends)
  }
  return new Map<ReplyValue, ReplyValue>([
    ['matches', matches],
    ['len', bytes.length],
  ])
}
