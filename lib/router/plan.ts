import { argument, type RequestView } from '../resp/request-reader.ts'
import { isBlockingCall } from '../command/blocking.ts'
import { findKeys, keyErrorText } from '../command/keys.ts'
import { keySlot } from '../command/slot.ts'
import { arityFits, type CommandSpec, ONE_KEY } from '../command/spec.ts'
import { replyText } from '../errors.ts'

/** {@link Plan.kind}: the proxy answers it. */
export const LOCAL = 0
/** {@link Plan.kind}: goes to the master of {@link Plan.slot}. */
export const ONE_SLOT = 1
/** {@link Plan.kind}: goes to any one master. */
export const ANY_NODE = 2
/** {@link Plan.kind}: answered with {@link Plan.error}; nothing is sent. */
export const REFUSED = 3

/** What is to be done with a request. One object serves all requests, since nothing keeps it. */
export interface Plan {
  kind: typeof LOCAL | typeof ONE_SLOT | typeof ANY_NODE | typeof REFUSED
  /** Slot of the keys for `ONE_SLOT`, else -1. */
  slot: number
  /** Error text for `REFUSED`, code first. */
  error: string
}

const positions: number[] = []

function refuse(plan: Plan, error: string): void {
  plan.kind = REFUSED
  plan.error = error
}

/**
 * Decides what is to be done with a request, and writes it into `plan`. Looks at the request and at nothing else.
 *
 * Only what leaves nothing behind in a connection is ever planned onto a shared one: the closed list is {@link CommandSpec.treatment}.
 */
export function decide(view: RequestView, spec: CommandSpec, plan: Plan): void {
  plan.slot = -1
  const { treatment } = spec
  if (treatment === 'connection') {
    plan.kind = LOCAL
    return
  }
  if (!arityFits(spec, view.argc)) return refuse(plan, replyText.wrongArity(spec.name))
  if (treatment === 'shared') {
    if (spec.keyShape === ONE_KEY) {
      const at = 2 * spec.firstKey
      plan.kind = ONE_SLOT
      plan.slot = keySlot(view.buffer, view.offsets[at]!, view.offsets[at + 1]!)
      return
    }
    return byKeys(view, spec, plan)
  }
  if (treatment === 'any-node') {
    plan.kind = ANY_NODE
    return
  }
  if (treatment === 'maybe-blocking' && !isBlockingCall(spec, view)) return byKeys(view, spec, plan)
  if (spec.container) return refuse(plan, unknownSubcommand(view, spec))
  refuse(plan, treatment === 'admin' ? replyText.forbidden(spec.name) : replyText.unsupported(spec.name))
}

function unknownSubcommand(view: RequestView, spec: CommandSpec): string {
  if (view.argc < 2) return replyText.wrongArity(spec.name)
  const word = argument(view, 1).subarray(0, 128).toString('latin1')
  return `ERR unknown subcommand '${word}'. Try ${spec.name.toUpperCase()} HELP.`
}

function byKeys(view: RequestView, spec: CommandSpec, plan: Plan): void {
  const count = findKeys(spec, view, positions)
  if (count < 0) return refuse(plan, keyErrorText(count, spec, view))
  if (count === 0) {
    // A script or function without keys runs wherever it is sent.
    plan.kind = ANY_NODE
    return
  }
  const { buffer, offsets } = view
  let slot = -1
  for (let i = 0; i < count; i++) {
    const at = 2 * positions[i]!
    const found = keySlot(buffer, offsets[at]!, offsets[at + 1]!)
    if (slot !== -1 && found !== slot) return refuse(plan, replyText.crossSlot)
    slot = found
  }
  plan.kind = ONE_SLOT
  plan.slot = slot
}
