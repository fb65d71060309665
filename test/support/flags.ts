import assert from 'node:assert/strict'
import {
  createFakeCluster,
  type FakeCluster,
  type FakeClusterOptions,
} from '../../lib/testing/index.ts'
import { freePort } from './free-port.ts'
import { connect, type RawClient } from './raw-client.ts'
import { appears, Running } from './running.ts'

/** Flags with their values; a list gives a flag several times, true gives it without a value, and undefined not at all. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** Flags that a test of this process starts the program with. */
export const started: Set<string> = new Set<string>()

/** Flags as words of the command line. */
export function wordsOf(flags: Flags): string[] {
  return Object.entries(flags).flatMap(([name, values]) => {
    if (values === undefined || values === false) return []
    started.add(name)
    if (values === true) return [`--${name}`]
    return [values].flat().flatMap((value) => [`--${name}`, value])
  })
}

/** What a test sees. */
export interface Stage {
  readonly program: Running
  readonly cluster: FakeCluster
  readonly port: number
  client(): Promise<RawClient>
}

/** Starts the program with flags before a fake cluster, looks at their effect, and ends it. */
export async function withFlags(
  flags: Flags,
  look: (stage: Stage) => Promise<void>,
  options: FakeClusterOptions = { masters: 1 }
): Promise<void> {
  await using cluster = await createFakeCluster(options)
  const port = await freePort()
  // A part of the nodes is enough.
  const nodes = flags.cluster === undefined ? { cluster: cluster.addresses[0]! } : {}
  const base = { port: String(port), bind: '127.0.0.1', threads: '1', ...nodes }
  const program = new Running(wordsOf({ ...base, ...flags }))
  if (flags.pidfile === undefined) await program.listens()
  else await appears(String(flags.pidfile))
  try {
    await look({ program, cluster, port, client: () => connect(port) })
  } catch (error) {
    program.process.kill('SIGKILL')
    throw error
  }
  program.process.kill('SIGTERM')
  assert.equal((await program.ended).code, 0)
}

/** A key that a node has. */
export function keyOf(cluster: FakeCluster, index: number): string {
  for (let key = 0; ; key++) {
    if (cluster.owner(String(key)) === cluster.nodes[index]) return String(key)
  }
}
