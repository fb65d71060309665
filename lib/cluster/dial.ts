import net from 'node:net'
import tls from 'node:tls'
import type { NodeAddress } from '../settings.ts'

/** A socket to a node; `encrypted` tells a TLS one. */
export type NodeSocket = net.Socket & { readonly encrypted?: boolean }

/** Where a socket puts what it reads, and who is told: no chunk is allocated for each read. */
export interface Reading {
  /** The buffer for the next read. */
  readonly buffer: () => Uint8Array
  /** `length` bytes stand at the front of `buffer`; valid during the call only. */
  readonly callback: (length: number, buffer: Uint8Array) => boolean
}

/** How sockets to nodes are opened. */
export interface DialSettings {
  /** TLS options, or undefined for plain TCP. */
  readonly nodeTls: tls.ConnectionOptions | undefined
  /** Seconds of idleness before TCP probes; 0: none. */
  readonly keepAlive: number
}

/** Opens a socket to a node. Host names are looked up each time. */
export function dial(address: NodeAddress, settings: DialSettings, onread: Reading): NodeSocket {
  if ('path' in address) return net.connect({ path: address.path, onread })
  const { host, port } = address
  const common = {
    host,
    port,
    onread,
    noDelay: true,
    keepAlive: settings.keepAlive > 0,
    keepAliveInitialDelay: settings.keepAlive * 1000,
  }
  if (settings.nodeTls === undefined) return net.connect(common)
  const servername = net.isIP(host) === 0 ? { servername: host } : {}
  return tls.connect({ ...servername, ...settings.nodeTls, ...common })
}
