import type { Clock } from '../clock.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import type { Refresher } from '../cluster/refresher.ts'
import type { ReplicaWatch } from '../cluster/replica-watch.ts'
import type { OnLeft, SlotCache } from '../cluster/slot-cache.ts'
import type { EventSink } from '../events.ts'
import { errorFrame } from '../resp/encode.ts'
import type { Settings } from '../settings.ts'
import type { ReadPolicy } from './reader.ts'
import type { Request } from './request.ts'

/** What the router works with. */
export interface RouterParts {
  readonly settings: Pick<
    Settings,
    | 'maxRedirects'
    | 'retryBudget'
    | 'autoRedirect'
    | 'announceMap'
    | 'gatherMaxBytes'
    | 'scriptCacheBytes'
    | 'coalesce'
  >
  readonly clock: Clock
  readonly pool: ConnectionPool
  readonly cache: SlotCache
  readonly refresher: Refresher
  readonly events: EventSink
  readonly watch: ReplicaWatch
  readonly reads: ReadPolicy
  readonly onLeft?: OnLeft
}

/** From the first attempt on that goes wrong the delays grow from here to there, in milliseconds. */
export const FIRST_DELAY = 10
const LONGEST_DELAY = 500
/** A random delay that grows with the number of attempts, milliseconds. */
export function backOff(attempt: number): number {
  return (
    Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2)
  )
}

/** Answers a request with an error: its text, code first. */
export function answerError(request: Request, text: string): void {
  const reply = errorFrame(text)
  request.finish(reply, 0, reply.length)
}
