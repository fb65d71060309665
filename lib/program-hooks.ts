/**
 * What a program around the proxy lends to the PROXY command.
 *
 * @module
 */

/** Levels of the log, the least important first. */
export type LogLevel = 'debug' | 'info' | 'success' | 'warning' | 'error'

/** A value as `PROXY CONFIG GET` tells it; undefined where none is set. */
export type ProgramValue = string | number | readonly string[] | undefined

/** An option of the program's own. */
export interface ProgramSetting {
  /** As in the configuration file, such as `log-level`. */
  readonly name: string
  /** The value in force. */
  get(): ProgramValue
  /**
   * Sets it while the program runs; without this method it is read-only. What it gives back is the text of the error reply, code first;
   * undefined when the value is in force.
   */
  set?(value: string): string | undefined
}

/** What a reload came to. */
export interface ReloadReport {
  /** Options whose new value is in force. */
  readonly changed: readonly string[]
  /** Options whose new value waits for a restart. */
  readonly needsRestart: readonly string[]
}

/** What the program does for `PROXY`; without a method the subcommand is refused. */
export interface ProgramHooks {
  /** Options of the program's own, for `PROXY CONFIG` and `PROXY INFO`. */
  readonly settings?: readonly ProgramSetting[]
  /** Path of the configuration file; empty for none. */
  readonly configFile?: string
  /** `PROXY CONFIG RELOAD`: reads the configuration again, whole or not at all; rejects with what is wrong. */
  reload?(): Promise<ReloadReport>
  /** `PROXY SHUTDOWN`: with `asap` at once, else when all is answered. */
  shutdown?(asap: boolean): void
  /** `PROXY LOG`. */
  log?(level: LogLevel, message: string): void
  /** `PROXY DEBUG`: ends the process by a signal. */
  kill?(signal: NodeJS.Signals | number): void
}
