import type { ProtocolVersion } from '../resp/encode.ts'

const PUSH = Buffer.from('>2\r\n$10\r\ninvalidate\r\n')
const MESSAGE = Buffer.from('*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n')

function payload(keys: readonly string[] | undefined, protocol: ProtocolVersion): Buffer {
  // As the server does it, the null is that of the client whose keys they are, whoever is told.
  if (keys === undefined) return Buffer.from(protocol === 3 ? '_\r\n' : '$-1\r\n')
  const items = keys.map((key) => `$${key.length}\r\n${key}\r\n`)
  return Buffer.from(`*${keys.length}\r\n${items.join('')}`, 'latin1')
}

/** What a RESP3 client is told: keys were changed (one character for each byte), or undefined for all. `protocol`: of the client that read them. */
export function invalidationPush(
  keys: readonly string[] | undefined,
  protocol: ProtocolVersion
): Buffer {
  return Buffer.concat([PUSH, payload(keys, protocol)])
}

/** The same for a RESP2 client that is subscribed. */
export function invalidationMessage(
  keys: readonly string[] | undefined,
  protocol: ProtocolVersion
): Buffer {
  return Buffer.concat([MESSAGE, payload(keys, protocol)])
}

/** What a RESP3 client is told when the client to be told in its place is gone. */
export function brokenRedirect(id: number): Buffer {
  return Buffer.from(`>2\r\n$21\r\ntracking-redir-broken\r\n:${id}\r\n`)
}

/** What another thread is asked: to tell one of its clients; see `Invalidations.onElsewhere`. */
export function messageFor(
  id: number,
  keys: readonly string[] | undefined,
  protocol: ProtocolVersion
): Buffer[] {
  const what = keys === undefined ? 'all' : 'keys'
  return [String(id), String(protocol), what, ...(keys ?? [])].map((word) =>
    Buffer.from(word, 'latin1')
  )
}
