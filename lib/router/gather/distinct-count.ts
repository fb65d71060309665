import { ErrorReply, type ReplyValue } from '../../resp/encode.ts'
import { content, isNull } from '../../resp/frame.ts'
import { errorOf, type GatherCall, type GatherPlan } from './gather-plan.ts'
import { isHyperLogLog, Registers } from './hyperloglog.ts'
import { distinct, partPerKey } from './key-groups.ts'

const NOT_ONE = 'WRONGTYPE Key is not a valid HyperLogLog string value.'
const CORRUPTED = 'INVALIDOBJ Corrupted HLL object detected'

/** PFCOUNT: the strings themselves, merged and counted here. */
export function planDistinctCount({ args }: GatherCall): GatherPlan {
  const { keys } = distinct(args.slice(1))
  return { parts: partPerKey(keys, ['GET']), expectsErrors: true, finish: count }
}

/** The keys are looked at one by one, so the first error of any kind is the server's. */
function count(replies: readonly Buffer[]): ReplyValue {
  const registers = new Registers()
  for (const frame of replies) {
    const error = errorOf(frame)
    if (error !== undefined) return error
    if (isNull(frame, 0)) continue
    const bytes = content(frame, 0)
    if (!isHyperLogLog(bytes)) return new ErrorReply(NOT_ONE)
    if (!registers.merge(bytes)) return new ErrorReply(CORRUPTED)
  }
  return registers.count()
}
