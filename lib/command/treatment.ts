import type { CommandSpec, Treatment } from './spec.ts'
import { NO_KEYS } from './spec.ts'

/** What {@link treatmentOf} looks at. */
export type CommandFacts = Omit<CommandSpec, 'treatment'>

/**
 * The closed list. A name stands for the command and, unless they are listed themselves, for all its subcommands.
 * Commands that are not here are judged by their flags, see {@link treatmentOf}.
 */
const LISTED: Readonly<Partial<Record<Treatment, string>>> = {
  shared: 'eval eval_ro evalsha evalsha_ro fcall fcall_ro spublish migrate',
  'maybe-blocking': 'xread xreadgroup',
  // Every master has the same libraries and the same table of rights.
  'any-node':
    'time lolwut publish function|help function|list function|dump memory|help object|help script|help ' +
    'xgroup|help xinfo|help acl|cat acl|genpass acl|help latency|help module|help slowlog|help ' +
    'pubsub|help',
  'fan-out':
    'keys scan dbsize flushall flushdb randomkey lastsave script function memory|doctor ' +
    'memory|malloc-stats memory|purge memory|stats',
  blocking: 'wait waitaof',
  transaction: 'multi exec discard watch unwatch',
  pubsub: 'subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe',
  connection:
    'hello auth select client reset quit readonly readwrite asking ping echo command info config cluster role pubsub acl|whoami',
  admin:
    'acl bgrewriteaof bgsave config|get config|resetstat config|rewrite config|set debug latency module|list save slowlog',
  'one-server':
    'failover module monitor move pfdebug pfselftest psync replconf replicaof restore-asking ' +
    'shutdown slaveof swapdb sync',
  // Both keep what they prepare in the connection.
  refused: 'himport script|debug',
}

const listed: ReadonlyMap<string, Treatment> = new Map(
  Object.entries(LISTED).flatMap(([treatment, names]) =>
    names.split(' ').map((name) => [name, treatment as Treatment] as const)
  )
)

/**
 * How the proxy may treat a command as a whole. Commands of modules and of newer servers are judged by their flags: one
 * with keys that reads or writes data, may run in a script and does not block leaves nothing in its connection; of those
 * without keys only what says that it concerns all nodes is let through.
 */
export function treatmentOf(spec: CommandFacts): Treatment {
  const { name, flags } = spec
  const bar = name.indexOf('|')
  const known = listed.get(name) ?? (bar < 0 ? undefined : listed.get(name.slice(0, bar)))
  if (known !== undefined) return known
  const everywhere = spec.requestPolicy === 'all_shards' || spec.requestPolicy === 'all_nodes'
  if (spec.admin || flags.has('no_multi') || flags.has('asking')) {
    return spec.admin && everywhere && spec.keyShape === NO_KEYS ? 'admin' : 'one-server'
  }
  if (spec.pubsub) return 'pubsub'
  if (spec.blocking) return 'blocking'
  if (spec.noscript || spec.container) return 'refused'
  if (spec.keyShape !== NO_KEYS) return spec.readonly || spec.write ? 'shared' : 'refused'
  return everywhere ? 'fan-out' : 'refused'
}
