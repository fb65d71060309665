import { NULL_ARRAY, OK, type ReplyValue } from '../../resp/encode.ts'
import type { Client } from '../client.ts'
import { refuse } from '../refusal.ts'
import { type Call, type CommandRow, family, KEYS, row } from './call.ts'

const FLAGS = 'noscript loading stale fast allow_busy'
const ABORTED = 'EXECABORT Transaction discarded because of previous errors.'

function multi({ client }: Call): ReplyValue {
  if (client.queue !== undefined) refuse('ERR MULTI calls can not be nested')
  client.queue = []
  return OK
}

/** Whether a watched key was changed, so that EXEC must do nothing. */
export function changedSince(client: Client): boolean {
  return [...client.watched].some(([key, { data, version }]) => data.version(key) !== version)
}

function exec({ client }: Call): ReplyValue {
  const queue = client.queue ?? refuse('ERR EXEC without MULTI')
  const { dirty } = client
  const changed = changedSince(client)
  client.leaveTransaction()
  if (dirty) refuse(ABORTED)
  return changed ? NULL_ARRAY : queue.map((command) => command.run())
}

function discard({ client }: Call): ReplyValue {
  if (client.queue === undefined) refuse('ERR DISCARD without MULTI')
  client.leaveTransaction()
  return OK
}

function watch({ args, client, data }: Call): ReplyValue {
  if (client.queue !== undefined) refuse('ERR WATCH inside MULTI is not allowed')
  for (const key of args.slice(1)) {
    if (!client.watched.has(key)) client.watched.set(key, { data, version: data.version(key) })
  }
  return OK
}

function unwatch({ client }: Call): ReplyValue {
  client.watched.clear()
  return OK
}

/** Commands that are executed although a transaction is open. */
export const IMMEDIATE: readonly string[] = ['multi', 'exec', 'discard', 'watch', 'quit', 'reset']

/** MULTI and what belongs to it. */
export const transactions: readonly CommandRow[] = family('transaction', [
  row('multi', 1, FLAGS, KEYS.none, multi),
  row('exec', 1, 'noscript loading stale skip_slowlog', KEYS.none, exec),
  row('discard', 1, FLAGS, KEYS.none, discard),
  row('watch', -2, FLAGS, KEYS.all, watch),
  row('unwatch', 1, FLAGS, KEYS.none, unwatch),
])
