import { closeSync, openSync, writeSync } from 'node:fs'
import type { LogLevel } from '../index.ts'
import type { Configuration } from './configuration.ts'
import { LOG_LEVELS } from './program-options.ts'

/** What decides about lines of the log. */
export interface LogSettings {
  /** Lines below this level are left out. */
  level: LogLevel
  /** One text or one JSON object on a line. */
  format: 'text' | 'json'
  /** Whether levels have colors, on a terminal. */
  readonly colors: boolean
}

const STANDARD_OUTPUT = 1
const COLORS: Readonly<Record<LogLevel, number>> = {
  debug: 90,
  info: 36,
  success: 32,
  warning: 33,
  error: 31,
}

/** Writes to standard output, to a file that can be opened again, or nowhere. */
export class Log {
  readonly settings: LogSettings
  readonly #file: string | undefined
  #target: number | undefined

  /** `file` undefined is standard output; `silent` writes nowhere. */
  constructor(file: string | undefined, silent: boolean, settings: LogSettings) {
    this.settings = settings
    this.#file = file
    if (file !== undefined) this.#target = openSync(file, 'a', 0o640)
    else if (!silent) this.#target = STANDARD_OUTPUT
  }

  /** Whether lines of a level are written at all. */
  wants(level: LogLevel): boolean {
    return (
      this.#target !== undefined &&
      LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.settings.level)
    )
  }

  /** Writes one line. `fields` are members of the object in JSON, and follow the message in text. */
  write(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (!this.wants(level)) return
    const time = new Date().toISOString()
    const line =
      this.settings.format === 'json'
        ? JSON.stringify({ time, level, message, ...fields })
        : `[${time}] ${this.#word(level)}: ${oneLine(message + textOf(fields))}`
    try {
      writeSync(this.#target!, `${line}\n`)
    } catch {
      // A full disk, or a reader that is gone, must not end the proxy; the next line is tried again.
    }
  }

  /** Opens the file again, after it was moved away. The old one goes on being written to when that fails. */
  reopen(): void {
    if (this.#file === undefined) return
    const before = this.#target!
    this.#target = openSync(this.#file, 'a', 0o640)
    closeSync(before)
  }

  #word(level: LogLevel): string {
    if (!this.settings.colors || this.#file !== undefined) return level
    return `\x1b[${COLORS[level]}m${level}\x1b[0m`
  }
}

/** What OpenSSL says ends a line, and what others say may move the cursor of a terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}

function textOf(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => ` ${name}=${String(value)}`)
    .join('')
}

/** The log that a configuration asks for. `silent`: without a file nothing is written. */
export function logOf(configuration: Configuration, silent: boolean): Log {
  const settings = {
    level: configuration.value<LogLevel>('log-level'),
    format: configuration.value<LogSettings['format']>('log-format'),
    colors: process.stdout.isTTY === true && !configuration.value<boolean>('disable-colors'),
  }
  try {
    return new Log(configuration.path('logfile'), silent, settings)
  } catch (error) {
    return configuration.blame('logfile', error)
  }
}

/** Writes to the log what ends the process: as a daemon, and in its threads, nobody reads what Node says of it. */
export function logCrashes(log: Log): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    log.write('error', `it ends by an error that nobody expected: ${what}`, { pid: process.pid })
  })
}

/** Takes over an option of a changed configuration if it is about the log. */
export function followLog(settings: LogSettings, name: string, after: Configuration): void {
  if (name === 'log-level') settings.level = after.value('log-level')
  if (name === 'log-format') settings.format = after.value('log-format')
}
