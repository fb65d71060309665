import type { ReloadReport } from '../index.ts'
import type { Configuration } from './configuration.ts'
import type { Log } from './log.ts'
import { type ProgramOption, programOptions } from './program-options.ts'

/** What a configuration that is read again changes while the program runs. */
export interface Changes {
  /** Options whose new value is put in force. */
  readonly live: readonly ProgramOption[]
  /** The configuration in force from then on: what waits is as before. */
  readonly inForce: Configuration
  /** The names of those that change, now and with a restart. */
  readonly report: ReloadReport
}

/** What changes at once from one configuration to the next, and what does not. */
export function changesOf(before: Configuration, after: Configuration): Changes {
  const differing = after.differences(before)
  // TLS cannot be switched on or off, but its certificates can change.
  const live = differing.filter(
    ({ name, runtime }) =>
      runtime === true &&
      (!/tls$/.test(name) || (before.value(name) !== undefined && after.value(name) !== undefined))
  )
  const waiting = differing.filter((option) => !live.includes(option))
  const names = (options: readonly ProgramOption[]): string[] => options.map(({ name }) => name)
  const report = { changed: names(live), needsRestart: names(waiting) }
  return { live, inForce: after.keeping(before, waiting), report }
}

/** Tells what came of reading the configuration again, whoever asked for it. */
export function logReload(log: Log, { changed, needsRestart }: ReloadReport): void {
  log.write('info', 'the configuration was read again', {
    changed: changed.join() || 'nothing',
    needsRestart: needsRestart.join() || 'nothing',
  })
}

/** What the main process has from its start to its end: its sockets and its files. */
const OF_MAIN: ReadonlySet<string> = new Set([
  'port',
  'bind',
  'unixsocket',
  'unixsocketperm',
  'tcp-backlog',
  'tcpkeepalive',
  'logfile',
  'pidfile',
  'daemonize',
])

/** The configuration that new threads get. An embedded cluster stays as long as the main process, and they serve from it. */
export function restarted(
  before: Configuration,
  after: Configuration,
  embedded: boolean
): Configuration {
  const kept = programOptions.filter(
    ({ name }) => OF_MAIN.has(name) || (embedded && name === 'cluster')
  )
  return after.keeping(before, kept)
}
