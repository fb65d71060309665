import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { FakeCluster } from '../../lib/testing/index.ts'
import { freePort } from './free-port.ts'
import { connect, type RawClient } from './raw-client.ts'
import { appears, Running } from './running.ts'

/** A program of two threads before a fake cluster. */
export async function startThreads(
  cluster: FakeCluster,
  ...words: string[]
): Promise<{ readonly port: number; readonly program: Running }> {
  const port = await freePort()
  const program = new Running([
    ...['-p', String(port), '--bind', '127.0.0.1', '--threads', '2', ...words],
    ...cluster.addresses,
  ])
  if (words.includes('--pidfile')) await appears(words.at(-1)!)
  else await program.listens()
  return { port, program }
}

/** Ends it as a service is ended. */
export async function endOf(program: Running): Promise<void> {
  program.process.kill('SIGTERM')
  assert.equal((await program.ended).code, 0)
}

/** The number of the thread that serves a client. */
export const threadOf = (client: RawClient): Promise<unknown> =>
  client.ask('PROXY', 'CLIENT', 'THREAD')
/** The id of a client. */
export const idOf = async (client: RawClient): Promise<number> =>
  Number(await client.ask('CLIENT', 'ID'))

/** What names the proxy that serves a client. */
export const runIdOf = async (client: RawClient): Promise<string> =>
  /run_id:(\w+)/.exec(String(await client.ask('INFO', 'server')))![1]!
/** The flags of a client by its id, as another one sees them. */
export const flagsOf = async (client: RawClient, id: string): Promise<string> =>
  / flags=(\w+)/.exec(String(await client.ask('CLIENT', 'LIST', 'ID', id)))![1]!

/** A client that a thread serves; those whom the other one gets leave again when there is one. */
export async function connectTo(port: number, thread: unknown): Promise<RawClient> {
  const others: RawClient[] = []
  for (;;) {
    const client = await connect(port)
    // Who comes in the moment in which a thread dies is cut off with it.
    if ((await threadOf(client).catch(() => undefined)) === thread) {
      for (const each of others) await each.end()
      return client
    }
    others.push(client)
    // A few of them have the other thread chosen; without end they would reach maxclients before a thread has started.
    if (others.length > 3) await others.shift()!.end()
  }
}

/** The processes of the threads, in their order. */
export function threadProcesses(main: number): number[] {
  return readFileSync(`/proc/${main}/task/${main}/children`, 'latin1')
    .trim()
    .split(' ')
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('lib/cli/main.ts'))
    .map(Number)
    .sort((one, other) => one - other)
}
