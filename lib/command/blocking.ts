import type { RequestView } from '../resp/request-reader.ts'
import { hasBlockOption } from './finders.ts'
import type { CommandSpec } from './spec.ts'

/**
 * Whether this very call may keep its connection waiting: any call of a blocking command, but XREAD and XREADGROUP only
 * with their option BLOCK.
 */
export function isBlockingCall(spec: CommandSpec, view: RequestView): boolean {
  if (!spec.blocking) return false
  return spec.treatment !== 'maybe-blocking' || hasBlockOption(view)
}
