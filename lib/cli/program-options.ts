/**
 * The one table of what the program can be told: its own options and, by the same names, those of the library.
 *
 * @module
 */

import { availableParallelism } from 'node:os'
import { type OptionSpec, optionTable } from '../index.ts'
import { choice, type Kind, kindOf, LIST, MODE, SWITCH, TEXT, whole } from './kinds.ts'
import { usersKind } from './users.ts'
import { plainName } from './words.ts'

/** One option of the program. */
export interface ProgramOption {
  /** As on the command line, without the dashes, and in the configuration file. */
  readonly name: string
  /** One letter for the command line. */
  readonly short?: string
  /** What stands for the value in the help. */
  readonly argument?: string
  readonly kind: Kind
  readonly default: unknown
  /** What holds without it, in words, where the default does not tell. */
  readonly otherwise?: string
  readonly help: string
  /** Other names, in any spelling. */
  readonly aliases?: readonly string[]
  /** The option of the library that gets the value. */
  readonly library?: string
  /** Whether the library has another default, and gets the program's too. */
  readonly ownDefault?: boolean
  /** Whether a reload, or `PROXY CONFIG SET`, changes it at once. */
  readonly runtime?: boolean
  /** Only on the command line. */
  readonly commandLineOnly?: boolean
  /** Whether `PROXY CONFIG` must not tell it. */
  readonly hidden?: boolean
}

const table: Readonly<Record<string, OptionSpec<unknown>>> = optionTable

/** Most threads where none are asked for. */
const MOST_THREADS = 8

/** How many threads are to serve. An embedded cluster is for trying out, one will do. */
export function threadsOf(given: number | undefined, embedded: boolean): number {
  return given ?? (embedded ? 1 : Math.min(availableParallelism(), MOST_THREADS))
}

/** Levels of the log, the least important first. */
export const LOG_LEVELS = ['debug', 'info', 'success', 'warning', 'error'] as const

/** An option of the library under a name of the official proxy. */
function fromLibrary(
  library: string,
  row: Pick<ProgramOption, 'name' | 'help'> & Partial<ProgramOption>
): ProgramOption {
  const spec = table[library]!
  return {
    kind: kindOf(spec.schema ?? {}, wordsFor(spec)),
    default: spec.default,
    runtime: spec.runtime === true,
    library,
    ...row,
  }
}

/** A switch is written in other words than in a program. */
function wordsFor(spec: OptionSpec<unknown>): string {
  const isSwitch = spec.schema?.type === 'boolean' || spec.schema?.enum?.includes(true) === true
  return isSwitch ? '' : spec.expected
}

/** What the official proxy has, in the order of its help; and what only this program has. */
const OWN: readonly ProgramOption[] = [
  {
    name: 'config',
    short: 'c',
    argument: 'file',
    kind: TEXT,
    default: '',
    help: "configuration file, '-' for standard input",
    commandLineOnly: true,
  },
  {
    name: 'port',
    short: 'p',
    argument: 'port',
    kind: whole(0, 65535),
    default: 7777,
    help: 'TCP port; 0: none',
    aliases: ['proxy-port'],
    hidden: true,
  },
  fromLibrary('maxClients', { name: 'maxclients', argument: 'n', help: 'clients at a time' }),
  {
    name: 'threads',
    argument: 'n',
    kind: whole(1, 500),
    default: undefined,
    otherwise: 'cores, at most 8',
    help: 'threads that serve',
  },
  fromLibrary('keepAlive', {
    name: 'tcpkeepalive',
    argument: 's',
    help: 'idle time before TCP keepalive probes',
  }),
  {
    name: 'tcp-backlog',
    argument: 'n',
    kind: whole(1, 65535),
    default: 511,
    help: 'connections that wait to be accepted',
  },
  { name: 'daemonize', kind: SWITCH, default: false, help: 'runs in the background' },
  {
    name: 'pidfile',
    argument: 'path',
    kind: TEXT,
    default: '',
    otherwise: '/var/run/redis-cluster-proxy.pid as a daemon',
    help: 'its pid',
  },
  {
    name: 'logfile',
    argument: 'path',
    kind: TEXT,
    default: '',
    otherwise: 'stdout; none as a daemon',
    help: 'where the log goes',
  },
  {
    name: 'unixsocket',
    argument: 'path',
    kind: TEXT,
    default: '',
    help: 'listens on a UNIX socket too',
  },
  {
    name: 'unixsocketperm',
    argument: 'mode',
    kind: MODE,
    default: 0,
    help: 'its permissions, octal; 0: by the umask',
  },
  {
    name: 'bind',
    argument: 'address',
    kind: LIST,
    default: [],
    otherwise: 'all interfaces',
    help: 'where to listen; repeatable',
  },
  fromLibrary('privatePoolSize', {
    name: 'connections-pool-size',
    argument: 'n',
    help: 'idle private connections per node',
  }),
  fromLibrary('privatePoolMinSize', {
    name: 'connections-pool-min-size',
    argument: 'n',
    help: 'below this they are refilled',
  }),
  fromLibrary('privatePoolSpawnEvery', {
    name: 'connections-pool-spawn-every',
    argument: 'ms',
    help: 'time between two steps of refilling',
  }),
  fromLibrary('privatePoolSpawnRate', {
    name: 'connections-pool-spawn-rate',
    argument: 'n',
    help: 'connections made in one step',
  }),
  {
    name: 'disable-multiplexing',
    argument: 'when',
    kind: choice('auto', 'always'),
    default: 'auto',
    help: 'always: a client shares nothing',
  },
  fromLibrary('crossSlot', {
    name: 'enable-cross-slot',
    help: 'splits commands over slots, not atomic',
  }),
  {
    name: 'auth',
    short: 'a',
    argument: 'passw',
    kind: TEXT,
    default: '',
    help: 'password for the nodes',
    runtime: true,
    hidden: true,
  },
  {
    name: 'auth-user',
    argument: 'name',
    kind: TEXT,
    default: '',
    help: 'ACL user for the nodes',
    runtime: true,
    hidden: true,
  },
  { name: 'disable-colors', kind: SWITCH, default: false, help: 'no colors in the log' },
  {
    name: 'log-level',
    argument: 'level',
    kind: choice(...LOG_LEVELS),
    default: 'info',
    help: 'debug|info|success|warning|error',
    runtime: true,
  },
  {
    name: 'dump-queries',
    kind: SWITCH,
    default: false,
    help: 'with level debug: commands, no arguments',
    runtime: true,
  },
  {
    name: 'dump-buffer',
    kind: SWITCH,
    default: false,
    help: 'with level debug: bytes in and out',
    runtime: true,
  },
  {
    name: 'dump-queues',
    kind: SWITCH,
    default: false,
    help: 'with level debug: what waits per node',
    runtime: true,
  },
  fromLibrary('password', {
    name: 'password',
    argument: 'passw',
    help: 'password that clients must give',
    aliases: ['requirepass'],
    hidden: true,
  }),
  fromLibrary('protectedMode', {
    name: 'protected-mode',
    argument: 'yes|no',
    default: true,
    ownDefault: true,
    help: 'no: anybody without a password',
  }),
  {
    name: 'log-format',
    argument: 'format',
    kind: choice('text', 'json'),
    default: 'text',
    help: 'text|json',
    runtime: true,
  },
  { name: 'enable-debug-command', kind: SWITCH, default: false, help: 'allows PROXY DEBUG' },
  {
    name: 'shutdown-timeout',
    argument: 'ms',
    kind: whole(0, 86_400_000),
    default: 10_000,
    help: 'at the end, for what is in flight',
    runtime: true,
  },
  {
    name: 'thread-timeout',
    argument: 'ms',
    kind: whole(0, 86_400_000),
    default: 30_000,
    help: 'kills a silent thread; 0: never',
    runtime: true,
  },
  fromLibrary('nodes', {
    name: 'cluster',
    argument: 'node',
    kind: LIST,
    default: [],
    help: 'entry point; may also stand alone',
    aliases: ['entry-point', 'redis-nodes'],
    hidden: true,
  }),
]

/** A name of the library as the program has it: `maxClients` is `max-clients`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** What is written in another way than its schema tells, or has a further name. */
const OTHERWISE: Readonly<Record<string, Partial<ProgramOption>>> = {
  users: { kind: usersKind(table.users!.schema!), aliases: ['user'] },
  // As the official proxy does; who embeds one may not want idle connections.
  privatePoolPrefill: { default: true, ownDefault: true },
}

/** Options of the library that have no name of the official proxy. */
const LIBRARY: readonly ProgramOption[] = Object.entries(table)
  .filter(([name, spec]) => spec.schema !== undefined && !OWN.some((row) => row.library === name))
  .map(([name, { help }]) => {
    return fromLibrary(name, { name: kebab(name), argument: 'value', help, ...OTHERWISE[name] })
  })

/** Every option of the program. */
export const programOptions: readonly ProgramOption[] = [...OWN, ...LIBRARY]

/** The options that are listed in the help, in its order. */
export const listedOptions: readonly ProgramOption[] = OWN

const byName: ReadonlyMap<string, ProgramOption> = new Map(
  programOptions.flatMap((row) =>
    [row.name, row.library ?? row.name, ...(row.aliases ?? [])].map(
      (name) => [plainName(name), row] as const
    )
  )
)

/** The option that a name in any spelling means. */
export function optionNamed(name: string): ProgramOption | undefined {
  return byName.get(plainName(name))
}
