/**
 * The push `MOVING` of maintenance notifications: asks a client to make a new connection before this one ends.
 *
 * @module
 */

import type { Duplex } from 'node:stream'
import { encodeReply, type ProtocolVersion, Push } from '../resp/encode.ts'
import type { HostPort } from '../settings.ts'

/** How a client wants to be told where to go: by address, by name, or not at all, since it knows. */
export type MovingEndpoint = 'ip' | 'fqdn' | 'none'

/** Counts the notifications of this process. */
let sequence = 0

/** What a client has chosen. */
interface Mover {
  readonly protocol: ProtocolVersion
  readonly moving: MovingEndpoint | undefined
}

/** What a drain means for those who are told. */
export interface Moving {
  /** Whole seconds until their connections end. */
  readonly seconds: number
  /** Whether somebody serves the same address from now on. */
  readonly successor: boolean
}

/**
 * `MOVING sequence seconds host:port`, or null in place of the address for a client that asked for none; undefined for one that did not ask, or
 * cannot be told where to go. `advertised` is where it believes the proxy to be.
 */
export function movingPush(
  { protocol, moving }: Mover,
  stream: Duplex,
  advertised: HostPort,
  { seconds, successor }: Moving
): Buffer | undefined {
  if (protocol !== 3 || moving === undefined || seconds < 1) return undefined
  if (moving !== 'none' && !successor) return undefined
  const endpoint = moving === 'none' ? null : endpointText(stream, advertised, moving)
  if (endpoint === undefined) return undefined
  return encodeReply(new Push(['MOVING', ++sequence, seconds, endpoint]), 3)
}

/** Clients split at the first colon, so that an address of IPv6 would lead them nowhere. */
function endpointText(stream: Duplex, { host, port }: HostPort, kind: string): string | undefined {
  // The name that the client gave in the TLS handshake is one that the certificate holds for.
  const { servername } = stream as Duplex & { readonly servername?: string | false | null }
  const name = kind === 'fqdn' && servername ? servername : host
  return name.includes(':') ? undefined : `${name}:${port}`
}
