import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import type { Configuration } from './configuration.ts'

/** Where it is for a process in the background that was not told, as with the official proxy. */
const DAEMON_PIDFILE = '/var/run/redis-cluster-proxy.pid'

/** The path of the pid file; undefined for none. */
export function pidfileOf(configuration: Configuration): string | undefined {
  const daemonized = configuration.value<boolean>('daemonize')
  return configuration.path('pidfile') ?? (daemonized ? DAEMON_PIDFILE : undefined)
}

/** Writes the number of this process to a file, which is removed at the end if it still names this process. */
export function writePidfile(path: string): void {
  writeFileSync(path, `${process.pid}\n`)
  process.on('exit', () => {
    try {
      if (Number(readFileSync(path, 'utf8')) === process.pid) unlinkSync(path)
    } catch {
      // Somebody else removed it.
    }
  })
}
