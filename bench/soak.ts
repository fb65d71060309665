import { connect } from '../test/support/raw-client.ts'
import { load } from './measure.ts'
import { residentMebibytes } from './process-usage.ts'
import { describeRun, median, tableHead, tableRow } from './table.ts'
import type { Place } from './target.ts'
import { selectRows, type Workload, workloads } from './workload.ts'

/** So long, roughly, one row is sent before the next one has its turn. */
const TURN_SECONDS = 2
/** Of the first turns, which show how many fit. */
const FIRST_REQUESTS = 10_000
/** Milliseconds within which a proxy whose clients are gone must have noticed. */
const REST_LIMIT_MS = 10_000
const COLUMNS = ['minute', 'commands', 'RSS MiB', 'used MiB']
const MEBIBYTE = 2 ** 20

/** What is left when a minute of load is over. */
interface Reading {
  /** Minutes since the start. */
  readonly minute: number
  /** Commands so far. */
  readonly commands: number
  /** Resident memory, MiB. */
  readonly resident: number
  /** Heap and buffers as `INFO` tells them, with what is not collected yet, MiB. */
  readonly used: number
}

/** The rows that take turns: they differ in all that memory is held for, which are requests, parts, values and clients. */
export function soakRows(): Workload[] {
  const all = workloads({ pipelines: [64], requests: FIRST_REQUESTS, clients: [1000] })
  return selectRows(all, ['get-p64', 'set-p64', 'mget', 'set-64k', 'get-64k', 'get-c1000'])
}

/** Loads a proxy for some minutes, prints a row of a Markdown table at the end of each, and at last by how much the memory grew. */
export async function soak(
  place: Place,
  rows: readonly Workload[],
  minutes: number
): Promise<void> {
  const readings: Reading[] = []
  const start = performance.now()
  const elapsed = () => (performance.now() - start) / 60_000
  let turns = rows
  console.log(`${describeRun(`rows in turns for ${minutes} minutes`)}\n\n${tableHead(COLUMNS)}`)
  for (let minute = 1; minute <= minutes; minute++) {
    // Rounds are whole: before each reading the same must have come last.
    do {
      turns = await sendAll(turns, place)
    } while (elapsed() < minute)
    const reading = await readAtRest(place, elapsed())
    readings.push(reading)
    console.log(tableRow(cellsOf(reading)))
  }
  // The first minute is for warming up.
  console.log(`\n${describeGrowth(readings.slice(1))}`)
}

/** One turn of each row; gives the rows with as many requests as fit in their next turns. */
async function sendAll(rows: readonly Workload[], place: Place): Promise<Workload[]> {
  const next: Workload[] = []
  for (const row of rows) {
    const [requestsPerSecond] = await load(row, place)
    next.push({ ...row, requests: Math.ceil(requestsPerSecond * TURN_SECONDS) })
  }
  return next
}

/** Waits until all other clients are gone and the masters owe nothing, and reads the memory then. */
async function readAtRest(place: Place, minute: number): Promise<Reading> {
  await using client = await connect(place.port)
  const limit = performance.now() + REST_LIMIT_MS
  for (;;) {
    // Asked for by its name, `keyspace` is what the masters say, behind all that they were asked before.
    const text = String(await client.ask('INFO', 'default', 'keyspace'))
    const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1])
    if (field('connected_clients') === 1) {
      return {
        minute,
        commands: field('total_commands_processed'),
        resident: residentMebibytes(place.pids),
        used: field('used_memory') / MEBIBYTE,
      }
    }
    if (performance.now() > limit) throw new Error(`the proxy does not come to rest:\n${text}`)
  }
}

function cellsOf({ minute, commands, resident, used }: Reading): string[] {
  return [minute.toFixed(1), String(commands), resident.toFixed(0), used.toFixed(0)]
}

/** The median of the first third beside that of the last. */
function describeGrowth(readings: readonly Reading[]): string {
  const third = Math.floor(readings.length / 3)
  if (third === 0) return 'growth: not told by less than four minutes'
  const line = (name: string, of: (reading: Reading) => number): string => {
    const first = median(readings.slice(0, third).map(of))
    const last = median(readings.slice(-third).map(of))
    const percent = ((last / first - 1) * 100).toFixed(1)
    const change = (last - first).toFixed(1)
    return `${name}: ${first.toFixed(1)} MiB in the first third, ${last.toFixed(1)} in the last: ${change} MiB (${percent} %)`
  }
  const about = `without the first minute, medians of ${third} readings`
  return [
    `Growth, ${about}:`,
    line('RSS', ({ resident }) => resident),
    line('used', ({ used }) => used),
  ].join('\n')
}
