import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** A program that still runs after this many milliseconds is killed, and its test fails. */
const LIMIT = 120_000

/** How a program ended. */
export interface Ending {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** What the program finds when it is started. */
export interface Surroundings {
  /** File descriptors from 3 on, of which it is told as systemd does. */
  readonly inherited?: readonly number[]
  /** What it can read from standard input. */
  readonly input?: string
  /** Milliseconds after which it is killed. */
  readonly limit?: number
}

/** The real program. */
export class Running {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>
  readonly ended: Promise<Ending>
  #output = ''
  #errors = ''

  constructor(
    words: readonly string[],
    environment: NodeJS.ProcessEnv = {},
    { inherited = [], input = '', limit = LIMIT }: Surroundings = {}
  ) {
    const program = [process.execPath, '--import', 'tsx', 'lib/cli/main.ts', ...words]
    // Nobody knows the number of a process before it runs, but the shell that becomes it.
    const started =
      inherited.length === 0
        ? program
        : ['bash', '-c', 'LISTEN_PID=$$ exec "$@"', 'bash', ...program]
    this.process = spawn(started[0]!, started.slice(1), {
      stdio: ['pipe', 'pipe', 'pipe', ...inherited],
      env: { ...process.env, ...environment },
      timeout: limit,
      killSignal: 'SIGKILL',
    }) as ChildProcessByStdio<Writable, Readable, Readable>
    // Who ends before it has read all is no failure.
    this.process.stdin.on('error', () => {})
    this.process.stdin.end(input)
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
