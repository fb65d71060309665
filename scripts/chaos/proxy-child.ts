import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FromProxy, ToProxy } from './proxy-process.ts'

const LIMIT = 20_000
const PROGRAM = fileURLToPath(new URL('./proxy-process.ts', import.meta.url))

/** A proxy that runs in a process of its own, so that it does not share its processor time with the load. */
export class ProxyChild {
  readonly port: number
  readonly #child: ChildProcess

  constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  /** Tells the proxy what the nodes take as password from now on. */
  async setPassword(password: string): Promise<void> {
    await request(this.#child, { kind: 'password', password }, 'password')
  }

  /** Redirects followed since the start. */
  async redirects(): Promise<{ moved: number; asked: number }> {
    const report = await request(this.#child, { kind: 'report' }, 'report')
    return report.kind === 'report' ? report : { moved: 0, asked: 0 }
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.disconnect()
    await gone
  }
}

/** Starts a proxy in front of a cluster, and waits until it serves. */
export async function startProxyChild(
  nodes: readonly string[],
  password: string
): Promise<ProxyChild> {
  const child = fork(PROGRAM, { execArgv: ['--import', 'tsx'] })
  try {
    const listening = await request(child, { kind: 'start', nodes, password }, 'listening')
    return new ProxyChild(child, listening.kind === 'listening' ? listening.port : 0)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

function request(
  child: ChildProcess,
  message: ToProxy,
  kind: FromProxy['kind']
): Promise<FromProxy> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
    }
    const timer = setTimeout(() => {
      finish()
      reject(new Error(`the proxy did not answer '${message.kind}' within ${LIMIT} ms`))
    }, LIMIT)
    const onExit = () => {
      finish()
      reject(new Error('the proxy process ended'))
    }
    const onMessage = (answer: FromProxy) => {
      if (answer.kind !== kind) return
      finish()
      resolve(answer)
    }
    child.on('message', onMessage)
    child.once('exit', onExit)
    child.send(message)
  })
}
