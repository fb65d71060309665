/**
 * `PROXY CLIENT` and `PROXY CLIENTS`: who is connected, and to which thread.
 *
 * @module
 */

import { type ReplyValue, SimpleString } from '../../resp/encode.ts'
import type { LocalCall, LocalClient, LocalHandler } from './local.ts'
import { CLIENT_HELP } from './proxy-help.ts'
import { choose, helpLines, type ProxySubcommand } from './proxy-refusal.ts'

/** The number of the thread that runs this proxy. */
const THREAD = 0

/** Handler of `PROXY CLIENT`. */
export const proxyClient: LocalHandler = choose(
  2,
  new Map<string, ProxySubcommand>([
    [
      'id',
      {
        least: 3,
        most: 3,
        run: ({ session }) => new SimpleString(`${THREAD}:${session.id}`),
      },
    ],
    ['thread', { least: 3, most: 3, run: () => THREAD }],
    ['help', { least: 3, most: 3, run: () => helpLines(CLIENT_HELP) }],
  ])
)

function shown(client: LocalClient): ReplyValue {
  const { session } = client
  const seconds = (since: number): number => Math.max(0, Math.floor((Date.now() - since) / 1000))
  return new Map<string, ReplyValue>([
    ['id', session.id],
    ['thread', THREAD],
    ['address', client.remoteAddress],
    ['name', session.name],
    ['user', session.user],
    ['protocol', session.protocol],
    ['connection', 'shared'],
    ['command', client.lastCommand],
    ['pending', client.pendingRequests],
    ['age', seconds(session.createdAt)],
    ['idle', seconds(client.lastActiveAt)],
    ['commands', client.totalCommands],
    ['bytes-read', client.totalBytesRead],
    ['bytes-written', client.totalBytesWritten],
  ])
}

/** `PROXY CLIENTS`: all of them, the oldest first. */
export function proxyClients({ services }: LocalCall): ReplyValue {
  return Array.from(services.clients(), (client) => shown(client))
}
