import net from 'node:net'
import type { Duplex } from 'node:stream'
import createDebug from 'debug'
import { ProxyError } from '../errors.ts'
import type { EventSink } from '../events.ts'
import { plainAddress, rawStream } from './endpoints.ts'
import { INCOMPLETE, MALFORMED, type Origin, readProxyHeader } from './proxy-header.ts'

const debug = createDebug('redis-cluster-proxy:client')

/** Milliseconds for the header to come. */
const HEADER_TIME = 5000
/** Addresses of which one complaint each is remembered. */
const COMPLAINTS = 100

/** Takes the header of the PROXY protocol off connections from trusted peers, before anybody else reads from them. */
export class ProxyGate {
  readonly #events: EventSink
  readonly #trusted: net.BlockList = new net.BlockList()
  readonly #unix: boolean
  readonly #origins: WeakMap<Duplex, Origin> = new WeakMap()
  readonly #waiting: Set<Duplex> = new Set()
  readonly #complained: Set<string> = new Set()

  /** `trusted`: addresses and networks, and `unix` for UNIX sockets. */
  constructor(trusted: readonly string[], events: EventSink) {
    this.#events = events
    this.#unix = trusted.includes('unix')
    for (const peer of trusted) {
      const [address = '', prefix] = peer.split('/')
      const version = net.isIP(address)
      if (version === 0) continue
      const family = version === 4 ? 'ipv4' : 'ipv6'
      this.#trusted.addSubnet(address, Number(prefix ?? (version === 4 ? 32 : 128)), family)
    }
  }

  /** Whose connection a stream is, as its header told; undefined where there was none. */
  originOf(stream: Duplex): Origin | undefined {
    return this.#origins.get(rawStream(stream))
  }

  /** Calls `go` when the header is read; at once where none is to be expected. A connection with a bad header is closed. */
  admit(stream: Duplex, go: () => void): void {
    if (!this.#trusts(stream)) {
      go()
      return
    }
    this.#waiting.add(stream)
    let bytes: Buffer = Buffer.alloc(0)
    const onReadable = (): void => {
      const chunk = stream.read() as Buffer | null
      if (chunk === null) return
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const header = readProxyHeader(bytes)
      if (header === INCOMPLETE) return
      leave()
      if (header === MALFORMED) {
        this.#refuse(stream, 'began with something else')
        return
      }
      if (header.origin !== undefined) this.#origins.set(stream, header.origin)
      if (bytes.length > header.length) stream.unshift(bytes.subarray(header.length))
      go()
      // TLS reads by itself.
      if (stream.listenerCount('data') > 0) stream.resume()
    }
    const onEnd = (): void => {
      leave()
      // Who connects and says nothing is looking whether anybody is here.
      if (bytes.length === 0) stream.destroy()
      else this.#refuse(stream, 'ended within it')
    }
    const leave = (): void => {
      clearTimeout(timer)
      this.#waiting.delete(stream)
      stream.off('readable', onReadable)
      stream.off('end', onEnd)
      stream.off('close', leave)
    }
    const timer = setTimeout(() => {
      leave()
      this.#refuse(stream, `did not come within ${HEADER_TIME} ms`)
    }, HEADER_TIME)
    stream.on('readable', onReadable)
    stream.on('end', onEnd)
    stream.on('close', leave)
    // A server's socket has no other listener as yet.
    stream.on('error', (error) => debug('before the header: %s', error.message))
  }

  /** Ends the connections whose header is still awaited. */
  close(): void {
    for (const stream of this.#waiting) stream.destroy()
  }

  #trusts(stream: Duplex): boolean {
    if (!(stream instanceof net.Socket)) return false
    const address = plainAddress(stream.remoteAddress ?? '')
    const version = net.isIP(address)
    if (version === 0) return this.#unix
    return this.#trusted.check(address, version === 4 ? 'ipv4' : 'ipv6')
  }

  #refuse(stream: Duplex, what: string): void {
    stream.destroy()
    const peer = plainAddress((stream as net.Socket).remoteAddress ?? 'unix')
    if (this.#complained.has(peer) || this.#complained.size >= COMPLAINTS) return
    this.#complained.add(peer)
    const text = `a connection from the trusted proxy ${peer} was closed: its PROXY protocol header ${what}`
    debug('%s', text)
    if (this.#events.wants('warning'))
      this.#events.emit('warning', new ProxyError('PROXY_HEADER', text))
  }
}
