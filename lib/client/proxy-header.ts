/**
 * The header of the PROXY protocol, versions 1 and 2, with which a load balancer tells whose connection it hands on
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt).
 *
 * @module
 */

import net from 'node:net'
import type { HostPort } from '../settings.ts'

/** Whose connection it is, and where the client believes to be connected to. */
export interface Origin {
  readonly remote: HostPort | { readonly path: string }
  readonly local: HostPort | { readonly path: string }
}

/** A header that is whole. */
export interface ProxyHeader {
  /** Its bytes; what follows is the client's. */
  readonly length: number
  /** Undefined where the connection is the balancer's own (a health check), or is not said to be anybody's. */
  readonly origin: Origin | undefined
}

/** More bytes are needed. */
export const INCOMPLETE: unique symbol = Symbol('incomplete')
/** These bytes are no header. */
export const MALFORMED: unique symbol = Symbol('malformed')

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const FIXED = 16
const V1_START = Buffer.from('PROXY ', 'latin1')
/** Longest header of version 1, its line end included. */
const V1_LONGEST = 107

const LOCAL_COMMAND = 0x20
const PROXY_COMMAND = 0x21
const UNSPECIFIED = 0x00
const TCP4 = 0x11
const TCP6 = 0x21
const UNIX = 0x31
const UNIX_PATH = 108

/** Reads the header that a connection begins with. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | typeof INCOMPLETE | typeof MALFORMED {
  if (beginsLike(bytes, SIGNATURE)) {
    return bytes.length < FIXED ? INCOMPLETE : readBinary(bytes)
  }
  return beginsLike(bytes, V1_START) ? readText(bytes) : MALFORMED
}

/** Whether the bytes are the beginning of `start`, or begin with it. */
function beginsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

// Version 1: one line of text

function readText(bytes: Buffer): ReturnType<typeof readProxyHeader> {
  const end = bytes.subarray(0, V1_LONGEST).indexOf('\r\n')
  if (end < 0) return bytes.length < V1_LONGEST ? INCOMPLETE : MALFORMED
  const length = end + 2
  const [, family, ...rest] = bytes.toString('latin1', 0, end).split(' ')
  if (family === 'UNKNOWN') return { length, origin: undefined }
  const [source = '', destination = '', sourcePort = '', destinationPort = ''] = rest
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : -1
  const right =
    rest.length === 4 &&
    [source, destination].every((host) => net.isIP(host) === version) &&
    [sourcePort, destinationPort].every(isPortText)
  if (!right) return MALFORMED
  return {
    length,
    origin: {
      remote: { host: source, port: Number(sourcePort) },
      local: { host: destination, port: Number(destinationPort) },
    },
  }
}

function isPortText(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535
}

// Version 2: binary; what follows the addresses (TLVs) is skipped

function readBinary(bytes: Buffer): ReturnType<typeof readProxyHeader> {
  const command = bytes[12]!
  const family = bytes[13]!
  if (command !== LOCAL_COMMAND && command !== PROXY_COMMAND) return MALFORMED
  const length = FIXED + bytes.readUInt16BE(14)
  if (bytes.length < length) return INCOMPLETE
  const body = bytes.subarray(FIXED, length)
  if (command === LOCAL_COMMAND || family === UNSPECIFIED) return { length, origin: undefined }
  const origin = family === UNIX ? unixOrigin(body) : tcpOrigin(body, family)
  return origin === undefined ? MALFORMED : { length, origin }
}

function tcpOrigin(body: Buffer, family: number): Origin | undefined {
  const size = family === TCP4 ? 4 : family === TCP6 ? 16 : 0
  if (size === 0 || body.length < 2 * size + 4) return undefined
  const address = size === 4 ? ipv4 : ipv6
  return {
    remote: { host: address(body, 0), port: body.readUInt16BE(2 * size) },
    local: { host: address(body, size), port: body.readUInt16BE(2 * size + 2) },
  }
}

function unixOrigin(body: Buffer): Origin | undefined {
  if (body.length < 2 * UNIX_PATH) return undefined
  return { remote: { path: path(body, 0) }, local: { path: path(body, UNIX_PATH) } }
}

function ipv4(body: Buffer, at: number): string {
  return body.subarray(at, at + 4).join('.')
}

/** In the shortest form, as everybody writes it. */
function ipv6(body: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => body.readUInt16BE(at + 2 * i).toString(16))
  return new net.SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}

/** Up to its first NUL; what would spoil a line of CLIENT LIST is not shown. */
function path(body: Buffer, at: number): string {
  const text = body.toString('latin1', at, at + UNIX_PATH)
  return text.split('\0', 1)[0]!.replace(/[^\x21-\x7e]/g, '?')
}
