/**
 * What Node itself costs: forwards bytes between clients and one server, and understands none of them.
 *
 *     forwarder.ts --port N --to N                                      a connection of its own for every client
 *     forwarder.ts --port N --to N --request-bytes N --reply-bytes N    all clients share one connection
 *
 * Without parsing, a shared connection can tell whose reply comes next only when all requests are of one length and all
 * replies are too: then it counts bytes. It is the floor for a proxy that shares its connections, and what it leaves
 * out is all that a proxy is for.
 *
 * @module
 */

import { connect, createServer, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import Denque from 'denque'

/** Whose replies come next on the shared connection, and how many bytes of them. */
interface Turn {
  readonly client: Socket
  bytes: number
}

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    to: { type: 'string' },
    'request-bytes': { type: 'string' },
    'reply-bytes': { type: 'string' },
  },
})
const upstreamPort = Number(values.to)
const requestBytes = Number(values['request-bytes'] ?? 0)
const replyBytes = Number(values['reply-bytes'] ?? 0)

const server = createServer({ noDelay: true }, requestBytes > 0 ? shareUpstream() : ownUpstream)
server.listen(Number(values.port), '127.0.0.1')

function ownUpstream(client: Socket): void {
  const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true })
  client.on('data', (chunk) => upstream.write(chunk))
  upstream.on('data', (chunk) => client.write(chunk))
  client.on('close', () => upstream.destroy()).on('error', () => {})
  upstream.on('close', () => client.destroy()).on('error', () => {})
}

function shareUpstream(): (client: Socket) => void {
  const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true })
  const turns = new Denque<Turn>()
  let batch: Buffer[] = []
  upstream.on('data', (chunk) => deliver(turns, chunk))
  const flush = () => {
    upstream.write(Buffer.concat(batch))
    batch = []
  }
  return (client) => {
    let partial = 0
    client.on('error', () => {})
    client.on('data', (chunk) => {
      if (refuseQuestion(client, chunk)) return
      // All of one client's bytes go on at once; only the number of replies is a matter of whole requests.
      const bytes = partial + chunk.length
      partial = bytes % requestBytes
      if (batch.length === 0) setImmediate(flush)
      batch.push(chunk)
      turns.push({ client, bytes: ((bytes - partial) / requestBytes) * replyBytes })
    })
  }
}

/** redis-benchmark asks CONFIG GET first, whose reply has another length, and goes on when it is refused. */
function refuseQuestion(client: Socket, chunk: Buffer): boolean {
  if (!chunk.subarray(0, 32).includes('CONFIG')) return false
  client.write('-ERR unknown command\r\n-ERR unknown command\r\n')
  return true
}

function deliver(turns: Denque<Turn>, chunk: Buffer): void {
  let at = 0
  while (at < chunk.length) {
    const turn = turns.peekFront()
    if (turn === undefined) throw new Error('a reply that nobody waits for')
    const end = Math.min(chunk.length, at + turn.bytes)
    if (!turn.client.destroyed) turn.client.write(chunk.subarray(at, end))
    turn.bytes -= end - at
    at = end
    if (turn.bytes === 0) turns.shift()
  }
}
