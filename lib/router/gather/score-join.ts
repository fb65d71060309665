import type { ProtocolVersion } from '../../resp/encode.ts'
import { cardinality, eachScored } from './members.ts'
import { type Aggregate, aggregateScores, numberOrZero, parseScore } from './scores.ts'

/** One input of ZUNION or ZINTER: the reply with the members and scores of its key. */
export interface ScoreSource {
  readonly frame: Buffer
  readonly weight: number
}

/** A member of a result. */
export interface ScoredMember {
  readonly member: string
  score: number
  /** The score as a node wrote it; undefined for one that was computed. */
  text: string | undefined
}

/** How sources are read and joined. */
export interface JoinOptions {
  readonly protocol: ProtocolVersion
  readonly aggregate: Aggregate
}

/** The members of all sources, in the order of their scores. */
export function unionScores(sources: readonly ScoreSource[], options: JoinOptions): ScoredMember[] {
  const joined = new Map<string, ScoredMember>()
  for (const source of bySize(sources, options.protocol)) {
    eachWeighted(source, options.protocol, (next) => {
      next.score = numberOrZero(next.score)
      const known = joined.get(next.member)
      if (known === undefined) joined.set(next.member, next)
      else join(known, next, options.aggregate)
    })
  }
  return sorted(joined)
}

/** The members that every source has, in the order of their scores. */
export function intersectScores(
  sources: readonly ScoreSource[],
  options: JoinOptions
): ScoredMember[] {
  const [first, ...others] = bySize(sources, options.protocol)
  let joined = new Map<string, ScoredMember>()
  eachWeighted(first!, options.protocol, (found) => {
    // Only here: what is no number in the other sources counts only as the server's aggregation
    // takes it.
    found.score = numberOrZero(found.score)
    joined.set(found.member, found)
  })
  for (const source of others) {
    const kept = new Map<string, ScoredMember>()
    eachWeighted(source, options.protocol, (next) => {
      const known = joined.get(next.member)
      if (known === undefined) return
      join(known, next, options.aggregate)
      kept.set(known.member, known)
    })
    joined = kept
  }
  return sorted(joined)
}

/**
 * The smallest first, as the server does before it adds up: sums of doubles depend on the order.
 */
function bySize(sources: readonly ScoreSource[], protocol: ProtocolVersion): ScoreSource[] {
  const sized = sources.map((source) => ({
    source,
    size: cardinality(source.frame, protocol, true),
  }))
  return sized.sort((a, b) => a.size - b.size).map(({ source }) => source)
}

function eachWeighted(
  { frame, weight }: ScoreSource,
  protocol: ProtocolVersion,
  take: (found: ScoredMember) => void
): void {
  eachScored(frame, protocol, (member, text) => {
    const score = parseScore(text)
    if (weight === 1) take({ member, score, text })
    else take({ member, score: score * weight, text: undefined })
  })
}

function join(known: ScoredMember, next: ScoredMember, aggregate: Aggregate): void {
  const score = aggregateScores(known.score, next.score, aggregate)
  if (aggregate === 'sum') known.text = undefined
  else if (!Object.is(score, known.score)) known.text = next.text
  known.score = score
}

function sorted(members: ReadonlyMap<string, ScoredMember>): ScoredMember[] {
  return [...members.values()].sort(inOrder)
}

function inOrder(a: ScoredMember, b: ScoredMember): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1
  return a.member < b.member ? -1 : 1
}
