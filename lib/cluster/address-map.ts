import net from 'node:net'
import createDebug from 'debug'
import {
  type AddressMap,
  type HostPort,
  isPort,
  type MappedAddress,
  type NodeAddress,
  parseNodeAddress,
} from '../settings.ts'

const debug = createDebug('redis-cluster-proxy:cluster')

/** Where an address leads; undefined when no rule covers it. */
export type AddressMapper = (host: string, port: number) => HostPort | undefined

/** `host:port`, or the path of a UNIX socket: the one name of an address, used as key and shown everywhere. */
export function addressName(address: NodeAddress): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`
}

/** A rule for a network: `10.0.0.0/8` to a host, or to another network, which keeps the rest of the address. */
interface SubnetRule {
  readonly prefix: number
  readonly list: net.BlockList
  readonly to: string | MappedAddress
}

function family(host: string): 'ipv4' | 'ipv6' | undefined {
  const version = net.isIP(host)
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6'
}

function subnetRules(map: Exclude<AddressMap, (...args: never) => unknown>): SubnetRule[] {
  const rules: SubnetRule[] = []
  for (const [key, to] of Object.entries(map)) {
    const [network = '', prefix] = key.split('/')
    const kind = family(network)
    if (prefix === undefined || kind === undefined) continue
    const list = new net.BlockList()
    list.addSubnet(network, Number(prefix), kind)
    rules.push({ prefix: Number(prefix), list, to })
  }
  // The narrowest network that holds an address decides, as in routing tables.
  return rules.sort((one, other) => other.prefix - one.prefix)
}

/** The host part of `host`, an IPv4 address, in the network `to` (`a.b.c.d/n`). */
function transplant(host: string, to: string): string {
  const [network = '', prefix] = to.split('/')
  const bits = (address: string): number =>
    address.split('.').reduce((value, byte) => value * 256 + Number(byte), 0)
  const size = 2 ** (32 - Number(prefix))
  const moved = Math.floor(bits(network) / size) * size + (bits(host) % size)
  return [24, 16, 8, 0].map((shift) => Math.floor(moved / 2 ** shift) % 256).join('.')
}

function target(to: SubnetRule['to'], host: string, port: number): HostPort {
  if (typeof to !== 'string') return { host: to.host, port: to.port ?? port }
  if (to.includes('/')) return { host: transplant(host, to), port }
  const parsed = to.includes(':') && net.isIP(to) === 0 ? parseNodeAddress(to) : undefined
  return parsed !== undefined && 'host' in parsed ? parsed : { host: to, port }
}

/** What the host application's function throws, or an answer that is no address, must not reach the data path: no rule covers the address then. */
function mapByFunction(
  map: Extract<AddressMap, (...args: never) => unknown>,
  host: string,
  port: number
): HostPort | undefined {
  try {
    const to = map(host, port)
    if (to === undefined) return undefined
    const found = { host: to.host, port: to.port ?? port }
    if (typeof found.host === 'string' && found.host !== '' && isPort(found.port)) return found
    debug('the address map gives no address for %s:%d', host, port)
  } catch (error) {
    debug('the address map threw for %s:%d: %s', host, port, (error as Error).message)
  }
  return undefined
}

/**
 * Makes a map ready for use. In an object `host:port` is looked for first, then `host`, then the narrowest network that holds
 * the address.
 */
export function addressMapper(map: AddressMap | undefined): AddressMapper {
  if (map === undefined) return () => undefined
  if (typeof map === 'function') return (host, port) => mapByFunction(map, host, port)
  const subnets = subnetRules(map)
  return (host, port) => {
    for (const key of [`${host}:${port}`, host]) {
      if (Object.hasOwn(map, key)) return target(map[key]!, host, port)
    }
    const kind = family(host)
    const rule = kind && subnets.find(({ list }) => list.check(host, kind))
    return rule === undefined ? undefined : target(rule.to, host, port)
  }
}
