import type { ClusterProxy, CommandEvent } from '../index.ts'
import type { Log } from './log.ts'

/** Which of the dumps are on; they show at level `debug` only. */
export interface Dumps {
  queries: boolean
  buffer: boolean
  queues: boolean
}

/** Writes the events of a proxy to the log. No argument of a command, and so no key, value or password, is ever written. */
export class EventLog {
  readonly dumps: Dumps
  readonly #proxy: ClusterProxy
  readonly #log: Log
  #watching = false

  constructor(proxy: ClusterProxy, log: Log, dumps: Dumps) {
    this.#proxy = proxy
    this.#log = log
    this.dumps = dumps
    this.#listen()
    this.follow()
  }

  /** Commands are watched only while something of them is to be written, since that costs. */
  follow(): void {
    const { queries, buffer, queues } = this.dumps
    const wanted = this.#log.wants('debug') && (queries || buffer || queues)
    if (wanted === this.#watching) return
    this.#watching = wanted
    if (wanted) this.#proxy.on('command', this.#onCommand)
    else this.#proxy.off('command', this.#onCommand)
  }

  #listen(): void {
    const log = this.#log
    this.#proxy
      .on('ready', () => log.write('success', 'the cluster is known, commands are served'))
      .on('topologyChange', ({ reason, slotsMoved, added, removed, promoted }) => {
        const lists = { added: added.join(), removed: removed.join(), promoted: promoted.join() }
        log.write('info', 'the cluster changed', { reason, slotsMoved, ...lists })
      })
      .on('nodeUp', ({ address }) => log.write('info', 'node is up', { address }))
      .on('nodeDown', ({ address, cause }) =>
        log.write('warning', 'node is down', { address, cause: cause?.message })
      )
      .on('redirect', ({ kind, slot, from, to, command }) =>
        log.write('debug', 'redirect', { kind, slot, from, to, command })
      )
      .on('partialFailure', ({ command, applied, failed }) =>
        log.write('warning', 'a command over several slots was carried out in part', {
          command,
          applied: applied.map(({ node }) => node).join(),
          failed: failed.map(({ node }) => node).join(),
        })
      )
      .on('clientConnect', ({ id, address }) =>
        log.write('debug', 'client connected', { id, address })
      )
      .on('clientDisconnect', ({ id, address, reason }) =>
        log.write('debug', 'client is gone', { id, address, reason })
      )
      .on('warning', ({ message }) => log.write('warning', message))
      .on('error', ({ message }) => log.write('error', message))
  }

  readonly #onCommand = (event: CommandEvent): void => {
    const { queries, buffer, queues } = this.dumps
    const { command, clientId: client, slot, node, latency, redirects, retries } = event
    if (queries) {
      const ms = latency.toFixed(3)
      this.#log.write('debug', 'query', { client, command, slot, node, ms, redirects, retries })
    }
    if (buffer) {
      const { requestBytes, replyBytes } = event
      this.#log.write('debug', 'buffer', { client, command, requestBytes, replyBytes })
    }
    if (queues) {
      const waiting = this.#proxy.stats().nodes.map(({ address, pending }) => [address, pending])
      this.#log.write('debug', 'queues', Object.fromEntries(waiting))
    }
  }
}
