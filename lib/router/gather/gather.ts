/**
 * Reads over keys of several slots, computed from reads of single slots: what `crossSlot: 'gather'`
 * adds. The replies are those of a single server that has all of the keys, except that every part
 * sees its keys at a moment of its own.
 *
 * @module
 */

import { arityFits, type CommandSpec } from '../../command/spec.ts'
import { replyText } from '../../errors.ts'
import { ErrorReply } from '../../resp/encode.ts'
import { planDistinctCount } from './distinct-count.ts'
import type { GatherPlan, GatherPlanner } from './gather-plan.ts'
import { planLcs } from './lcs.ts'
import {
  planSetDifference,
  planSetIntersection,
  planSetIntersectionSize,
  planSetUnion,
} from './sets.ts'
import { planSortedSets } from './sorted-sets.ts'
import { planStreams } from './streams.ts'

export type { AwaitedStream, GatherPlan, StreamWait } from './gather-plan.ts'

const PLANNERS: ReadonlyMap<string, GatherPlanner> = new Map<string, GatherPlanner>([
  ['sunion', planSetUnion],
  ['sinter', planSetIntersection],
  ['sdiff', planSetDifference],
  ['sintercard', planSetIntersectionSize],
  ['zunion', planSortedSets],
  ['zinter', planSortedSets],
  ['zdiff', planSortedSets],
  ['zintercard', planSortedSets],
  ['pfcount', planDistinctCount],
  ['lcs', planLcs],
  ['xread', planStreams],
])

/** Whether calls of a command can be gathered. */
export function isGathered(spec: CommandSpec): boolean {
  return PLANNERS.has(spec.name)
}

/**
 * How to gather the reply to a request whose keys are in several slots. `args` are all of its
 * arguments, the name first; `version` is that of the nodes, since some words and the way to write
 * a double have changed between versions, by default 7.0.
 *
 * Gives the server's own error for a request that is wrong whatever the keys hold, and undefined
 * for a command that is never gathered. XREADGROUP is none: a read for a group whose reply is not
 * wanted any more would leave its entries pending.
 */
export function gatherPlan(
  spec: CommandSpec,
  args: readonly Buffer[],
  version = '7.0.15'
): GatherPlan | ErrorReply | undefined {
  const planner = PLANNERS.get(spec.name)
  if (planner === undefined) return undefined
  if (!arityFits(spec, args.length)) return new ErrorReply(replyText.wrongArity(spec.name))
  return planner({ spec, args, version })
}
