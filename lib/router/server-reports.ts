/**
 * What several servers report about themselves, as one report: the replies that `response_policy:special` leaves open.
 *
 * @module
 */

import { Double, ErrorReply, RawReply, type ReplyValue, Verbatim } from '../resp/encode.ts'
import { content, valueStart } from '../resp/frame.ts'
import { fieldsOf, listOf, numericOf, pairsOf, replyValue, textOf, wholeOf } from './reply-value.ts'

/** The replies of several nodes to one request, none of them an error unless it is said so. */
export interface Reports {
  readonly frames: readonly Buffer[]
  /** Name of the node that gave each. */
  readonly names: readonly string[]
  /** The request's arguments, the name first. */
  readonly args: readonly Buffer[]
}

/** Makes one reply of several. */
export type ReportMerge = (reports: Reports) => ReplyValue

/**
 * Texts for people (MEMORY DOCTOR, MALLOC-STATS, LATENCY DOCTOR): each under the name of its node; one text, as it is, where all say
 * the same.
 */
export function joinedTexts({ frames, names }: Reports): ReplyValue {
  const texts = frames.map((frame) => content(frame, valueStart(frame)).toString())
  if (texts.every((text) => text === texts[0])) return new RawReply(frames[0]!)
  return new Verbatim(texts.map((text, i) => `# ${names[i]}\n${text.trimEnd()}\n`).join('\n'))
}

/** LATENCY GRAPH: of the nodes that have samples; their error when none has. */
export function joinedGraphs({ frames, names, args }: Reports): ReplyValue {
  const values = frames.map((frame) => replyValue(frame))
  const has = (_: unknown, i: number): boolean => !(values[i] instanceof ErrorReply)
  if (!values.some(has)) return values[0]!
  return joinedTexts({ frames: frames.filter(has), names: names.filter(has), args })
}

/** FUNCTION STATS: that of the node where a function runs, else any; libraries are the same everywhere. */
export function runningFunction({ frames }: Reports): ReplyValue {
  const values = frames.map((frame) => replyValue(frame))
  return values.find((value) => pairsOf(value)[0]?.[1] !== null) ?? values[0]!
}

/** LATENCY LATEST: for each event when it was last seen and how long that took, and the longest ever. */
export function latestLatencies({ frames }: Reports): ReplyValue {
  const events = new Map<string, ReplyValue[]>()
  for (const frame of frames) {
    for (const item of listOf(replyValue(frame))) {
      const event = [...listOf(item)]
      const name = textOf(event[0])
      const known = events.get(name)
      if (known === undefined) events.set(name, event)
      else events.set(name, newerEvent(known, event))
    }
  }
  return [...events.values()]
}

/** Name, time, latest, all-time maximum, and what later versions add. */
function newerEvent(one: ReplyValue[], other: ReplyValue[]): ReplyValue[] {
  const newer = (numericOf(other[1]) ?? 0) > (numericOf(one[1]) ?? 0) ? [...other] : [...one]
  const [longest, longestOther] = [wholeOf(one[3]), wholeOf(other[3])]
  newer[3] = longest > longestOther ? longest : longestOther
  return newer
}

/** LATENCY HISTORY: the samples of all, oldest first. */
export function latencySamples({ frames }: Reports): ReplyValue {
  return byTime(frames, 0)
}

/** SLOWLOG GET: the entries of all, newest first, and of those as many as were asked for, 10 by default. */
export function slowEntries({ frames, args }: Reports): ReplyValue {
  const count = Number(args[2] ?? 10)
  const entries = byTime(frames, 1).reverse()
  return count >= 0 ? entries.slice(0, count) : entries
}

/** The items of all, by the time that each tells at `index`. */
function byTime(frames: readonly Buffer[], index: number): ReplyValue[] {
  const time = (item: ReplyValue): number => numericOf(listOf(item)[index]) ?? 0
  return frames
    .flatMap((frame) => [...listOf(replyValue(frame))])
    .sort((one, other) => time(one) - time(other))
}

/** LATENCY HISTOGRAM: calls added up; the buckets hold how many calls took at most that long, so each node counts with its next lower one. */
export function latencyHistograms({ frames }: Reports): ReplyValue {
  const commands = new Map<string, { calls: bigint; buckets: Map<bigint, bigint>[] }>()
  for (const frame of frames) {
    for (const [name, value] of fieldsOf(replyValue(frame))) {
      const fields = fieldsOf(value)
      const known = commands.get(name) ?? { calls: 0n, buckets: [] }
      known.calls += wholeOf(fields.get('calls'))
      const pairs = pairsOf(fields.get('histogram_usec') ?? [])
      known.buckets.push(new Map(pairs.map(([limit, count]) => [wholeOf(limit), wholeOf(count)])))
      commands.set(name, known)
    }
  }
  const merged = new Map<ReplyValue, ReplyValue>()
  for (const [name, { calls, buckets }] of commands) {
    merged.set(
      name,
      new Map<ReplyValue, ReplyValue>([
        ['calls', calls],
        ['histogram_usec', addedBuckets(buckets)],
      ])
    )
  }
  return merged
}

function addedBuckets(all: readonly ReadonlyMap<bigint, bigint>[]): ReplyValue {
  const limits = [...new Set(all.flatMap((buckets) => [...buckets.keys()]))]
  limits.sort((one, other) => (one < other ? -1 : 1))
  const counted = all.map(() => 0n)
  const sums = new Map<ReplyValue, ReplyValue>()
  for (const limit of limits) {
    for (const [i, buckets] of all.entries()) counted[i] = buckets.get(limit) ?? counted[i]!
    sums.set(
      limit,
      counted.reduce((total, count) => total + count)
    )
  }
  return sums
}

/** MEMORY STATS: bytes and counts added up; shares worked out from the sums; of other ratios the highest. */
export function memoryStats({ frames }: Reports): ReplyValue {
  const sums = frames.map((frame) => replyValue(frame)).reduce(added)
  const fields = fieldsOf(sums)
  const of = (name: string): number => numericOf(fields.get(name)) ?? 0
  const net = of('total.allocated') - of('startup.allocated')
  const shares: Readonly<Record<string, number>> = {
    'peak.percentage': (of('total.allocated') * 100) / of('peak.allocated'),
    'dataset.percentage': (of('dataset.bytes') * 100) / net,
  }
  for (const [name, share] of Object.entries(shares)) {
    if (fields.has(name)) fields.set(name, new Double(Number.isFinite(share) ? share : 0))
  }
  if (fields.has('keys.bytes-per-key')) {
    const each = net / of('keys.count')
    fields.set('keys.bytes-per-key', Number.isFinite(each) ? Math.floor(each) : 0)
  }
  return new Map<ReplyValue, ReplyValue>(fields)
}

/** Two maps as one: numbers added up, ratios the higher, maps within them likewise. */
function added(one: ReplyValue, other: ReplyValue): ReplyValue {
  const sums = fieldsOf(one)
  for (const [name, value] of fieldsOf(other)) {
    const known = sums.get(name)
    sums.set(name, known === undefined ? value : sum(name, known, value))
  }
  return new Map<ReplyValue, ReplyValue>(sums)
}

function sum(name: string, one: ReplyValue, other: ReplyValue): ReplyValue {
  if (typeof one === 'bigint' && typeof other === 'bigint') return one + other
  if (name.startsWith('db.')) return added(one, other)
  return (numericOf(other) ?? 0) > (numericOf(one) ?? 0) ? other : one
}

/** CONFIG GET: what the masters say; where they do not agree, each value once, with ` | ` between. */
export function agreedSettings({ frames }: Reports): ReplyValue {
  const settings = new Map<string, string[]>()
  for (const frame of frames) {
    for (const [name, value] of fieldsOf(replyValue(frame))) {
      const values = settings.get(name)
      if (values === undefined) settings.set(name, [textOf(value)])
      else if (!values.includes(textOf(value))) values.push(textOf(value))
    }
  }
  return new Map(Array.from(settings, ([name, values]) => [name, values.join(' | ')] as const))
}
