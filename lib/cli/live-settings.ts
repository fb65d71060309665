import type { LogLevel, ProgramSetting, ProgramValue } from '../index.ts'
import type { Configuration } from './configuration.ts'
import type { Dumps } from './event-log.ts'
import type { LogSettings } from './log.ts'
import { pidfileOf } from './pidfile.ts'
import { LOG_LEVELS, listedOptions, optionNamed } from './program-options.ts'

/** What `PROXY CONFIG SET` can change. */
export interface Live {
  /** The configuration in force. */
  configuration(): Configuration
  /** How many threads serve. */
  readonly threads: number
  readonly log: LogSettings
  dumps(): Dumps
  /** Something was set. */
  onChange(): void
}

const DUMPS: Readonly<Record<string, keyof Dumps>> = {
  'dump-queries': 'queries',
  'dump-buffer': 'buffer',
  'dump-queues': 'queues',
}

function told(value: unknown): ProgramValue {
  if (typeof value === 'boolean') return Number(value)
  if (value === '') return undefined
  return value as ProgramValue
}

function logLevel({ log, onChange }: Live): ProgramSetting {
  return {
    name: 'log-level',
    get: () => log.level,
    set: (text) => {
      const level: LogLevel | undefined = LOG_LEVELS.find((each) => each === text.toLowerCase())
      if (level === undefined) return 'ERR Invalid log-level'
      log.level = level
      onChange()
      return undefined
    },
  }
}

function dump(name: string, { dumps, onChange }: Live): ProgramSetting {
  const which = DUMPS[name]!
  return {
    name,
    get: () => Number(dumps()[which]),
    set: (text) => {
      const on = optionNamed(name)!.kind.read(text)
      if (/^\d+$/.test(text) && on === undefined) return `ERR Maximum value for '${name}' is 1`
      if (on === undefined) return `ERR Invalid value for '${name}': expected 0 or 1`
      dumps()[which] = on as boolean
      onChange()
      return undefined
    },
  }
}

/** The program's own options as PROXY sees them. */
export function liveSettings(live: Live): readonly ProgramSetting[] {
  return listedOptions
    .filter(({ library, hidden, commandLineOnly }) => {
      return library === undefined && hidden !== true && commandLineOnly !== true
    })
    .map(({ name }) => {
      if (name === 'log-level') return logLevel(live)
      if (DUMPS[name] !== undefined) return dump(name, live)
      return { name, get: () => told(shownValue(name, live)) }
    })
}

function shownValue(name: string, { configuration, threads }: Live): unknown {
  if (name === 'threads') return threads
  if (name === 'pidfile') return pidfileOf(configuration()) ?? ''
  const value: unknown = configuration().value(name)
  // In the digits in which it is set.
  return name === 'unixsocketperm' ? Number(Number(value).toString(8)) : value
}
