import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'

/** A program that still runs after this many milliseconds is killed, and its test fails. */
const LIMIT = 30_000

/** How a program ended. */
export interface Ending {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** The real program. */
export class Running {
  readonly process: ChildProcessByStdio<null, Readable, Readable>
  readonly ended: Promise<Ending>
  #output = ''
  #errors = ''

  constructor(words: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    this.process = spawn(process.execPath, ['--import', 'tsx', 'lib/cli/main.ts', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
      timeout: LIMIT,
      killSignal: 'SIGKILL',
    })
    this.process.stdout.on('data', (text) => {
      this.#output += text
    })
    this.process.stderr.on('data', (text) => {
      this.#errors += text
    })
    this.ended = once(this.process, 'close').then(([code]) => ({
      code: code as number | null,
      output: this.#output,
      errors: this.#errors,
    }))
  }

  /** Waits until the output matches. */
  async says(pattern: RegExp): Promise<string> {
    const ended = this.ended.then(({ errors }) => {
      throw new Error(`it ended before it said ${pattern}: ${this.#output}${errors}`)
    })
    while (!pattern.test(this.#output)) {
      await Promise.race([once(this.process.stdout, 'data'), ended])
    }
    ended.catch(() => {})
    return this.#output
  }

  listens(): Promise<string> {
    return this.says(/ listens on .*\n/)
  }
}

/** Waits until a file is there, with something in it. */
export async function appears(path: string): Promise<void> {
  const watcher = watch(dirname(path))
  try {
    while (!existsSync(path) || (path.endsWith('.pid') && statSync(path).size === 0))
      await once(watcher, 'change')
  } finally {
    watcher.close()
  }
}
