/**
 * `PROXY EXPLAIN` and `PROXY COMMAND`: what would be done with a command, from the same decisions that are carried out.
 *
 * @module
 */

import { findKeys } from '../../command/keys.ts'
import { keySlot } from '../../command/slot.ts'
import { arityFits, type CommandSpec, NO_KEYS, ONE_KEY } from '../../command/spec.ts'
import { type ReplyValue, SimpleString } from '../../resp/encode.ts'
import { argument, frameRequest, type RequestView } from '../../resp/request-reader.ts'
import { fanOutRemark } from '../../router/fan-out.ts'
import {
  ALL_MASTERS,
  ANY_NODE,
  AWAITED,
  BLOCKING,
  decide,
  emptyPlan,
  IN_PARTS,
  LOCAL,
  ONE_SLOT,
  type Plan,
  type PlanKind,
  REFUSED,
  SUBSCRIPTION,
  TRANSACTION,
} from '../../router/plan.ts'
import { isSplittable } from '../../router/split.ts'
import type { LocalCall, LocalServices } from './local.ts'
import { badSubcommand } from './proxy-refusal.ts'
import { ownSpec } from './proxy-spec.ts'
import { unknownCommand } from './unknown.ts'

const KINDS: Readonly<Record<PlanKind, string>> = {
  [LOCAL]: 'answered by the proxy',
  [ONE_SLOT]: 'one slot',
  [ANY_NODE]: 'any master',
  [REFUSED]: 'refused',
  [IN_PARTS]: 'in parts',
  [ALL_MASTERS]: 'all masters',
  [TRANSACTION]: 'transaction',
  [BLOCKING]: 'blocking',
  [AWAITED]: 'blocking on several slots',
  [SUBSCRIPTION]: 'subscription',
}

const text = (value: string): SimpleString => new SimpleString(value)

/** The keys of a request and their slots; none where they cannot be told. */
function keysOf(view: RequestView, spec: CommandSpec): { keys: Buffer[]; slots: number[] } {
  const positions: number[] = []
  const count = arityFits(spec, view.argc) ? findKeys(spec, view, positions) : 0
  const keys = positions.slice(0, Math.max(0, count)).map((at) => Buffer.from(argument(view, at)))
  return { keys, slots: keys.map((key) => keySlot(key, 0, key.length)) }
}

/** `PROXY EXPLAIN command [argument ...]`. */
export function proxyExplain({ args, services, session }: LocalCall): ReplyValue {
  const view = frameRequest(args.slice(2))
  const spec = services.catalogue.find(view) ?? ownSpec(view)
  if (spec === undefined) return unknownCommand(view)
  const plan = emptyPlan()
  const denied = session.account?.refusal(spec, view)
  const kind =
    denied === undefined
      ? decide(view, spec, session.protocol, services.admin.rules, plan)
      : REFUSED
  if (denied !== undefined) plan.error = denied
  const { keys, slots } = keysOf(view, spec)
  return new Map<ReplyValue, ReplyValue>([
    ['command', spec.name],
    ['plan', text(KINDS[kind])],
    ['keys', keys],
    ['slots', [...new Set(slots)]],
    ['nodes', nodesFor(kind, slots, services)],
    ['connection', text(connectionOf(kind, session.multiplexing))],
    ['reads-from', text(spec.readonly ? services.admin.settings.readFrom : 'master')],
    ['parts', partsOf(plan, keys, services)],
    ['merge', text(mergeOf(kind, spec))],
    ['retry', text(retryOf(kind, spec))],
    ['error', kind === REFUSED ? plan.error : null],
  ])
}

const PRIVATE: ReadonlySet<PlanKind> = new Set([TRANSACTION, BLOCKING, AWAITED])

/** On what kind of connection to a node it goes. */
function connectionOf(kind: PlanKind, multiplexing: boolean): string {
  if (kind === LOCAL || kind === REFUSED) return 'none'
  if (kind === SUBSCRIPTION) return 'the one of all subscriptions'
  return PRIVATE.has(kind) || !multiplexing ? 'private' : 'shared'
}

function masterOf(slot: number, { admin }: LocalServices): string {
  return admin.owner(slot).master ?? ''
}

function nodesFor(
  kind: PlanKind,
  slots: readonly number[],
  services: LocalServices
): readonly string[] {
  if (kind === LOCAL || kind === REFUSED) return []
  const byKeys = PRIVATE.has(kind) || kind === SUBSCRIPTION
  if (kind === ONE_SLOT || kind === IN_PARTS || (byKeys && slots.length > 0)) {
    return [...new Set(slots.map((slot) => masterOf(slot, services)))]
  }
  const { nodes } = services.admin.topology
  return nodes.filter(({ role }) => role === 'master').map(({ address }) => address)
}

/** Each part with its slot, its node and, where it was split by keys, its keys. */
function partsOf({ step }: Plan, keys: readonly Buffer[], services: LocalServices): ReplyValue {
  return (step?.parts ?? []).map(
    ({ slot }, index) =>
      new Map<ReplyValue, ReplyValue>([
        ['slot', slot],
        ['node', slot < 0 ? '' : masterOf(slot, services)],
        ['keys', step?.keys?.[index]?.map((at) => keys[at]!) ?? []],
      ])
  )
}

/** How the replies of the parts become one. */
function mergeOf(kind: PlanKind, spec: CommandSpec): string {
  if (kind !== ALL_MASTERS && kind !== IN_PARTS) return 'none'
  if (kind === IN_PARTS && !isSplittable(spec)) return 'computed by the proxy'
  return fanOutRemark(spec) ?? 'by the rules of this command'
}

/** What becomes of it when a connection is lost. */
function retryOf(kind: PlanKind, spec: CommandSpec): string {
  if (kind === LOCAL || kind === REFUSED) return 'none: nothing is sent'
  if (kind === SUBSCRIPTION) return 'subscribed to again; event subscriptionGap'
  return spec.readonly
    ? 'read: sent again'
    : 'write: sent again if it was not written, else UNCERTAIN'
}

const ONE: Buffer = Buffer.from('1')

/** Whether the proxy carries a command out, or any of its subcommands: asked with arguments that are all the same. */
function isSupported(spec: CommandSpec, services: LocalServices): boolean {
  if (spec.subcommands !== undefined) {
    return [...spec.subcommands.values()].some((each) => isSupported(each, services))
  }
  const words = spec.name.split('|').map((word) => Buffer.from(word))
  const rest = Math.max(0, Math.abs(spec.arity) - words.length)
  const view = frameRequest([...words, ...new Array<Buffer>(rest).fill(ONE)])
  const plan = emptyPlan()
  const kind = decide(view, spec, 2, services.admin.rules, plan)
  return kind !== REFUSED || !/^(?:ERR unsupported|NOPERM)/.test(plan.error.toString())
}

/** Whether a command may have keys in several slots that the proxy cannot split. */
function isBoundToOneSlot(spec: CommandSpec): boolean {
  return spec.keyShape !== NO_KEYS && spec.keyShape !== ONE_KEY && !isSplittable(spec)
}

/** `PROXY COMMAND [UNSUPPORTED|CROSSSLOTS-UNSUPPORTED]`. */
export function proxyCommand(call: LocalCall): ReplyValue {
  const { args, services } = call
  const filter = args[2]?.toString('latin1').toLowerCase()
  const rows = Array.from(services.catalogue.all(), (spec) => ({
    spec,
    supported: isSupported(spec, services),
  }))
  const shown =
    filter === undefined
      ? rows
      : filter === 'unsupported'
        ? rows.filter(({ supported }) => !supported)
        : filter === 'crossslots-unsupported'
          ? rows.filter(({ spec }) => isBoundToOneSlot(spec))
          : undefined
  return shown === undefined
    ? badSubcommand(call)
    : shown.map(({ spec, supported }) => [
        spec.name,
        spec.arity,
        spec.firstKey,
        spec.lastKey,
        spec.step,
        Number(supported),
      ])
}
