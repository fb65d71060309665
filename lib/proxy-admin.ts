import type { AdminServices, TopologyRecord } from './client/commands/admin.ts'
import type { Refresher } from './cluster/refresher.ts'
import type { TopologyChangeEvent } from './events.ts'
import type { ServiceParts } from './proxy-services.ts'

/** Changes of the topology that are remembered. */
const REMEMBERED = 100

/** The last changes of the topology. */
export class TopologyHistory {
  readonly records: TopologyRecord[] = []

  add(change: TopologyChangeEvent): void {
    this.records.push({ at: Date.now(), change })
    if (this.records.length > REMEMBERED) this.records.shift()
  }
}

/** What the PROXY command is made of, beside what the services are. */
export interface AdminParts extends ServiceParts {
  readonly refresher: Refresher
  readonly history: TopologyHistory
  /** Whether the last inquiry failed. */
  refreshFailed(): boolean
  reconfigure: AdminServices['reconfigure']
}

/** What the proxy offers to the PROXY command. */
export function adminServices(
  parts: AdminParts,
  listening: () => AdminServices['listening']
): AdminServices {
  const { settings, cache, pool, refresher, learner, history } = parts
  return {
    settings,
    program: settings.program ?? {},
    rules: {
      get crossSlot() {
        return settings.crossSlot
      },
      get adminCommands() {
        return settings.adminCommands
      },
      get ownUsers() {
        return (settings.users?.length ?? 0) > 0
      },
      get serverVersion() {
        return learner.catalogue.version
      },
    },
    get topology() {
      return cache.topology
    },
    history: history.records,
    get status() {
      // While nobody answers the cluster is asked all the time, which makes it no better.
      if (parts.refreshFailed() || cache.topology.version === 0) return 'broken'
      return refresher.busy ? 'updating' : 'updated'
    },
    get entry() {
      return refresher.entry
    },
    get listening() {
      return listening()
    },
    connected: (address) => pool.named(address)?.status === 'up',
    owner: (slot) => {
      const master = cache.owner(slot)
      const replicas = master === undefined ? [] : cache.replicas(master)
      return { master: master?.name, replicas: replicas.map(({ name }) => name) }
    },
    refresh: () => refresher.refresh('request'),
    reconfigure: parts.reconfigure,
  }
}
