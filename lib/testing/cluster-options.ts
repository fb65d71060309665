import { ProxyError } from '../errors.ts'
import type { AnnouncedEndpoint, Endpoint } from './node-state.ts'

/** Options of `createFakeCluster`. */
export interface FakeClusterOptions {
  /** How many masters share the slots; default 3. */
  readonly masters?: number
  /** How many replicas each master has; default 0. */
  readonly replicas?: number
  /** Host on which all nodes listen; default `127.0.0.1`. */
  readonly host?: string
  /** Ports, masters first; nodes beyond the list take free ones, as all do by default. */
  readonly ports?: readonly number[]
  /** Password of the default user; by default anybody may enter. */
  readonly password?: string
  /** Passwords of further users by name. */
  readonly users?: Readonly<Record<string, string>>
  /** Redis version that the nodes claim, default `7.0.15`; commands that came later are unknown. */
  readonly version?: string
  /** Milliseconds by which all replies come late; default 0. */
  readonly latency?: number
  /** What a node tells instead of its address, given its index and its real address; by default the truth. */
  readonly announce?: (index: number, real: Endpoint) => Partial<AnnouncedEndpoint> | undefined
}

/** The error of a call that makes no sense. */
export function wrong(message: string): ProxyError {
  return new ProxyError('INVALID_OPTION', message)
}

function checkCount(name: string, value: number | undefined, least: number): void {
  if (value !== undefined && (!Number.isInteger(value) || value < least)) {
    throw wrong(`option ${name}: expected a whole number from ${least}, got ${String(value)}`)
  }
}

/** Throws `INVALID_OPTION` for counts that make no cluster. */
export function checkOptions(options: FakeClusterOptions): void {
  checkCount('masters', options.masters, 1)
  checkCount('replicas', options.replicas, 0)
}
