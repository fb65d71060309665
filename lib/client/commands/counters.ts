/**
 * The figures of `INFO` and `PROXY INFO`, which are those of all threads together.
 *
 * @module
 */

import type { ReplyValue } from '../../resp/encode.ts'
import { BUFFERED_BYTES } from '../bytes-elsewhere.ts'
import { type Everywhere, everywhere, type Share } from './everywhere.ts'
import type { LocalCall, LocalHandler, LocalServices } from './local.ts'

/** The figures of one thread, or of all. */
export interface Counters extends Omit<LocalServices['totals'], 'masters' | 'replicas'> {
  /** Clients connected now. */
  readonly clients: number
  readonly blockedClients: number
  /** Clients that track keys. */
  readonly trackingClients: number
  /** Bytes that the client that holds most has buffered. */
  readonly largestInput: number
  readonly largestOutput: number
  /** Bytes of memory. */
  readonly used: number
  readonly resident: number
  /** Microseconds of processor time. */
  readonly cpuUser: number
  readonly cpuSystem: number
}

function ownCounters({ clients, totals }: LocalServices): Counters {
  const connected = [...clients()]
  const { heapUsed, external, rss } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  return {
    clients: connected.length,
    blockedClients: connected.filter(({ blocked }) => blocked).length,
    trackingClients: connected.filter(({ session }) => session.tracking !== undefined).length,
    largestInput: connected.reduce((most, { inputBytes }) => Math.max(most, inputBytes), 0),
    largestOutput: connected.reduce((most, { outputBytes }) => Math.max(most, outputBytes), 0),
    used: heapUsed + external,
    resident: rss,
    commands: totals.commands,
    connections: totals.connections,
    rejectedConnections: totals.rejectedConnections,
    bytesRead: totals.bytesRead,
    bytesWritten: totals.bytesWritten,
    redirects: totals.redirects,
    coalesced: totals.coalesced,
    cpuUser: user,
    cpuSystem: system,
  }
}

const LARGEST: readonly string[] = ['largestInput', 'largestOutput']

/** All threads together. */
export function inAll(shares: readonly Share<Counters>[]): Counters {
  const [first, ...others] = shares.map(({ value }) => value)
  const sum: Record<string, number> = { ...first! }
  for (const counters of others) {
    for (const [name, value] of Object.entries(counters)) {
      sum[name] = LARGEST.includes(name) ? Math.max(sum[name]!, value) : sum[name]! + value
    }
  }
  return sum as unknown as Counters
}

/** What each thread counts. */
export const counting: Omit<Everywhere<Counters>, 'reply'> = {
  kind: 'counters',
  share: (_args, services) => ownCounters(services),
}

/** What the clients of each thread have buffered. */
export const buffering: Omit<Everywhere<number>, 'reply'> = {
  kind: BUFFERED_BYTES,
  share: (_args, { bufferedBytes }) => bufferedBytes,
}

/** A handler whose reply is made of the counters of all threads. */
export function withCounters(
  reply: (shares: readonly Share<Counters>[], call: LocalCall) => ReplyValue | Promise<ReplyValue>
): LocalHandler {
  return everywhere({ ...counting, reply })
}
