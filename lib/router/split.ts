import { keySlot, SLOT_COUNT } from '../command/slot.ts'
import { type CommandSpec, KEY_RANGE, KEY_SEARCH } from '../command/spec.ts'
import { replyText } from '../errors.ts'
import { copyPiece, HEADER_LENGTH, writeHeader } from '../resp/piece.ts'
import type { RequestView } from '../resp/request-reader.ts'
import { Arena, type Slab } from '../resp/slab.ts'
import type { PartPlan } from './composite.ts'
import { policyOf } from './merge.ts'

/** Most bytes that the parts of one request may hold beyond what the request itself holds. */
const REPEATED_LIMIT = 64 * 1024 * 1024
const LF = 10
const STAR = 42

/** What of a split request concerns one slot. */
export interface Part extends PartPlan {
  /** Holds the part as a request of its own, from `start` to `end`: a RESP array of bulk strings. */
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
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
  const parts = slotsOf(view, positions, count)
  const row: Row = {
    view,
    step,
    first: positions[0]!,
    head: edge(view, 0),
    keys: edge(view, positions[0]!),
    tail: edge(view, last),
    others: positions[0]! + view.argc - last,
  }
  const repeated = row.keys - row.head + view.end - row.tail
  if (repeated * (parts.length - 1) > REPEATED_LIMIT) {
    return replyText.repeatsTooMuch(spec.name, REPEATED_LIMIT >> 20)
  }
  write(parts, row, repeated)
  return parts
}

function inSteps(positions: readonly number[], count: number, step: number): boolean {
  for (let i = 1; i < count; i++) if (positions[i] !== positions[i - 1]! + step) return false
  return step > 0
}

/** A request whose keys stand in a row. The numbers but for the first two and the last are places in its buffer. */
interface Row {
  readonly view: RequestView
  /** Arguments from one key to the next, and the place of the first key among them. */
  readonly step: number
  readonly first: number
  /** Where its first argument, its first key, and what stands behind the last key's arguments begin. */
  readonly head: number
  readonly keys: number
  readonly tail: number
  /** How many arguments belong to no key. */
  readonly others: number
}

/** A part in the making. */
class SlotPart implements Part {
  readonly slot: number
  keys: number[]
  readonly anchor = -1
  bytes: Buffer = NOTHING
  start = 0
  end = 0

  constructor(slot: number, key: number) {
    this.slot = slot
    this.keys = key < SINGLE.length ? SINGLE[key]! : [key]
  }

  add(key: number): void {
    if (this.keys.length === 1) this.keys = [this.keys[0]!, key]
    else this.keys.push(key)
  }
}

const NOTHING: Buffer = Buffer.alloc(0)
/** Most parts have one key, and most requests few: these lists serve them all, and are never changed. */
const SINGLE: readonly number[][] = Array.from({ length: 64 }, (_, key) => [key])

/** Of the request in hand: slot -> which part it has, counted from 1. All zero between two requests. */
const partOf = new Uint16Array(SLOT_COUNT)

function slotsOf(view: RequestView, positions: readonly number[], count: number): SlotPart[] {
  const { buffer, offsets } = view
  const parts: SlotPart[] = []
  for (let i = 0; i < count; i++) {
    const at = 2 * positions[i]!
    const slot = keySlot(buffer, offsets[at]!, offsets[at + 1]!)
    const known = partOf[slot]!
    if (known === 0) partOf[slot] = parts.push(new SlotPart(slot, i))
    else parts[known - 1]!.add(i)
  }
  for (let i = 0; i < parts.length; i++) partOf[parts[i]!.slot] = 0
  return parts
}

const arena = new Arena(32 * 1024, 2 * 1024)

/** Writes all parts to one buffer: each is needed until the last of them is answered. */
function write(parts: readonly SlotPart[], row: Row, repeated: number): void {
  const slab = arena.take(row.tail - row.keys + (repeated + HEADER_LENGTH) * parts.length)
  let end = arena.from
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    part.bytes = slab.bytes
    part.start = end
    end = writePart(slab, end, row, part.keys)
    part.end = end
  }
}

/** Writes a part, its arguments as they came with the lengths before them, and returns where it ends. */
function writePart(slab: Slab, from: number, row: Row, keys: readonly number[]): number {
  const { view, step, first } = row
  const { buffer } = view
  let at = writeHeader(slab.bytes, from, STAR, row.others + keys.length * step)
  at = copyPiece(buffer, row.head, row.keys, slab, at)
  for (let i = 0; i < keys.length; i++) {
    const position = first + keys[i]! * step
    at = copyPiece(buffer, edge(view, position), edge(view, position + step), slab, at)
  }
  return copyPiece(buffer, row.tail, view.end, slab, at)
}

/** Where argument `index` begins, its length included; the end of the request for the index behind the last argument. */
function edge(view: RequestView, index: number): number {
  if (index > 0) return view.offsets[2 * index - 1]! + 2
  return view.buffer.indexOf(LF, view.start) + 1
}
