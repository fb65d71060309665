import { ProxyError } from '../errors.ts'
import type { Words } from './faults.ts'

/** Milliseconds after which a test that waits for nothing is told so. */
const DEFAULT_TIMEOUT = 5000

interface Received {
  readonly connection: number
  readonly command: Words
}

/** What tells of the commands that it receives. */
interface CommandSource {
  on(event: 'command', listener: (received: Received) => void): unknown
  off(event: 'command', listener: (received: Received) => void): unknown
}

/** The next command that matches at one of several nodes. */
export function waitForCommand(
  nodes: readonly CommandSource[],
  matches: (command: Words) => boolean,
  timeout: number = DEFAULT_TIMEOUT
): Promise<Received> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer)
      for (const node of nodes) node.off('command', listen)
    }
    const listen = (received: Received): void => {
      if (!matches(received.command)) return
      finish()
      resolve(received)
    }
    const timer = setTimeout(() => {
      finish()
      reject(new ProxyError('NODE_TIMEOUT', `no matching command came within ${timeout} ms`))
    }, timeout)
    for (const node of nodes) node.on('command', listen)
  })
}
