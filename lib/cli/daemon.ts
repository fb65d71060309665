import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ProxyError } from '../index.ts'

/** Marks the process in the background for itself. It has no meaning of its own in a configuration. */
const MARK = 'REDIS_CLUSTER_PROXY_IN_BACKGROUND'

/** What the process in the background tells the one that started it. */
interface Outcome {
  readonly failure?: string
  /** Whether the configuration is to blame. */
  readonly wrong?: boolean
}

/** Whether this is the process in the background; asked once, since it forgets. */
export function isDaemon(): boolean {
  const marked = process.env[MARK] !== undefined && process.send !== undefined
  delete process.env[MARK]
  return marked
}

/** Starts this very program in the background; resolves when that one listens, rejects with what it says else. */
export async function startInBackground(): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...process.env, [MARK]: 'yes' },
  })
  const message = once(child, 'message').then(([told]) => told as Outcome)
  const ended = once(child, 'exit').then(
    (): Outcome => ({ failure: 'it ended before it listened' })
  )
  const { failure, wrong } = await Promise.race([message, ended])
  if (child.connected) child.disconnect()
  child.unref()
  if (failure !== undefined)
    throw new ProxyError(wrong === true ? 'INVALID_OPTION' : 'CLOSED', failure)
}

/** Tells the process that started this one how it went, and lets it go. */
export function reportToParent(failure?: string, wrong = false): Promise<void> {
  return new Promise((resolve) => {
    const outcome: Outcome = failure === undefined ? {} : { failure, wrong }
    process.send!(outcome, () => {
      process.disconnect()
      resolve()
    })
  })
}
