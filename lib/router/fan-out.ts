/**
 * Commands that concern every master: what each of them is sent, and what becomes of the replies.
 *
 * @module
 */

import { identityOf, LANES, laneOf } from '../cluster/lanes.ts'
import { keySlot } from '../command/slot.ts'
import type { CommandSpec } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { encodeReply, type ProtocolVersion } from '../resp/encode.ts'
import { isError, isNull, valueStart } from '../resp/frame.ts'
import { argument, argumentsOf, frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { PartReply, Step } from './composite.ts'
import { type MergePolicy, policyOf } from './merge.ts'
import { numericOf, replyValue } from './reply-value.ts'
import type { Scans } from './scan.ts'
import type { Scripts } from './scripts.ts'
import {
  agreedSettings,
  joinedGraphs,
  joinedTexts,
  latencyHistograms,
  latencySamples,
  latestLatencies,
  memoryStats,
  type ReportMerge,
  runningFunction,
  slowEntries,
} from './server-reports.ts'
import { failedReply, fanOutStep } from './steps.ts'

/** All masters at one moment. */
export interface Masters {
  /** A slot of each. */
  readonly anchors: readonly number[]
  readonly scans: Scans
  readonly scripts: Scripts
  /** The lane of whoever asks. */
  readonly lane: number
}

/** Begins to carry a request out on the masters. */
export type FanOut = (masters: Masters) => Step

/** A request as the rules see it. */
export interface FanOutCall {
  readonly spec: CommandSpec
  readonly view: RequestView
  readonly protocol: ProtocolVersion
}

/** What becomes of one call: a fan-out, the slot that alone it concerns (-1: any one master), or an error text, code first. */
type Course = FanOut | number | string

/** What becomes of calls of a command, and in a few words how. */
interface Rule {
  readonly course: (call: FanOutCall) => Course
  readonly remark: string
}

/** Changes that every master makes: `OK` when all have, else who has and who has not. */
const BY_ALL: MergePolicy = { rule: 'all_succeeded', effects: true }

/** What the policies that servers declare come to. */
const REMARKS: Readonly<Record<MergePolicy['rule'], string>> = {
  agg_sum: 'the sum',
  agg_min: 'the lowest',
  agg_max: 'the highest',
  agg_logical_and: 'whether all say so',
  agg_logical_or: 'whether one says so',
  all_succeeded: 'all must succeed',
  one_succeeded: 'one must succeed',
  ordered: 'by argument',
  concatenated: 'the items of all',
}

const RULES: Readonly<Record<string, Rule>> = {
  scan: {
    course: ({ view }) => {
      const args = copied(view)
      return ({ scans }) => scans.call(args)
    },
    remark:
      'one master after the other, several in one call while there are fewer keys than `COUNT`; cursors of its own',
  },
  randomkey: { course: randomKey, remark: 'a master by the number of its keys, then one of these' },
  lastsave: merged({ rule: 'agg_max', effects: false }, 'the latest'),
  'script|flush': { course: flushed, remark: REMARKS.all_succeeded },
  'script|kill': { course: past, remark: 'one must succeed; past what is stuck' },
  'function|kill': { course: past, remark: 'one must succeed; past what is stuck' },
  'script|show': merged({ rule: 'one_succeeded', effects: false }),
  'function|stats': reported(runningFunction, 'that of the master where a function runs'),
  'memory|doctor': reported(joinedTexts, 'the texts of all'),
  'memory|malloc-stats': reported(joinedTexts, 'the texts of all'),
  'memory|stats': reported(memoryStats, 'sums'),
  'latency|doctor': reported(joinedTexts, 'the texts of all'),
  'latency|graph': tolerant(joinedGraphs, 'the texts of all'),
  'latency|histogram': reported(latencyHistograms, 'sums'),
  'latency|history': reported(latencySamples, 'the samples of all, by time'),
  'latency|latest': reported(latestLatencies, 'the latest and the longest of each event'),
  'slowlog|get': reported(slowEntries, 'the entries of all, the newest first'),
  'acl|setuser': merged(BY_ALL),
  'acl|deluser': merged(BY_ALL),
  'acl|load': merged(BY_ALL),
  'acl|save': merged(BY_ALL),
  'acl|log': { course: aclLog, remark: 'the entries of all; RESET: all must succeed' },
  'acl|dryrun': anyMaster(),
  'acl|getuser': anyMaster(),
  'acl|list': anyMaster(),
  'acl|users': anyMaster(),
  'module|list': anyMaster(),
  bgrewriteaof: merged(BY_ALL),
  bgsave: merged(BY_ALL),
  save: merged(BY_ALL),
  'config|get': reported(agreedSettings, 'what all say; values that differ side by side'),
  'config|set': { course: configSet, remark: 'all must succeed; nothing that names one server' },
  'config|resetstat': merged(BY_ALL),
  'config|rewrite': merged(BY_ALL),
  debug: { course: debug, remark: 'where there is a key, its node; nothing that ends a server' },
}

/** What becomes of a call; undefined for a command of which nobody knows how its replies become one. */
export function courseOf(call: FanOutCall): Course | undefined {
  const rule = RULES[call.spec.name]
  if (rule !== undefined) return rule.course(call)
  const policy = policyOf(call.spec)
  return policy === undefined || call.spec.container ? undefined : toAll(call, policy)
}

/** In a few words, how the replies of the masters become one; undefined for a command that does not concern them. */
export function fanOutRemark(spec: CommandSpec): string | undefined {
  const rule = RULES[spec.name]
  if (rule !== undefined) return rule.remark
  const policy = spec.container ? undefined : policyOf(spec)
  return policy && REMARKS[policy.rule]
}

function merged(policy: MergePolicy, remark: string = REMARKS[policy.rule]): Rule {
  return { course: (call) => toAll(call, policy), remark }
}

function anyMaster(): Rule {
  return { course: () => -1, remark: 'any one master' }
}

function toAll({ spec, view, protocol }: FanOutCall, policy: MergePolicy): FanOut {
  const bytes = bytesOf(view)
  return ({ anchors }) => fanOutStep(spec, policy, bytes, anchors, protocol)
}

/** The proxy forgets its scripts too, once the masters have: whoever may not flush theirs must not flush these. */
function flushed(call: FanOutCall): FanOut {
  const everywhere = toAll(call, BY_ALL)
  return (masters) => {
    const step = everywhere(masters)
    const before = masters.scripts.flushing()
    const finish = (replies: readonly PartReply[]): Buffer | Step => {
      const result = step.finish(replies)
      if (result instanceof Buffer && !isError(result, valueStart(result))) {
        masters.scripts.forget(before)
      }
      return result
    }
    return { ...step, finish }
  }
}

/** To every master on the user's lane of questions: the shared connection may be stuck behind the very script that is to end. */
function past(call: FanOutCall): FanOut {
  const everywhere = toAll(call, { rule: 'one_succeeded', effects: false })
  return (masters) => {
    const step = everywhere(masters)
    const lane = laneOf(LANES.control, identityOf(masters.lane), 0)
    return { ...step, parts: step.parts.map((part) => ({ ...part, lane })) }
  }
}

/** A request that every master gets, and whose replies are one report, unless one of them is an error. */
function reported(merge: ReportMerge, remark: string): Rule {
  return reportRule(merge, remark, true)
}

/** The same, but errors are the report's to judge. */
function tolerant(merge: ReportMerge, remark: string): Rule {
  return reportRule(merge, remark, false)
}

function reportRule(merge: ReportMerge, remark: string, strict: boolean): Rule {
  const course = ({ spec, view, protocol }: FanOutCall): FanOut => {
    const bytes = bytesOf(view)
    const args = copied(view)
    const finish = (replies: readonly PartReply[]): Buffer => {
      const frames = replies.map(({ reply }) => reply)
      const failed = strict && frames.some((frame) => isError(frame, valueStart(frame)))
      if (failed) return failedReply(spec, replies, protocol)
      if (frames.length === 1) return frames[0]!
      return encodeReply(merge({ frames, names: replies.map(({ node }) => node), args }), protocol)
    }
    return ({ anchors }) => ({ parts: partsOf(bytes, anchors), finish })
  }
  return { course, remark }
}

/**
 * RANDOMKEY: first how many keys each master has, then one of them; nil only if all say so (E4.12). The first question is the proxy's own: users
 * need no right to it.
 */
function randomKey({ spec, view, protocol }: FanOutCall): FanOut {
  const bytes = bytesOf(view)
  return ({ anchors }) => ({
    parts: partsOf(DBSIZE, anchors).map((part) => ({ ...part, lane: LANES.control })),
    finish: (replies) => {
      const sizes = replies.map(({ reply }) => sizeOf(reply))
      if (sizes.some(Number.isNaN)) return failedReply(spec, replies, protocol)
      // What the client wrote before goes another way, and may have come to an empty master meanwhile.
      const weights = sizes.map((size) => Math.max(size, HARDLY))
      return drawnFrom(bytes, anchors, weights, protocol)
    },
  })
}

/** The weight of a master that said it has no keys: it is asked when no other has any. */
const HARDLY = 1e-9
const DBSIZE: Buffer = frameRequest(['DBSIZE']).buffer

function sizeOf(reply: Buffer): number {
  return numericOf(replyValue(reply)) ?? Number.NaN
}

/** Asks one master for a key, by the weights; the next one when it has none any more. */
function drawnFrom(
  bytes: Buffer,
  anchors: readonly number[],
  sizes: readonly number[],
  protocol: ProtocolVersion
): Buffer | Step {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total === 0) return encodeReply(null, protocol)
  let left = Math.random() * total
  const drawn = sizes.findIndex((size) => {
    left -= size
    return left < 0
  })
  const chosen = drawn < 0 ? sizes.findLastIndex((size) => size > 0) : drawn
  return {
    parts: partsOf(bytes, [anchors[chosen]!]),
    finish: ([answer]) => {
      const { reply } = answer!
      if (!isNull(reply, valueStart(reply))) return reply
      const others = sizes.map((size, i) => (i === chosen ? 0 : size))
      return drawnFrom(bytes, anchors, others, protocol)
    },
  }
}

function aclLog(call: FanOutCall): FanOut {
  const reset = call.view.argc > 2 && wordAt(call.view, 2) === 'reset'
  return toAll(call, reset ? BY_ALL : { rule: 'concatenated', effects: false })
}

/** Settings that name one server, its files or its place among the others. */
const OF_ONE_SERVER =
  /^(?:dir|dbfilename|appendfilename|appenddirname|logfile|pidfile|aclfile|port|tls-port|bind|bind-source-addr|unixsocket|unixsocketperm|(?:replica|slave)-announce-.*|replicaof|slaveof|cluster-.*)$/

function configSet(call: FanOutCall): Course {
  for (let i = 2; i < call.view.argc; i += 2) {
    const name = wordAt(call.view, i)
    if (OF_ONE_SERVER.test(name)) return replyText.oneServerSetting(name)
  }
  return toAll(call, BY_ALL)
}

/** Subcommands of DEBUG with a key as their next argument. */
const DEBUG_KEYS =
  /^(?:object|sdslen|listpack|ziplist|quicklist|stringmatch-len|htstats-key|dict-stats)$/
/** Those that end the server, or put other data in the place of its own. */
const DEBUG_ENDS =
  /^(?:segfault|panic|assert|oom|restart|crash-and-recover|reload|loadaof|leak|replicate|replyblock|mallctl.*)$/

function debug(call: FanOutCall): Course {
  const { view } = call
  const subcommand = wordAt(view, 1)
  if (DEBUG_ENDS.test(subcommand)) return replyText.forbidden(`debug|${subcommand}`)
  if (!DEBUG_KEYS.test(subcommand)) return toAll(call, { rule: 'concatenated', effects: true })
  return view.argc > 2 ? keySlot(view.buffer, view.offsets[4]!, view.offsets[5]!) : -1
}

function wordAt(view: RequestView, index: number): string {
  return argument(view, index).toString('latin1').toLowerCase()
}

function copied(view: RequestView): Buffer[] {
  return argumentsOf(view).map((each) => Buffer.from(each))
}

/** The request as it came; its buffer is the request's as long as that is not answered. */
function bytesOf(view: RequestView): Buffer {
  return view.buffer.subarray(view.start, view.end)
}

function partsOf(bytes: Buffer, anchors: readonly number[]): Step['parts'] {
  return anchors.map((anchor) => ({ bytes, slot: -1, anchor }))
}
