import { type NatMap, type NodeAddress, parseNodeAddress } from '../settings.ts'

/** `host:port`, or the path of a UNIX socket: the one name of an address, used as key and shown everywhere. */
export function addressName(address: NodeAddress): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`
}

function fromText(text: string, port: number): { host: string; port: number } {
  const parsed = text.includes(':') ? parseNodeAddress(text) : undefined
  return parsed !== undefined && 'host' in parsed ? parsed : { host: text, port }
}

/**
 * The address to dial for one that a node announced. An object map is asked for `host:port` first, then for `host` alone; what it does not hold
 * is dialled as announced. A function may return undefined to say the same.
 */
export function dialled(
  map: NatMap | undefined,
  host: string,
  port: number
): { host: string; port: number } {
  if (map === undefined) return { host, port }
  if (typeof map === 'function') return map(host, port) ?? { host, port }
  for (const key of [`${host}:${port}`, host]) {
    const to = Object.hasOwn(map, key) ? map[key] : undefined
    if (to !== undefined)
      return typeof to === 'string' ? fromText(to, port) : { host: to.host, port: to.port }
  }
  return { host, port }
}
