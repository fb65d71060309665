import type { EventEmitter } from 'node:events'
import createDebug from 'debug'
import { ProxyError } from './errors.ts'
import type { EventSink, ProxyEvents } from './events.ts'

const debug = createDebug('redis-cluster-proxy:proxy')

/** Hands events to the listeners on the server, one by one: what a listener throws reaches neither the others nor the proxy. */
export class ServerEvents implements EventSink {
  readonly #server: EventEmitter

  constructor(server: EventEmitter) {
    this.#server = server
  }

  wants(event: keyof ProxyEvents): boolean {
    return this.#server.listenerCount(event) > 0
  }

  emit<Name extends keyof ProxyEvents>(event: Name, ...payload: ProxyEvents[Name]): void {
    for (const listener of this.#server.rawListeners(event)) {
      try {
        const result: unknown = listener.apply(this.#server, payload)
        if (result instanceof Promise) result.catch((cause) => this.#threw(event, cause))
      } catch (cause) {
        this.#threw(event, cause)
      }
    }
  }

  #threw(event: keyof ProxyEvents, cause: unknown): void {
    const text = cause instanceof Error ? cause.message : String(cause)
    debug('a listener of %s threw: %s', event, text)
    if (event === 'error' || !this.wants('error')) return
    this.emit('error', new ProxyError('HOOK', `a listener of '${event}' threw: ${text}`, { cause }))
  }
}
