import createDebug from 'debug'
import type { ProxyError } from '../errors.ts'
import type { NodeAddress } from '../settings.ts'
import { addressName } from './address-map.ts'
import type { ConnectionSetup } from './connection.ts'
import { Lane } from './lane.ts'

const debug = createDebug('redis-cluster-proxy:cluster')

/** The lanes that every node has; a lane is one shared connection. */
export const LANES = {
  /** Clients that speak RESP2. */
  resp2: 0,
  /** Clients that speak RESP3. */
  resp3: 1,
  /** The proxy's own questions, always RESP2. */
  control: 2,
} as const

/** What nodes need of the pool they belong to. */
export interface NodeServices {
  /** How a connection of the lane to the address is set up. */
  setup(address: NodeAddress, lane: number): ConnectionSetup
  readonly reconnectMinDelay: number
  readonly reconnectMaxDelay: number
  /** Bytes that may wait for a connection before senders should pause. */
  readonly outputPause: number
  onUp(node: ClusterNode): void
  onDown(node: ClusterNode, error: ProxyError): void
  /** A connection that had been ready is gone. */
  onLost(node: ClusterNode, error: ProxyError): void
}

/**
 * A Redis server, with its shared connections. While it refuses connections one lane alone tries again, with growing delays;
 * the others wait for what that one finds.
 */
export class ClusterNode {
  readonly address: NodeAddress
  /** `host:port`, or the path of a UNIX socket. */
  readonly name: string
  /** `unknown` until the first connection succeeded or failed. */
  status: 'unknown' | 'up' | 'down' | 'retired' = 'unknown'
  readonly #services: NodeServices
  readonly #lanes: Lane[] = []
  #failures = 0
  /** The lane that tries to reach a node that is down. */
  #probe: Lane | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(address: NodeAddress, services: NodeServices) {
    this.address = address
    this.name = addressName(address)
    this.#services = services
  }

  /** The lane with the given number, made when first asked for. */
  lane(index: number): Lane {
    return this.#lanes[index] ?? this.#makeLane(index)
  }

  #makeLane(index: number): Lane {
    const services = this.#services
    const lane = new Lane(this, services.outputPause, () => services.setup(this.address, index))
    this.#lanes[index] = lane
    return lane
  }

  /** The lanes in use. */
  get lanes(): readonly Lane[] {
    return this.#lanes.filter((lane) => lane !== undefined)
  }

  /** @internal Whether `lane` may dial now. If not, {@link Lane.dial} is called when it may. */
  mayDial(lane: Lane): boolean {
    if (this.status === 'unknown' || this.status === 'up') return true
    return this.status === 'down' && this.#probe === lane
  }

  /** @internal A lane's connection is ready. */
  reached(): void {
    const was = this.status
    if (was === 'retired') return
    this.status = 'up'
    this.#failures = 0
    this.#probe = undefined
    clearTimeout(this.#timer)
    if (was === 'up') return
    debug('%s is up', this.name)
    this.#services.onUp(this)
    for (const lane of this.lanes) lane.wake()
  }

  /** @internal A lane could not connect. */
  refused(error: ProxyError): void {
    const was = this.status
    if (was === 'retired') return
    this.status = 'down'
    this.#failures++
    const { reconnectMinDelay, reconnectMaxDelay } = this.#services
    const longest = Math.min(
      reconnectMaxDelay,
      reconnectMinDelay * 2 ** Math.min(this.#failures - 1, 20)
    )
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tryAgain(), longest * (0.5 + Math.random() / 2))
    this.#probe = undefined
    debug('%s is down: %s', this.name, error.message)
    if (was !== 'down') this.#services.onDown(this, error)
    for (const lane of this.lanes) lane.giveUp(error)
  }

  /** @internal A connection that had been ready is gone. */
  lost(error: ProxyError): void {
    if (this.status !== 'retired') this.#services.onLost(this, error)
  }

  #tryAgain(): void {
    if (this.status !== 'down') return
    const lanes = this.lanes
    this.#probe = lanes.find((lane) => lane.waiting > 0) ?? lanes[0]
    this.#probe?.dial()
  }

  /** Closes connections that have nothing in flight, now or as soon as that is so; no new ones are made. */
  retire(): void {
    if (this.status === 'retired') return
    debug('%s is retired', this.name)
    this.status = 'retired'
    clearTimeout(this.#timer)
    for (const lane of this.lanes) lane.retire()
  }

  /** Closes all connections at once. */
  close(): void {
    this.status = 'retired'
    clearTimeout(this.#timer)
    for (const lane of this.lanes) lane.close()
  }
}
