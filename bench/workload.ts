/** What redis-benchmark is to send. */
export interface Workload {
  readonly title: string
  readonly clients: number
  readonly pipeline: number
  readonly requests: number
  /** Different keys, numbered from 0. */
  readonly keys: number
  /** The command for a key family: `key` becomes `key:000000012345`. */
  command(key: string): string[]
  /** The last argument, where it is too long for a command line. */
  readonly value?: string
  /** Bytes of a request and of its reply, where all are equal. */
  readonly bytes?: { readonly request: number; readonly reply: number }
}

/** What to measure. */
export interface WorkloadOptions {
  readonly pipelines: readonly number[]
  readonly requests: number
  readonly large: boolean
  readonly mget: boolean
}

/** Keys of the small rows, all filled before. */
export const SMALL_KEYS = 100_000
/** Bytes of a small value. */
export const SMALL_VALUE = 64
/** Key families of the large rows by the bytes of their values, and how many keys of them there are. */
export const LARGE_FAMILIES: ReadonlyMap<
  string,
  { readonly bytes: number; readonly keys: number }
> = new Map([
  ['key64k', { bytes: 65_536, keys: 200 }],
  ['key1m', { bytes: 1_048_576, keys: 20 }],
])

const CLIENTS = 50
const MANY_CLIENTS = 1000
const KEYS_PER_COMMAND = 10
const RANDOM = '__rand_int__'

/** The rows of the table: GET and SET by pipeline, then many clients, then what was asked for beside. */
export function workloads(options: WorkloadOptions): Workload[] {
  const rows: Workload[] = []
  for (const pipeline of options.pipelines) {
    // Short replies per command need more commands for the same precision: CPU time is counted in steps of 10 ms.
    const requests = options.requests * Math.max(1, Math.min(16, pipeline / 4))
    rows.push(...small(CLIENTS, pipeline, requests))
  }
  rows.push(...small(MANY_CLIENTS, 1, options.requests))
  if (options.mget) rows.push(...manyKeys(options.requests / 4))
  if (options.large) {
    for (const [family, { bytes, keys }] of LARGE_FAMILIES) {
      rows.push(...large(family, bytes, keys, options.requests))
    }
  }
  return rows
}

function small(clients: number, pipeline: number, requests: number): Workload[] {
  const shape = { clients, pipeline, requests, keys: SMALL_KEYS }
  const value = 'x'.repeat(SMALL_VALUE)
  const title = (name: string) => `${name}, ${clients} clients, pipeline ${pipeline}`
  return [
    {
      ...shape,
      title: title('GET'),
      command: (key) => ['GET', `${key}:${RANDOM}`],
      bytes: { request: sizeOf(['GET', 'key:000000000000']), reply: sizeOf([value]) - 4 },
    },
    {
      ...shape,
      title: title('SET'),
      command: (key) => ['SET', `${key}:${RANDOM}`, value],
      bytes: { request: sizeOf(['SET', 'key:000000000000', value]), reply: '+OK\r\n'.length },
    },
  ]
}

function manyKeys(requests: number): Workload[] {
  const shape = { clients: CLIENTS, pipeline: 1, requests, keys: SMALL_KEYS }
  const value = 'x'.repeat(SMALL_VALUE)
  const times = <T>(item: T): T[] => Array.from({ length: KEYS_PER_COMMAND }, () => item)
  return [
    {
      ...shape,
      title: `MGET of ${KEYS_PER_COMMAND} keys, ${CLIENTS} clients`,
      command: (key) => ['MGET', ...times(`${key}:${RANDOM}`)],
    },
    {
      ...shape,
      title: `MSET of ${KEYS_PER_COMMAND} keys, ${CLIENTS} clients`,
      command: (key) => ['MSET', ...times([`${key}:${RANDOM}`, value]).flat()],
    },
  ]
}

function large(family: string, bytes: number, keys: number, most: number): Workload[] {
  const requests = Math.min(most, Math.ceil(1_500_000_000 / bytes))
  const shape = { clients: CLIENTS, pipeline: 1, requests, keys }
  const named = (key: string) => `${key.replace('key', family)}:${RANDOM}`
  return [
    {
      ...shape,
      title: `GET of ${bytes / 1024} KiB, ${CLIENTS} clients`,
      command: (key) => ['GET', named(key)],
    },
    {
      ...shape,
      title: `SET of ${bytes / 1024} KiB, ${CLIENTS} clients`,
      command: (key) => ['SET', named(key)],
      value: 'x'.repeat(bytes),
    },
  ]
}

/** Bytes of an array of bulk strings. */
function sizeOf(args: readonly string[]): number {
  const bulks = args.map((arg) => `$${arg.length}\r\n${arg}\r\n`.length)
  return bulks.reduce((sum, bytes) => sum + bytes, `*${args.length}\r\n`.length)
}
