import assert from 'node:assert/strict'
import { connect, type RawClient } from './raw-client.ts'
import { encodeCommand } from './resp-frame.ts'
import { ANY, StatefulSequences, type StatefulStep } from './stateful-sequence.ts'

/** How to try a proxy with commands that have a memory. */
export interface StatefulOptions {
  readonly seed: number
  /** Sequences of commands altogether. */
  readonly sequences: number
  readonly clients: number
  /** Where the proxy listens. Its option `maxPrivateConnections` is {@link MOST_PRIVATE}. */
  readonly port: number
  /** Ports of the masters. */
  readonly masters: readonly number[]
  readonly onProgress?: (totals: StatefulTotals) => void
}

/** What happened in a run. */
export interface StatefulTotals {
  sequences: number
  replies: number
  /** Connections that were cut off in the middle of a sequence. */
  cut: number
  /** Private connections that were asked at the end. */
  proven: number
}

/** What `maxPrivateConnections` must be. */
export const MOST_PRIVATE = 130
const LIMIT_MS = 20_000
/** In a hundred sequences. */
const CUTS = 4

/** Carries sequences out on many connections, some of which are cut off, and proves that all private connections are clean afterwards. */
export async function tryStateful(options: StatefulOptions): Promise<StatefulTotals> {
  const totals: StatefulTotals = { sequences: 0, replies: 0, cut: 0, proven: 0 }
  const runs = Array.from({ length: options.clients }, (_, i) => runClient(i, options, totals))
  await Promise.all(runs)
  for (const port of options.masters) await proveClean(port, options.port, totals)
  return totals
}

async function runClient(
  index: number,
  { seed, sequences, clients, port, onProgress }: StatefulOptions,
  totals: StatefulTotals
): Promise<void> {
  for (let life = 0; totals.sequences < sequences; life++) {
    const name = `client ${index}.${life}`
    const keys = Array.from({ length: 6 }, (_, i) => `${name} key ${i}`)
    const source = new StatefulSequences(seed * 1_000_003 + index * 997 + life, name, keys)
    const client = await connect(port)
    for (;;) {
      if (totals.sequences >= sequences) {
        await client.end()
        return
      }
      totals.sequences++
      if (totals.sequences % 10_000 === 0) onProgress?.(totals)
      const steps = source.next()
      if (source.below(100) < CUTS) {
        await cutOff(client, source, steps, `empty ${name}`)
        totals.cut++
        break
      }
      await carryOut(client, source, steps, `seed ${seed}, ${name}`)
      totals.replies += steps.length
    }
  }
  assert.ok(clients > 0)
}

/** Sends a sequence in one write, or command by command, and compares what comes. */
async function carryOut(
  client: RawClient,
  source: StatefulSequences,
  steps: readonly StatefulStep[],
  label: string
): Promise<void> {
  const stepwise = source.below(3) === 0
  if (!stepwise) client.send(Buffer.concat(steps.map(({ command }) => encodeCommand(command))))
  for (const { command, reply } of steps) {
    if (stepwise) client.send(command)
    if (reply === undefined) continue
    const shown = `${label}: ${command.join(' ')}`
    const frame = String(await within(client.readReply(), shown))
    if (reply !== ANY) assert.equal(frame, reply, `${shown} of ${JSON.stringify(steps)}`)
  }
}

/** Sends the beginning of a sequence, perhaps something that blocks for ever, and leaves. */
async function cutOff(
  client: RawClient,
  source: StatefulSequences,
  steps: readonly StatefulStep[],
  key: string
): Promise<void> {
  const bytes = Buffer.concat(steps.map(({ command }) => encodeCommand(command)))
  const blocking = source.below(3) === 0
  const part = bytes.subarray(0, source.below(bytes.length + 1))
  client.send(blocking ? Buffer.concat([bytes, encodeCommand(['BLPOP', key, '0'])]) : part)
  // A third of them leave before the proxy has seen anything, others when it has begun.
  for (let turns = source.below(3) * 3; turns > 0; turns--) await new Promise(setImmediate)
  if (source.below(2) === 0) client.stream.destroy()
  else client.stream.end()
  client.stream.resume()
  await within(client.closed, `${key}: the end`)
}

function within<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} did not come within ${LIMIT_MS} ms`)),
      LIMIT_MS
    )
  })
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer))
}

/** Flags of `CLIENT LIST` for a connection within MULTI, in a blocking command, or with a watched key that was changed. */
const DIRTY = /flags=\w*[xbd]/

async function proveClean(master: number, port: number, totals: StatefulTotals): Promise<void> {
  await using node = await connect(master)
  await within(settled(node), 'that no connection is in MULTI or blocked')
  for (const line of await connectionsOf(node)) {
    assert.match(line, / db=0 .*multi=-1 /)
    assert.match(line, / user=default/)
  }
  // Whoever still watched a key would have its next transaction fail.
  await node.call('FLUSHALL')
  const key = await keyOf(node)
  const half = MOST_PRIVATE / 2 - 10
  const [first, second] = await Promise.all([
    transactions(port, key, 2, half),
    transactions(port, key, 3, half),
  ])
  await first()
  await second()
  // As many as there may be: none of those that are gone is still counted.
  const end = await transactions(port, key, 2, MOST_PRIVATE)
  await end()
  totals.proven += 2 * half
}

async function connectionsOf(node: RawClient): Promise<string[]> {
  return String(await node.ask('CLIENT', 'LIST'))
    .trimEnd()
    .split('\n')
}

async function settled(node: RawClient): Promise<void> {
  while ((await connectionsOf(node)).some((line) => DIRTY.test(line))) {
    await new Promise(setImmediate)
  }
}

/** A key that a node serves. */
async function keyOf(node: RawClient): Promise<string> {
  for (let i = 0; ; i++) {
    const reply = String(await node.call('GET', `proof ${i}`))
    if (!reply.startsWith('-')) return `proof ${i}`
  }
}

/** Has as many transactions of one node begin at the same time; the function that is given ends them. */
async function transactions(
  port: number,
  key: string,
  protocol: 2 | 3,
  count: number
): Promise<() => Promise<void>> {
  const clients = await Promise.all(Array.from({ length: count }, () => connect(port)))
  await Promise.all(
    clients.map(async (client, i) => {
      const frames = client.pipeline([
        ['HELLO', protocol],
        ['MULTI'],
        ['EXISTS', key],
        ['ECHO', `echo ${i}`],
      ])
      const [, ...rest] = await within(frames, `transaction ${i} of ${count}`)
      assert.deepEqual(rest.map(String), ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n'])
    })
  )
  return async () => {
    await Promise.all(
      clients.map(async (client, i) => {
        const text = `echo ${i}`
        const frame = String(await within(client.call('EXEC'), `EXEC ${i}`))
        assert.equal(frame, `*2\r\n:0\r\n$${text.length}\r\n${text}\r\n`)
        await client.end()
      })
    )
  }
}
