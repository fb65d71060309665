import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { HostPort, NodeAddress } from '../settings.ts'
import type { Origin } from './proxy-header.ts'

/** Where a server listens. */
export interface Listening extends HostPort {
  /** The UNIX socket, if there is one. */
  readonly path?: string | undefined
}

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
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

function plain(address: NodeAddress): NodeAddress {
  return 'path' in address ? address : { host: plainAddress(address.host), port: address.port }
}

/** The stream below TLS, which is the one that was accepted. Node keeps it under a name that is not public; without it the stream stands for itself. */
export function rawStream(stream: Duplex): Duplex {
  return (stream as Duplex & { readonly _parent?: Duplex })._parent ?? stream
}

/** As Redis writes addresses. */
function shown(address: NodeAddress): string {
  if ('path' in address) return `${address.path}:0`
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}

/** What the stream itself knows; undefined for a stream that has no address. A socket without one came by the UNIX socket, unless it is gone. */
function ownOrigin(stream: net.Socket | undefined, { path }: Listening): Origin | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = stream ?? {}
  if (remoteAddress === undefined || localAddress === undefined) {
    const known = stream !== undefined && !stream.destroyed && path !== undefined
    return known ? { remote: { path }, local: { path } } : undefined
  }
  return {
    remote: { host: plainAddress(remoteAddress), port: remotePort ?? 0 },
    local: { host: plainAddress(localAddress), port: localPort ?? 0 },
  }
}

/**
 * Reads the endpoints off a stream, or takes them from what a trusted proxy said (`told`). `announced` turns the address the client used into what it is
 * told; `fallback` serves where there is none.
 */
export function endpoints(
  stream: Duplex,
  announced: (host: string, port: number) => HostPort,
  fallback: Listening,
  told?: Origin
): Endpoints {
  const socket = stream instanceof net.Socket ? stream : undefined
  const reuse = socket !== undefined && !('encrypted' in socket)
  const origin = told ?? ownOrigin(socket, fallback)
  if (origin === undefined) {
    return {
      remote: '?:0',
      local: '?:0',
      advertised: announced(fallback.host, fallback.port),
      reuse,
    }
  }
  const [remote, local] = [plain(origin.remote), plain(origin.local)]
  const used = 'path' in local ? fallback : local
  return {
    remote: shown(remote),
    local: shown(local),
    advertised: announced(used.host, used.port),
    reuse,
  }
}

/** Whether a client is on another machine. One that came to a trusted proxy by a UNIX socket is where that proxy is. */
export function isRemote(stream: Duplex, told: Origin | undefined): boolean {
  const { remoteAddress } = stream as Duplex & { readonly remoteAddress?: string }
  const host = told !== undefined && 'host' in told.remote ? told.remote.host : remoteAddress
  return host !== undefined && !/^(?:::ffff:)?127\.|^::1$/.test(host)
}
