import net from 'node:net'
import type { Duplex } from 'node:stream'

/** Where the bytes of a stream go. */
export interface Destination {
  /** The place for what is read next. */
  room(): Buffer
  /** `length` bytes stand at the front of `room`, the place that was given last; valid during the call only. */
  filled(length: number, room: Buffer): void
  /** A chunk that was made for the purpose. */
  taken(chunk: Buffer): void
}

/** What a socket with the option `onread` has, and what reads for it. */
interface OwnReading {
  [name: symbol]: unknown
  readonly _handle?: { useUserBuffer?(buffer: Buffer): void } | null
}

/** What Node calls the fields of a socket that the option `onread` sets. */
interface Fields {
  readonly buffer: symbol
  readonly callback: symbol
  readonly generate: symbol
}

let fields: Fields | null | undefined

function fieldsOf(socket: net.Socket): Fields | null {
  const symbols = Object.getOwnPropertySymbols(socket)
  const named = (name: string): symbol | undefined =>
    symbols.find(({ description }) => description === name)
  const [buffer, callback, generate] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map(named)
  if (buffer === undefined || callback === undefined || generate === undefined) return null
  return { buffer, callback, generate }
}

/**
 * Has a stream read from now on. What Node reads from a socket it puts into memory that it allocates for each read, unless the socket was
 * made with the option `onread`; and the sockets that a server accepts cannot be given options. They are of the same class, so this
 * sets what that option would have set: a GET alone costs 5 to 10 % less, and a large value is read to where it stays. Where a socket
 * is not as expected (another version of Node, TLS, a stream that was read from before, or that others listen to) it is read by its `data` events.
 *
 * @returns whether it is read in place.
 */
export function readInto(destination: Destination, stream: Duplex): boolean {
  const own = ownReading(stream)
  if (own === undefined) {
    stream.on('data', (chunk: Buffer) => destination.taken(chunk))
    return false
  }
  const { socket, use, names } = own
  let room = destination.room()
  socket[names.buffer] = room
  socket[names.callback] = (length: number) => {
    destination.filled(length, room)
    return true
  }
  // Undefined: the same place again.
  socket[names.generate] = () => {
    const next = destination.room()
    if (next === room) return undefined
    room = next
    return room
  }
  use(room)
  stream.resume()
  return true
}

function ownReading(
  stream: Duplex
): { socket: OwnReading; use: (room: Buffer) => void; names: Fields } | undefined {
  // Who embeds the proxy may listen to a socket's bytes, too.
  const heard = stream.listenerCount('data') + stream.listenerCount('readable') > 0
  if (heard || stream.readableLength > 0 || stream.constructor !== net.Socket) return undefined
  const socket = stream as unknown as OwnReading
  const handle = socket._handle
  fields ??= fieldsOf(stream as net.Socket)
  if (fields === null || socket[fields.buffer] !== null) return undefined
  if (typeof handle?.useUserBuffer !== 'function') return undefined
  return { socket, use: (room) => handle.useUserBuffer!(room), names: fields }
}
