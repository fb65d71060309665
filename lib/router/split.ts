import { keySlot } from '../command/slot.ts'
import { type CommandSpec, KEY_RANGE, KEY_SEARCH } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import type { RequestView } from '../resp/request-reader.ts'
import { policyOf } from './merge.ts'

/** Most bytes that the parts of one request may hold beyond what the request itself holds. */
const REPEATED_LIMIT = 64 * 1024 * 1024
const LF = 10

/** What of a split request concerns one slot. */
export interface Part {
  readonly slot: number
  /** The part as a request of its own: a RESP array of bulk strings. */
  readonly bytes: Buffer
  /** Which keys of the request these are, counted from 0, in its order. */
  readonly keys: number[]
}

/**
 * Whether requests of a command over several slots may be carried out as one part for each slot: the server declares
 * `multi_shard`, tells how the replies become one, and has its keys in one row. A write must besides treat each key on its own:
 * that rules out MSETNX, which declares `multi_shard` too, but where one key decides about all.
 */
export function isSplittable(spec: CommandSpec): boolean {
  if (spec.requestPolicy !== 'multi_shard' || stepOf(spec) === 0) return false
  const rule = policyOf(spec)?.rule
  if (rule === undefined) return false
  return !spec.write || rule === 'ordered' || rule === 'agg_sum' || rule === 'all_succeeded'
}

/**
 * Arguments from one key to the next; 0 where keys and their values do not stand in one row with fixed steps, or are counted
 * by another argument.
 */
function stepOf(spec: CommandSpec): number {
  const { keySpecs, keyShape } = spec
  if (keySpecs.length > 1) return 0
  const find = keySpecs[0]?.findKeys
  if (find !== undefined && (find.type !== 'range' || find.limit !== 0)) return 0
  if (keyShape === KEY_RANGE) return spec.step
  return keyShape === KEY_SEARCH && spec.finder === undefined ? (find?.keyStep ?? 0) : 0
}

/**
 * Splits a request into one part for each slot, in the order in which the slots occur. A part has the keys of its slot in the
 * order of the request, duplicates included, each with the arguments up to the next key; what stands before the first key
 * and behind the last one's arguments is in every part.
 *
 * `positions` and `count` are what `findKeys` found, `spec` is {@link isSplittable}. A text instead of parts is the error to answer, code
 * first; nothing may be sent then.
 */
export function splitBySlot(
  view: RequestView,
  spec: CommandSpec,
  positions: readonly number[],
  count: number
): Part[] | string {
  const step = stepOf(spec)
  if (count < 1 || !inSteps(positions, count, step)) return replyText.crossSlot
  const last = positions[count - 1]! + step
  if (last > view.argc) return replyText.wrongArity(spec.name)
  const groups = groupsOf(view, positions, count)
  const row = { view, positions, step, last }
  const repeated = edge(view, positions[0]!) - edge(view, 0) + view.end - edge(view, last)
  if (repeated * (groups.length - 1) > REPEATED_LIMIT) return tooMuchRepeated(spec.name)
  return partsOf(row, groups, repeated)
}

function tooMuchRepeated(name: string): string {
  const limit = REPEATED_LIMIT >> 20
  return `ERR '${name}' would repeat more than ${limit} MiB of its arguments when split by slot`
}

function inSteps(positions: readonly number[], count: number, step: number): boolean {
  for (let i = 1; i < count; i++) if (positions[i] !== positions[i - 1]! + step) return false
  return step > 0
}

/** The keys of a request and what belongs to them: `last` is the first argument behind all that. */
interface Row {
  readonly view: RequestView
  readonly positions: readonly number[]
  readonly step: number
  readonly last: number
}

interface Group {
  readonly slot: number
  readonly keys: number[]
}

function groupsOf(view: RequestView, positions: readonly number[], count: number): Group[] {
  const { buffer, offsets } = view
  const bySlot = new Map<number, Group>()
  for (let i = 0; i < count; i++) {
    const at = 2 * positions[i]!
    const slot = keySlot(buffer, offsets[at]!, offsets[at + 1]!)
    const group = bySlot.get(slot)
    if (group === undefined) bySlot.set(slot, { slot, keys: [i] })
    else group.keys.push(i)
  }
  return [...bySlot.values()]
}

/** All parts lie in one buffer: each is needed until the last of them is answered. */
function partsOf(row: Row, groups: readonly Group[], repeated: number): Part[] {
  const { view, positions, step, last } = row
  const headers = groups.map(({ keys }) => {
    return `*${positions[0]! + keys.length * step + view.argc - last}\r\n`
  })
  const own = edge(view, last) - edge(view, positions[0]!)
  let size = own + repeated * groups.length
  for (const header of headers) size += header.length
  const room = Buffer.allocUnsafeSlow(size)
  let at = 0
  return groups.map(({ slot, keys }, i) => {
    const start = at
    at += room.write(headers[i]!, at, 'latin1')
    at = writeArguments(room, at, row, keys)
    return { slot, bytes: room.subarray(start, at), keys }
  })
}

/** Copies the arguments of a part as they came, with the lengths before them, and returns where they end. */
function writeArguments(room: Buffer, from: number, row: Row, keys: readonly number[]): number {
  const { view, positions, step, last } = row
  const { buffer } = view
  let at = from
  at += buffer.copy(room, at, edge(view, 0), edge(view, positions[0]!))
  for (const key of keys) {
    const position = positions[key]!
    at += buffer.copy(room, at, edge(view, position), edge(view, position + step))
  }
  return at + buffer.copy(room, at, edge(view, last), view.end)
}

/** Where argument `index` begins, its length included; the end of the request for the index behind the last argument. */
function edge(view: RequestView, index: number): number {
  if (index > 0) return view.offsets[2 * index - 1]! + 2
  return view.buffer.indexOf(LF, view.start) + 1
}
