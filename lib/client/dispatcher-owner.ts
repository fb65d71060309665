import type { Reader } from '../router/reader.ts'
import type { RequestOwner } from '../router/request.ts'
import type { LocalClient } from './commands/local.ts'
import type { WrittenMasters } from './written-masters.ts'

/** The connection whose requests a dispatcher sees to. */
export interface DispatcherOwner extends RequestOwner, LocalClient {
  lane: number
  reader: Reader | undefined
  lastCommand: string
  totalCommands: number
  /** The masters that its writes went to, and of each a slot. */
  readonly written: WrittenMasters
  /** A reason to leave requests unread is gone. */
  go(reason: number): void
  /** Sends what answers no request; the bytes may be shared by many clients. */
  push(bytes: Buffer): void
  /** Ends the connection at once. */
  abort(reason: string): void
}
