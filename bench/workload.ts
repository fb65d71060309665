/** What redis-benchmark is to send. */
export interface Workload {
  /** What `--rows` selects it by. */
  readonly id: string
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
  /** Whether clients speak RESP3. */
  readonly resp3?: boolean
  /** Bytes of a request and of its reply, where all are equal. */
  readonly bytes?: { readonly request: number; readonly reply: number }
}

/** What to measure. */
export interface WorkloadOptions {
  readonly pipelines: readonly number[]
  readonly requests: number
  /** Numbers of clients of the rows `get-c<number>` and `set-c<number>`. */
  readonly clients: readonly number[]
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
const KEYS_PER_COMMAND = 10
const RANDOM = '__rand_int__'

/** All rows there are: GET and SET by pipeline, in RESP3, by number of clients, many keys in one command, one key for all, large values. */
export function workloads({ pipelines, requests, clients }: WorkloadOptions): Workload[] {
  const rows: Workload[] = []
  for (const pipeline of pipelines) {
    // Short replies per command need more commands for the same precision: CPU time is counted in steps of 10 ms.
    const most = requests * Math.max(1, Math.min(16, pipeline / 4))
    rows.push(...small(`p${pipeline}`, CLIENTS, pipeline, most))
  }
  for (const row of rows.slice()) {
    rows.push({ ...row, id: `${row.id}-resp3`, title: `${row.title}, RESP3`, resp3: true })
  }
  for (const count of clients) {
    // What it costs to connect must not be a part of what a command costs.
    rows.push(...small(`c${count}`, count, 1, requests * Math.max(1, count / 2000)))
  }
  rows.push(...manyKeys(requests / 4))
  rows.push(...hot(pipelines, requests))
  for (const [family, { bytes, keys }] of LARGE_FAMILIES) {
    rows.push(...large(family, bytes, keys, requests))
  }
  return rows
}

/** The rows with the given ids, of which `*` stands for any characters; throws when one selects nothing. */
export function selectRows(rows: readonly Workload[], ids: readonly string[]): Workload[] {
  const wanted = ids.map((id) => new RegExp(`^${id.replaceAll('*', '.*')}$`))
  const idle = wanted.findIndex((pattern) => !rows.some((row) => pattern.test(row.id)))
  if (idle >= 0) throw new Error(`no row '${ids[idle]}'; there are ${rows.map(({ id }) => id)}`)
  return rows.filter(({ id }) => wanted.some((pattern) => pattern.test(id)))
}

function small(suffix: string, clients: number, pipeline: number, requests: number): Workload[] {
  const shape = { clients, pipeline, requests, keys: SMALL_KEYS }
  const value = 'x'.repeat(SMALL_VALUE)
  const title = (name: string) => `${name}, ${clients} clients, pipeline ${pipeline}`
  return [
    {
      ...shape,
      id: `get-${suffix}`,
      title: title('GET'),
      command: (key) => ['GET', `${key}:${RANDOM}`],
      bytes: { request: sizeOf(['GET', 'key:000000000000']), reply: sizeOf([value]) - 4 },
    },
    {
      ...shape,
      id: `set-${suffix}`,
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
  const row = (name: string, ...perKey: string[]): Workload => ({
    ...shape,
    id: name.toLowerCase(),
    title: `${name} of ${KEYS_PER_COMMAND} keys, ${CLIENTS} clients`,
    command: (key) => [name, ...times([`${key}:${RANDOM}`, ...perKey]).flat()],
  })
  return [row('MGET'), row('MSET', value), row('EXISTS')]
}

/** All clients read one key, for the option `coalesce`: a small value by pipeline and from 1,000 clients, and a large one. */
function hot(pipelines: readonly number[], requests: number): Workload[] {
  const rows = pipelines.flatMap((pipeline) => small(`p${pipeline}`, CLIENTS, pipeline, requests))
  const many = small('c1000', 1000, 1, requests)
  return [...rows, ...many, ...large('key64k', 65_536, 1, requests)]
    .filter(({ id }) => id.startsWith('get-'))
    .map((row) => ({
      ...row,
      id: row.id.replace('get', 'hot'),
      title: `${row.title}, one key`,
      keys: 1,
    }))
}

function large(family: string, bytes: number, keys: number, most: number): Workload[] {
  const requests = Math.min(most, Math.ceil(1_500_000_000 / bytes))
  const shape = { clients: CLIENTS, pipeline: 1, requests, keys }
  const named = (key: string) => `${key.replace('key', family)}:${RANDOM}`
  const suffix = family.slice('key'.length)
  return [
    {
      ...shape,
      id: `get-${suffix}`,
      title: `GET of ${bytes / 1024} KiB, ${CLIENTS} clients`,
      command: (key) => ['GET', named(key)],
    },
    {
      ...shape,
      id: `set-${suffix}`,
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
