import { connect } from '../test/support/raw-client.ts'
import type { RealServer } from '../test/support/real-server.ts'
import type { Argument } from '../test/support/resp-frame.ts'
import { load } from './measure.ts'
import type { Place } from './target.ts'
import { LARGE_FAMILIES, SMALL_KEYS, SMALL_VALUE, type Workload } from './workload.ts'

const BATCH_BYTES = 1_000_000

/** Sets all keys of a family at all of the servers: each member of a cluster keeps its own and refuses the others. */
async function fillFamily(
  servers: readonly RealServer[],
  family: string,
  keys: number,
  bytes: number
): Promise<void> {
  const value = 'x'.repeat(bytes)
  const batch = Math.max(1, Math.floor(BATCH_BYTES / bytes))
  for (const server of servers) {
    await using client = await connect(server.port)
    for (let first = 0; first < keys; first += batch) {
      const numbers = Array.from({ length: Math.min(batch, keys - first) }, (_, i) => first + i)
      const name = (number: number) => `${family}:${String(number).padStart(12, '0')}`
      await client.pipeline(numbers.map((number): Argument[] => ['SET', name(number), value]))
    }
  }
}

/** Fills what the rows read: by name for proxies, and by redis-benchmark itself for its keys in cluster mode. */
export async function fill(
  servers: readonly RealServer[],
  cluster: Place,
  rows: readonly Workload[]
): Promise<void> {
  await fillFamily(servers, 'key', SMALL_KEYS, SMALL_VALUE)
  for (const [family, { bytes, keys }] of LARGE_FAMILIES) {
    const read = rows.some((row) => row.command('key')[1]?.startsWith(family))
    if (read) await fillFamily(servers, family, keys, bytes)
  }
  const writes = rows.filter(({ title }) => title.startsWith('SET'))
  for (const keys of new Set(writes.map((row) => row.keys))) {
    const row = writes.find((candidate) => candidate.keys === keys)
    if (row === undefined) continue
    await load({ ...row, clients: 20, pipeline: 16, requests: 4 * keys }, cluster)
  }
}
