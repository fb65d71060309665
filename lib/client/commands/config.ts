/**
 * CONFIG GET, for clients that may not administer the servers: the settings that they and tools look at when they connect.
 *
 * @module
 */

import type { ReplyValue } from '../../resp/encode.ts'
import { cString } from './argument.ts'
import { DATABASES } from './connection.ts'
import { container, help } from './container.ts'
import { matchesGlob } from './glob.ts'
import type { LocalCall, LocalCommands, LocalServices } from './local.ts'

/** Settings by name. The proxy keeps no data: what governs data has the value that says "not here". */
function settings(services: LocalServices): ReadonlyMap<string, string> {
  return new Map([
    ['appendonly', 'no'],
    ['cluster-enabled', 'no'],
    ['databases', String(DATABASES)],
    ['maxclients', String(services.maxClients)],
    ['maxmemory', '0'],
    ['maxmemory-policy', 'noeviction'],
    ['notify-keyspace-events', ''],
    ['proto-max-bulk-len', String(services.maxBulkLength)],
    ['save', ''],
    ['timeout', '0'],
  ])
}

/** `CONFIG GET name|pattern [name|pattern ...]`: a setting asked by name bears the name as it was asked. */
function get({ args, services }: LocalCall): ReplyValue {
  const all = settings(services)
  const found = new Map<string, [name: string, value: string]>()
  for (const arg of args.slice(2)) {
    const pattern = cString(arg)
    const names = /[[*?]/.test(pattern.toString('latin1'))
      ? [...all.keys()].filter((name) => matchesGlob(pattern, name))
      : [arg.toString('latin1')]
    for (const name of names) {
      const key = name.toLowerCase()
      const value = all.get(key)
      if (value !== undefined && !found.has(key)) found.set(key, [name, value])
    }
  }
  return new Map(found.values())
}

const HELP = [
  'GET <pattern>',
  '    Return parameters matching the glob-like <pattern> and their values.',
]

/** Handler of CONFIG. */
export const configCommands: LocalCommands = {
  config: container('config', {
    help: help('config', HELP),
    get: { arity: -3, run: get },
  }),
}
