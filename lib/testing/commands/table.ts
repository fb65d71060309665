import type { CommandRow } from './call.ts'
import { cluster } from './cluster.ts'
import { connection } from './connection.ts'
import { counters } from './counters.ts'
import { expiry } from './expiry.ts'
import { hashes } from './hashes.ts'
import { introspection } from './introspection.ts'
import { keys } from './keys.ts'
import { lists } from './lists.ts'
import { pubsub } from './pubsub.ts'
import { scoreRanges } from './score-ranges.ts'
import { server } from './server.ts'
import { sets } from './sets.ts'
import { sortedSets } from './sorted-sets.ts'
import { strings } from './strings.ts'
import { transactions } from './transactions.ts'

const ROWS: readonly CommandRow[] = [
  strings,
  counters,
  keys,
  expiry,
  hashes,
  lists,
  sets,
  sortedSets,
  scoreRanges,
  transactions,
  pubsub,
  connection,
  cluster,
  server,
  introspection,
].flat()

/** The commands that a version has, by name. */
export function commandTable(has: (since: string) => boolean): ReadonlyMap<string, CommandRow> {
  const known = ROWS.filter((row) => has(row.since))
  return new Map(
    known.map((row) => [
      row.name,
      { ...row, subcommands: row.subcommands.filter((sub) => has(sub.since)) },
    ])
  )
}
