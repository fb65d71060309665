/**
 * What the PROXY command needs of the proxy as a whole.
 *
 * @module
 */

import type { Topology, TopologyChangeEvent } from '../../events.ts'
import type { ProgramHooks } from '../../program-hooks.ts'
import type { PlanRules } from '../../router/plan.ts'
import type { Settings } from '../../settings.ts'

/** A change of the cluster's shape, and when it was seen (milliseconds since the epoch). */
export interface TopologyRecord {
  readonly at: number
  readonly change: TopologyChangeEvent
}

/** What {@link AdminServices.owner} tells of a slot. */
export interface SlotOwner {
  /** `host:port` of the master; undefined while none is known. */
  readonly master: string | undefined
  /** `host:port` of its replicas. */
  readonly replicas: readonly string[]
}

/** What the proxy offers to the PROXY command. */
export interface AdminServices {
  /** The settings in force. */
  readonly settings: Settings
  /** What the program around the proxy lends; empty in a host application without. */
  readonly program: ProgramHooks
  /** What is planned by. */
  readonly rules: PlanRules
  readonly topology: Topology
  /** The last changes of the topology, the oldest first. */
  readonly history: readonly TopologyRecord[]
  /** Whether the slot table is being asked for just now, or could not be had the last time. */
  readonly status: 'updated' | 'updating' | 'broken'
  /** The entry point by which the cluster is known; undefined before it is. */
  readonly entry: string | undefined
  /** Where the proxy listens. */
  readonly listening: { readonly host: string; readonly port: number }
  /** Whether the connection to a node, by its `host:port`, stands. */
  connected(address: string): boolean
  owner(slot: number): SlotOwner
  /** Asks the cluster for its slots; resolves when the answer is in force. */
  refresh(): Promise<void>
  /** Puts options in force; throws a `ProxyError` when one is wrong. */
  reconfigure(changes: Partial<Settings>): void
}
