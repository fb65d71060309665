import { SLOT_COUNT } from '../command/slot.ts'
import { content, isError, valueStart } from '../resp/frame.ts'
import { SlotSet } from './slot-set.ts'

/** Which slots a node takes for its own at one moment, by its own reply to CLUSTER NODES. */
export interface NodeView {
  /** The node's id, 40 hex digits. */
  readonly id: string
  /** Its slots, those that are leaving it included. */
  readonly owned: SlotSet
  /** Slots that are leaving it, and the id of the node where their keys go. */
  readonly migrating: ReadonlyMap<number, string>
  /** Slots whose keys are coming to it. */
  readonly importing: ReadonlySet<number>
}

/** `0-5460`, `7`, `[77->-id]` for a slot that is leaving, `[93-<-id]` for one that is coming. */
const WORD = /^(?:(\d+)(?:-(\d+))?|\[(\d+)-([<>])-([^\]]+)\])$/

/** Reads the line of the node itself in its reply to CLUSTER NODES. Undefined for an error, or a text without that line. */
export function readNodeView(frame: Buffer): NodeView | undefined {
  const at = valueStart(frame)
  if (isError(frame, at)) return undefined
  const lines = content(frame, at).toString('latin1').split('\n')
  const own = lines.map((line) => line.split(' ')).find(([, , flags]) => flags?.includes('myself'))
  return own === undefined ? undefined : viewOf(own[0]!, own.slice(8))
}

function viewOf(id: string, words: readonly string[]): NodeView {
  const owned = new SlotSet()
  const migrating = new Map<number, string>()
  const importing = new Set<number>()
  for (const word of words) {
    const [, first, last = first, moving, direction, peer] = WORD.exec(word) ?? []
    if (first !== undefined) owned.addRange(Number(first), Math.min(Number(last), SLOT_COUNT - 1))
    else if (direction === '>') migrating.set(Number(moving), peer!)
    else if (direction === '<') importing.add(Number(moving))
  }
  return { id, owned, migrating, importing }
}

/** Whether no slot is on its way to the node or from it. */
export function isSettled({ migrating, importing }: NodeView): boolean {
  return migrating.size === 0 && importing.size === 0
}
