import type { Clock } from '../clock.ts'
import { LANES } from '../cluster/lanes.ts'
import type { SlotCache } from '../cluster/slot-cache.ts'
import { keySlot } from '../command/slot.ts'
import { replyText } from '../errors.ts'
import { errorFrame } from '../resp/encode.ts'
import { isError, valueStart } from '../resp/frame.ts'
import { frameRequest } from '../resp/request-reader.ts'
import type { Step } from './composite.ts'
import { type NodeView, readNodeView } from './node-view.ts'
import { ScanCursors } from './scan-cursors.ts'
import { ScanPage } from './scan-page.ts'
import { afterNode, isDone, type ScanProgress, withoutMoving } from './scan-progress.ts'

/** Milliseconds to wait before another look at a node that does not know its slots as the proxy does. */
const LOOK_AGAIN = 50
/** How many keys a call is about where it does not say. */
const COUNT = 10
const NOT_SERVED: Buffer = errorFrame(replyText.slotNotServed)
const INVALID_CURSOR: Buffer = errorFrame('ERR invalid cursor')
const OPEN = 0x7b
const CLOSE = 0x7d

/** One call of SCAN. */
interface ScanCall {
  /** All arguments of the request. */
  readonly args: readonly Buffer[]
  /** The only slot that is scanned; -1 for all. */
  readonly slot: number
  /** What it gives so far. */
  readonly page: ScanPage
}

/** Where the scan of a node begins: a slot of it, or where the keys of one are coming to. */
interface Target {
  readonly anchor: number
  /** Name of the node; undefined for the master of the anchor. */
  readonly node: string | undefined
  /** Id of the node that keys are coming to; undefined for the owner of the anchor. */
  readonly importer: string | undefined
}

/**
 * SCAN over all masters, one after the other. Every key that is there from the first call to the last is given, whatever slots move meanwhile and
 * whoever becomes master: a node is asked for its own view of its slots before it is scanned and afterwards.
 */
export class Scans {
  readonly #cache: SlotCache
  readonly #cursors: ScanCursors
  readonly #refresh: () => void
  readonly #looks: number

  /** `refresh` has the cluster asked for its topology; `budget`: milliseconds to wait until somebody serves a slot. */
  constructor(cache: SlotCache, clock: Clock, refresh: () => void, budget: number) {
    this.#cache = cache
    this.#looks = Math.ceil(budget / LOOK_AGAIN)
    this.#cursors = new ScanCursors(cache, clock)
    this.#refresh = refresh
  }

  /** One call; `args` are all arguments of the request, which are kept. A wrong option is the node's to refuse. */
  call(args: readonly Buffer[]): Step {
    const slot = slotOfPattern(optionOf(args, 'match'))
    const progress = this.#cursors.read(args[1]!, slot)
    if (progress === undefined) return { parts: [], finish: () => INVALID_CURSOR }
    const call = { args, slot, page: ScanPage.of(Number(optionOf(args, 'count') ?? COUNT)) }
    if (progress.current === undefined) return this.#begin(call, progress, this.#looks)
    return this.#page(call, progress)
  }

  /** Asks the next node for its slots. */
  #begin(call: ScanCall, progress: ScanProgress, looks: number): Step {
    const target = this.#next(progress)
    return {
      ...viewStep(target),
      ...(looks < this.#looks && { delay: LOOK_AGAIN }),
      finish: ([answer]) => {
        const view = readNodeView(answer!.reply)
        if (view === undefined) return this.#failed(call, progress, answer!.reply)
        if (serves(view, target)) {
          const current = { node: answer!.node, begun: view, cursor: 0n }
          return this.#page(call, { ...progress, current })
        }
        // Somebody is not up to date.
        this.#refresh()
        const { importer } = target
        const rest = importer === undefined ? progress : withoutMoving(progress, importer)
        return looks > 0 ? this.#begin(call, rest, looks - 1) : this.#failed(call, rest, NOT_SERVED)
      },
    }
  }

  /** The owner of the lowest slot that is left; then those that slots are moving to. */
  #next({ left, moving }: ScanProgress): Target {
    const anchor = left.lowest()
    if (anchor >= 0) return { anchor, node: undefined, importer: undefined }
    const [slot, importer] = [...moving][0]!
    const node = this.#cache.topology.nodes.find(({ id }) => id === importer)?.address
    return { anchor: slot, node, importer }
  }

  #page(call: ScanCall, progress: ScanProgress): Step {
    const current = progress.current!
    const [name, , ...options] = call.args
    const bytes = frameRequest([name!, String(current.cursor), ...options]).buffer
    return {
      parts: [{ bytes, slot: -1, anchor: anchorOf(progress), node: current.node }],
      finish: ([answer]) => {
        const { reply, node } = answer!
        if (isError(reply, valueStart(reply))) return this.#failed(call, progress, reply)
        // The node is gone, and another one has taken the cursor for one of its own.
        if (node !== current.node) return this.#reply(call, { ...progress, current: undefined })
        const { page, cursor } = call.page.with(reply)
        const filled = { ...call, page }
        if (cursor === 0n) return this.#end(filled, progress)
        return this.#reply(filled, { ...progress, current: { ...current, cursor } })
      },
    }
  }

  /** Asks a node that was scanned whether its slots are still its own; then the next one's keys may have room in the same reply. */
  #end(call: ScanCall, progress: ScanProgress): Step {
    const { node, begun } = progress.current!
    return {
      ...viewStep({ anchor: anchorOf(progress), node, importer: undefined }),
      finish: ([answer]) => {
        const view = answer!.node === node ? readNodeView(answer!.reply) : undefined
        if (view === undefined) return this.#reply(call, { ...progress, current: undefined })
        const after = afterNode(progress, begun, view)
        // Only ever upwards, so that there is an end whatever moves.
        const onward = after.left.lowest() > progress.left.lowest() && call.page.hasRoom
        return onward ? this.#begin(call, after, this.#looks) : this.#reply(call, after)
      },
    }
  }

  /** A node that refuses, or cannot be reached, is the next call's trouble if this one has something to tell. */
  #failed(call: ScanCall, progress: ScanProgress, error: Buffer): Buffer {
    return call.page.untouched ? error : this.#reply(call, progress)
  }

  #reply({ slot, page }: ScanCall, progress: ScanProgress): Buffer {
    return page.reply(isDone(progress) ? '0' : this.#cursors.write(progress, slot))
  }
}

/** A slot by which the node is found if it is not there any more. */
function anchorOf({ left, moving }: ScanProgress): number {
  const lowest = left.lowest()
  return lowest >= 0 ? lowest : [...moving.keys()][0]!
}

const CLUSTER_NODES: Buffer = frameRequest(['CLUSTER', 'NODES']).buffer

/** The proxy asks for itself: whoever may use SCAN need not be allowed to see the cluster. */
function viewStep({ anchor, node }: Target): Pick<Step, 'parts'> {
  const part = { bytes: CLUSTER_NODES, slot: -1, anchor, lane: LANES.control }
  return { parts: [node === undefined ? part : { ...part, node }] }
}

function serves(view: NodeView, { anchor, importer }: Target): boolean {
  if (importer === undefined) return view.owned.has(anchor)
  return view.id === importer && (view.owned.has(anchor) || view.importing.has(anchor))
}

/** What is said last for an option; undefined without it, and for options that are not understood. */
function optionOf(args: readonly Buffer[], name: string): Buffer | undefined {
  let value: Buffer | undefined
  for (let i = 2; i + 1 < args.length; i += 2) {
    if (args[i]!.toString('latin1').toLowerCase() === name) value = args[i + 1]
  }
  return value
}

/**
 * The one slot of all keys that a pattern can match, or -1: it is a key itself, or has a hash tag and no wildcard before
 * its end (`patternHashSlot` of Redis 8).
 */
function slotOfPattern(pattern: Buffer | undefined): number {
  if (pattern === undefined) return -1
  let open = -1
  for (let at = 0; at < pattern.length; at++) {
    const byte = pattern[at]!
    if (byte === 0x2a || byte === 0x3f || byte === 0x5b || byte === 0x5c) return -1
    if (byte === OPEN && open === -1) open = at
    // An empty tag is none, and no other counts.
    else if (byte === CLOSE && open >= 0 && at === open + 1) open = -2
    else if (byte === CLOSE && open >= 0) return keySlot(pattern, 0, at + 1)
  }
  return keySlot(pattern, 0, pattern.length)
}
