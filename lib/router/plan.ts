import { isBlockingCall } from '../command/blocking.ts'
import { findKeys, KEYS_UNKNOWN } from '../command/keys.ts'
import { keySlot } from '../command/slot.ts'
import { arityFits, type CommandSpec, NO_KEYS, ONE_KEY } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { subscriptionCommand } from '../pubsub/kind.ts'
import { ErrorReply, type ProtocolVersion } from '../resp/encode.ts'
import { argument, argumentsOf, type RequestView } from '../resp/request-reader.ts'
import type { CrossSlot } from '../settings.ts'
import type { Step } from './composite.ts'
import { courseOf, type FanOut } from './fan-out.ts'
import { type GatherPlan, gatherPlan } from './gather/gather.ts'
import { policyOf } from './merge.ts'
import { isSplittable, splitBySlot } from './split.ts'
import { gatherStep, SplitStep } from './steps.ts'

/** Longest quotation of a name in the server's errors, bytes. */
const QUOTED = 128

/** The proxy answers it. */
export const LOCAL = 0
/** It goes to the master of {@link Plan.slot}. */
export const ONE_SLOT = 1
/** It goes to any one master. */
export const ANY_NODE = 2
/** It is answered with {@link Plan.error}; nothing is sent. */
export const REFUSED = 3

/** It is carried out in parts: {@link Plan.step}. */
export const IN_PARTS = 4
/** It goes to every master; {@link Plan.fanOut} says what becomes of that. */
export const ALL_MASTERS = 5

/** It belongs to a transaction; the slot of its keys is {@link Plan.slot}. */
export const TRANSACTION = 6
/** It may keep its connection waiting; {@link Plan.slot} is -1 when it has no keys. */
export const BLOCKING = 7
/** It may keep connections to several slots waiting: {@link Plan.awaited}. */
export const AWAITED = 9

/** It subscribes or unsubscribes. */
export const SUBSCRIPTION = 8

/** What is to be done with a request. */
export type PlanKind =
  | typeof LOCAL
  | typeof ONE_SLOT
  | typeof ANY_NODE
  | typeof REFUSED
  | typeof IN_PARTS
  | typeof ALL_MASTERS
  | typeof TRANSACTION
  | typeof BLOCKING
  | typeof AWAITED
  | typeof SUBSCRIPTION

/** What a decision depends on beside the request. */
export interface PlanRules {
  /** `never`: within a transaction, in the server's words. */
  readonly crossSlot: CrossSlot | 'never'
  readonly adminCommands: boolean
  /** Whether the proxy has users of its own, so that ACL is about them. */
  readonly ownUsers?: boolean
  /** Version of the nodes, such as `7.0.15`. */
  readonly serverVersion: string
}

/** The particulars of a plan. One object serves all requests, since nothing keeps it. */
export interface Plan {
  /** Slot of the keys for {@link ONE_SLOT}, else -1. */
  slot: number
  /** Error text for {@link REFUSED}, code first. */
  error: string | Buffer
  /** The parts, for {@link IN_PARTS}. */
  step: Step | undefined
  /** For {@link ALL_MASTERS}. */
  fanOut: FanOut | undefined
  /** The first look, for {@link AWAITED}; its `wait` is set. */
  awaited: GatherPlan | undefined
}

/** A plan before anything is decided. */
export function emptyPlan(): Plan {
  return { slot: -1, error: '', step: undefined, fanOut: undefined, awaited: undefined }
}

const positions: number[] = []

/**
 * Decides what is to be done with a request, and writes the particulars into `plan`. Looks at the request and at nothing else.
 *
 * Only what leaves nothing behind in a connection is ever planned onto a shared one: `CommandSpec.treatment` is that closed list.
 */
export function decide(
  view: RequestView,
  spec: CommandSpec,
  protocol: ProtocolVersion,
  rules: PlanRules,
  plan: Plan
): PlanKind {
  plan.slot = -1
  const { treatment } = spec
  if (treatment === 'connection') return LOCAL
  if (!arityFits(spec, view.argc)) return refuse(plan, replyText.wrongArity(spec.name))
  if (treatment === 'shared') {
    if (spec.keyShape !== ONE_KEY) return byKeys(view, spec, protocol, rules, plan)
    const at = 2 * spec.firstKey
    plan.slot = keySlot(view.buffer, view.offsets[at]!, view.offsets[at + 1]!)
    return ONE_SLOT
  }
  if (treatment === 'any-node') return ANY_NODE
  if (treatment === 'maybe-blocking' || treatment === 'blocking') {
    const kind = spec.keyShape === NO_KEYS ? ANY_NODE : byKeys(view, spec, protocol, rules, plan)
    const waits = isBlockingCall(spec, view) && (kind === ONE_SLOT || kind === ANY_NODE)
    return waits ? BLOCKING : kind
  }
  if (treatment === 'transaction') return ofOneSlot(TRANSACTION, view, spec, protocol, rules, plan)
  if (treatment === 'fan-out') return everywhere(view, spec, protocol, plan)
  // Of what newer servers have nothing is known.
  if (treatment === 'pubsub' && subscriptionCommand(spec.name) !== undefined)
    return ofOneSlot(SUBSCRIPTION, view, spec, protocol, rules, plan)
  if (treatment === 'admin') return administered(view, spec, protocol, rules, plan)
  return refuse(plan, refusal(view, spec))
}

/** What the client's own connection to one node carries out, or the hub: its keys, if it has any, must be in one slot. */
function ofOneSlot(
  kind: PlanKind,
  view: RequestView,
  spec: CommandSpec,
  protocol: ProtocolVersion,
  rules: PlanRules,
  plan: Plan
): PlanKind {
  if (spec.keyShape === NO_KEYS) return kind
  const found = byKeys(view, spec, protocol, { ...rules, crossSlot: 'never' }, plan)
  return found === REFUSED ? REFUSED : kind
}

/** For those who run the servers. Without the right to, CONFIG GET is answered all the same, since clients ask it when they connect. */
function administered(
  view: RequestView,
  spec: CommandSpec,
  protocol: ProtocolVersion,
  { adminCommands, ownUsers }: PlanRules,
  plan: Plan
): PlanKind {
  if (ownUsers === true && spec.name.startsWith('acl')) return LOCAL
  if (adminCommands) return everywhere(view, spec, protocol, plan)
  return spec.name === 'config|get' ? LOCAL : refuse(plan, refusal(view, spec))
}

function everywhere(
  view: RequestView,
  spec: CommandSpec,
  protocol: ProtocolVersion,
  plan: Plan
): PlanKind {
  const course = courseOf({ spec, view, protocol })
  if (course === undefined) return refuse(plan, refusal(view, spec))
  if (typeof course === 'string') return refuse(plan, course)
  if (typeof course === 'number') {
    plan.slot = course
    return course < 0 ? ANY_NODE : ONE_SLOT
  }
  plan.fanOut = course
  return ALL_MASTERS
}

function refuse(plan: Plan, error: string | Buffer): typeof REFUSED {
  plan.error = error
  return REFUSED
}

/** Why a command is not carried out. A container gets here when its subcommand is missing or unknown. */
function refusal(view: RequestView, spec: CommandSpec): string | Buffer {
  const { name, treatment, container } = spec
  if (name === 'move' || name === 'swapdb') return replyText.otherDatabases(name)
  if (!container) {
    if (treatment === 'admin') return replyText.administrative(name)
    return treatment === 'one-server' ? replyText.forbidden(name) : replyText.unsupported(name)
  }
  if (view.argc < 2) return replyText.wrongArity(name)
  const bytes = argument(view, 1)
  const nul = bytes.indexOf(0)
  // The server prints it as a C string.
  const word = bytes.toString('latin1', 0, Math.min(nul < 0 ? bytes.length : nul, QUOTED))
  return Buffer.from(`ERR unknown subcommand '${word}'. Try ${name.toUpperCase()} HELP.`, 'latin1')
}

function byKeys(
  view: RequestView,
  spec: CommandSpec,
  protocol: ProtocolVersion,
  rules: PlanRules,
  plan: Plan
): PlanKind {
  const count = findKeys(spec, view, positions)
  if (count === KEYS_UNKNOWN) return refuse(plan, replyText.keysUnknown(spec.name))
  // A script or a function without keys runs wherever it is sent; what is wrong with a request that should have keys and has none, any
  // node tells best, in its own version's words.
  if (count <= 0) return ANY_NODE
  const { buffer, offsets } = view
  for (let i = 0; i < count; i++) {
    const at = 2 * positions[i]!
    const slot = keySlot(buffer, offsets[at]!, offsets[at + 1]!)
    if (i > 0 && slot !== plan.slot) return acrossSlots(view, spec, count, protocol, rules, plan)
    plan.slot = slot
  }
  return ONE_SLOT
}

/** A request whose keys belong to several slots. */
function acrossSlots(
  view: RequestView,
  spec: CommandSpec,
  count: number,
  protocol: ProtocolVersion,
  rules: PlanRules,
  plan: Plan
): PlanKind {
  plan.slot = -1
  const { crossSlot } = rules
  if (crossSlot === 'never') return refuse(plan, replyText.crossSlot)
  const policy = isSplittable(spec) ? policyOf(spec) : undefined
  if (policy === undefined) {
    return crossSlot === 'gather'
      ? gathered(view, spec, protocol, rules, plan)
      : refuse(plan, replyText.crossSlotUnsupported)
  }
  if (crossSlot === false) return refuse(plan, replyText.crossSlotDisabled)
  const parts = splitBySlot(view, spec, positions, count)
  if (typeof parts === 'string') return refuse(plan, parts)
  plan.step = new SplitStep(spec, policy, parts, protocol)
  return IN_PARTS
}

/** A read over several slots that the proxy can compute from reads of each. */
function gathered(
  view: RequestView,
  spec: CommandSpec,
  protocol: ProtocolVersion,
  { serverVersion }: PlanRules,
  plan: Plan
): PlanKind {
  // What the plan keeps must not keep the whole chunk that the request came in.
  const args = argumentsOf(view).map((each) => Buffer.from(each))
  const found = gatherPlan(spec, args, serverVersion)
  if (found === undefined) return refuse(plan, replyText.crossSlotUnsupported)
  if (found instanceof ErrorReply) return refuse(plan, Buffer.from(found.bytes))
  if (found.wait !== undefined) {
    plan.awaited = found
    return AWAITED
  }
  plan.step = gatherStep(found, protocol)
  return IN_PARTS
}
