/**
 * `PROXY CLIENT` and `PROXY CLIENTS`: who is connected, and to which thread.
 *
 * @module
 */

import { SimpleString } from '../../resp/encode.ts'
import { type Everywhere, everywhere } from './everywhere.ts'
import type { LocalClient, LocalHandler, LocalServices } from './local.ts'
import { CLIENT_HELP } from './proxy-help.ts'
import { choose, helpLines, type ProxySubcommand } from './proxy-refusal.ts'

/** The number of the thread that runs this proxy. */
function threadOf({ admin }: LocalServices): number {
  return admin.program.threads?.index ?? 0
}

/** Handler of `PROXY CLIENT`. */
export const proxyClient: LocalHandler = choose(
  2,
  new Map<string, ProxySubcommand>([
    [
      'id',
      {
        least: 3,
        most: 3,
        run: ({ session, services }) => new SimpleString(`${threadOf(services)}:${session.id}`),
      },
    ],
    ['thread', { least: 3, most: 3, run: ({ services }) => threadOf(services) }],
    ['help', { least: 3, most: 3, run: () => helpLines(CLIENT_HELP) }],
  ])
)

/** Clients of one thread; fields by their names. */
type Shown = readonly Readonly<Record<string, string | number>>[]

function shown(client: LocalClient, thread: number): Shown[number] {
  const { session } = client
  const seconds = (since: number): number => Math.max(0, Math.floor((Date.now() - since) / 1000))
  return {
    id: session.id,
    thread,
    address: client.remoteAddress,
    name: session.name,
    user: session.user,
    protocol: session.protocol,
    connection: session.multiplexing ? 'shared' : 'private',
    command: client.lastCommand,
    pending: client.pendingRequests,
    age: seconds(session.createdAt),
    idle: seconds(client.lastActiveAt),
    commands: client.totalCommands,
    'bytes-read': client.totalBytesRead,
    'bytes-written': client.totalBytesWritten,
  }
}

/** The clients of each thread. */
export const clientsShown: Everywhere<Shown> = {
  kind: 'proxy-clients',
  share: (_args, services) =>
    Array.from(services.clients(), (client) => shown(client, threadOf(services))),
  reply: (shares) => {
    const all = shares.flatMap(({ value }) => value)
    all.sort((one, other) => Number(one.id) - Number(other.id))
    return all.map((fields) => new Map(Object.entries(fields)))
  },
}

/** `PROXY CLIENTS`: all of them, the oldest first. */
export const proxyClients: LocalHandler = everywhere(clientsShown)
