import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { HostPort } from '../settings.ts'

/** Where a client is, and where it believes the proxy to be. */
export interface Endpoints {
  /** `ip:port`; `path:0` for a UNIX socket, `?:0` for a stream that has no address. */
  readonly remote: string
  readonly local: string
  /** What CLUSTER replies tell this client; never empty, since clients skip nodes without a host. */
  readonly advertised: HostPort
  /** Whether written bytes are out of our hands as soon as the stream holds none (see `Batch`). */
  readonly reuse: boolean
}

/** IPv4 clients of a dual-stack socket are shown as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

/** Reads the endpoints off a stream. `announced` turns the address the client used into what it is told; `fallback` serves where there is none. */
export function endpoints(
  stream: Duplex,
  announced: (host: string, port: number) => HostPort,
  fallback: HostPort
): Endpoints {
  const socket = stream instanceof net.Socket ? stream : undefined
  const reuse = socket !== undefined && !('encrypted' in socket)
  const { remoteAddress, remotePort, localAddress, localPort } = socket ?? {}
  if (remoteAddress === undefined || localAddress === undefined) {
    return {
      remote: '?:0',
      local: '?:0',
      advertised: announced(fallback.host, fallback.port),
      reuse,
    }
  }
  const host = plainAddress(localAddress)
  return {
    remote: `${plainAddress(remoteAddress)}:${remotePort}`,
    local: `${host}:${localPort}`,
    advertised: announced(host, localPort ?? fallback.port),
    reuse,
  }
}
