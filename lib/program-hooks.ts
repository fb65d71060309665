/**
 * What a program around the proxy lends to the PROXY command.
 *
 * @module
 */

import type { Duplex } from 'node:stream'

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

/** What one thread asks of all others, or tells them. It travels between processes. */
export interface ThreadQuestion {
  /** What it is about: a word of the library's. */
  readonly kind: string
  /** The arguments of the command that it comes from, the name first. */
  readonly args: readonly Uint8Array[]
  /** Set for what threads that start later are told too; a later question of the same name takes the place of an earlier one. */
  readonly lasting?: string
  /** Numbers of the threads that it is for; all others where it is left out. */
  readonly to?: readonly number[]
}

/** What one thread answers. */
export interface ThreadAnswer {
  /** The number of the thread. */
  readonly thread: number
  /** What it gave; it has travelled between processes. */
  readonly value: unknown
}

/** A program of several threads, each with a proxy of its own: what makes them look like one. */
export interface ThreadHooks {
  /** The number of this thread, from 0. */
  readonly index: number
  /** How many threads there are. */
  readonly count: number
  /** Clients that the other threads serve now, for `maxClients`. */
  readonly clientsElsewhere: number
  /** The id of a client by its stream, unique and growing over all threads; undefined leaves it to the proxy. */
  idOf(stream: Duplex): number | undefined
  /**
   * Asks all other threads, or those that the question is for; one that ends meanwhile does not answer. Undefined where there are none now; what concerns those
   * that start later they are told all the same.
   */
  ask?(question: ThreadQuestion): Promise<readonly ThreadAnswer[]> | undefined
  /** Called once: `answer` is to be called with the questions of the other threads, and gives this one's answer. */
  onQuestion?(answer: (question: ThreadQuestion) => unknown): void
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
  /** `PROXY RESTART`: new threads take over and those that run now end when their clients are gone; resolves when the new ones serve. */
  restart?(): Promise<void>
  /** `PROXY DEBUG`: ends a process by a signal: that of a thread, or with undefined the main one. */
  kill?(signal: NodeJS.Signals | number, thread: number | undefined): void
  /** The process that `PROXY INFO` names; this one by default. */
  readonly processId?: number
  /** Where the program listens, for clients whose stream has no address; the proxy's own address by default. */
  readonly listening?: {
    /** An IP address. */
    readonly host: string
    /** A TCP port. */
    readonly port: number
    /** The UNIX socket, if there is one. */
    readonly path?: string | undefined
  }
  /** The other threads of the program. */
  readonly threads?: ThreadHooks
}
