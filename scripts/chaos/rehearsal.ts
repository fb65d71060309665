import { setTimeout as delay } from 'node:timers/promises'
import { Dice } from '../../test/support/dice.ts'
import { LoadClient } from './load-client.ts'
import { type Operation, operations } from './operations.ts'
import { DirectProbe, PROBES, type Probe, ProxiedProbe } from './probe.ts'
import { type ProxyChild, startProxyChild } from './proxy-child.ts'
import { NODE_TIMEOUT, openStage, type Stage } from './stage.ts'
import { Tally } from './tally.ts'
import { openWire, Refusal, type Wire } from './wire.ts'

/** What is to be done. */
export interface Script {
  /** Names of operations; all by default. */
  readonly only: readonly string[]
  /** Each operation is repeated until it took this long, in seconds. */
  readonly seconds: number
  readonly clients: number
  readonly seed: number
  /** Slots that a reshard moves. */
  readonly slots: number
  /** Told each row as soon as it is known. */
  readonly onRow?: (row: Row) => void
}

/** What came of one operation. */
export interface Row {
  readonly operation: Operation
  readonly tally: Tally
  readonly seconds: number
  /** Longest time in which nothing could be written to some slot through the proxy, in milliseconds. */
  readonly gap: number
  /** The same without the proxy, by a client that tries all nodes. */
  readonly directGap: number
  /** MOVED that the proxy followed. */
  readonly moved: number
  /** ASK that the proxy followed. */
  readonly asked: number
  /** What was not as expected; empty when all was. */
  readonly broken: readonly string[]
}

/** `retryBudget` of the proxy, in milliseconds, less what timers may be early. */
const BUDGET = 4900
const QUIET_LIMIT = 15_000
const CALM = 1000
/** Keys beside those of the clients in each of their slots, so that moving a slot takes a while. */
const FILLERS = 300
/** How much later than the cluster itself the proxy may be back, in milliseconds. */
const LAG = 1000

/** Performs operations in turn, with clients and probes at work all the time. */
export async function rehearse(script: Script): Promise<Row[]> {
  const wanted = choose(script.only)
  await using stage = await openStage()
  const proxy = await startProxyChild(stage.addresses, stage.password)
  const rehearsal = new Rehearsal(script, stage, proxy)
  try {
    await rehearsal.begin()
    const rows: Row[] = []
    for (const operation of wanted) {
      const row = await rehearsal.perform(operation)
      rows.push(row)
      script.onRow?.(row)
    }
    return rows
  } finally {
    rehearsal.end()
    await proxy.stop()
  }
}

function choose(names: readonly string[]): readonly Operation[] {
  const unknown = names.filter((name) => !operations.some((each) => each.name === name))
  const known = operations.map(({ name }) => name).join(', ')
  if (unknown.length > 0) throw new Error(`unknown: ${unknown}; operations are: ${known}`)
  return names.length === 0 ? operations : operations.filter(({ name }) => names.includes(name))
}

class Rehearsal {
  readonly #script: Script
  readonly #stage: Stage
  readonly #proxy: ProxyChild
  readonly #clients: LoadClient[]
  readonly #proxied: Probe[]
  readonly #direct: Probe[]
  #tally: Tally = new Tally()

  constructor(script: Script, stage: Stage, proxy: ProxyChild) {
    this.#script = script
    this.#stage = stage
    this.#proxy = proxy
    const dice = new Dice(script.seed)
    const target = { port: proxy.port, tally: () => this.#tally, dice, budget: BUDGET }
    this.#clients = Array.from({ length: script.clients }, (_, i) => new LoadClient(i, target))
    this.#proxied = PROBES.map((tag) => new ProxiedProbe(tag, proxy.port))
    this.#direct = PROBES.map((tag) => new DirectProbe(tag, stage))
  }

  async begin(): Promise<void> {
    for (const client of this.#clients) await client.connect()
    await this.#fill()
    for (const probe of [...this.#proxied, ...this.#direct]) void probe.run()
  }

  end(): void {
    for (const part of [...this.#clients, ...this.#proxied, ...this.#direct]) part.end()
  }

  async perform(operation: Operation): Promise<Row> {
    const tally = new Tally()
    this.#tally = tally
    const before = await this.#proxy.redirects()
    const { slots, seconds } = this.#script
    for (const client of this.#clients) client.start()
    await delay(CALM)
    const start = performance.now()
    for (const { gap } of [...this.#proxied, ...this.#direct]) gap.reset()
    const scene = { stage: this.#stage, proxy: this.#proxy, tally, slots }
    const enough = start + seconds * 1000
    const failure = await repeat(enough, () => operation.perform(scene))
    if (failure !== undefined) tally.error('NOT PERFORMED', failure.message)
    await delay(CALM)
    const gap = longest(this.#proxied)
    const directGap = longest(this.#direct)
    const took = (performance.now() - start) / 1000
    await this.#verify()
    const after = await this.#proxy.redirects()
    const moved = after.moved - before.moved
    const asked = after.asked - before.asked
    const result = { operation, tally, seconds: took, gap, directGap, moved, asked }
    return { ...result, broken: judge(result) }
  }

  async #fill(): Promise<void> {
    const wire = await openWire(this.#proxy.port)
    const value = 'x'.repeat(100)
    for (const tag of this.#clients.flatMap(({ tags }) => tags)) {
      const keys = Array.from({ length: FILLERS }, (_, i) => [`${tag}filler:${i}`, value]).flat()
      const reply = await wire.ask(['MSET', ...keys])
      if (reply instanceof Refusal) throw new Error(reply.text)
    }
    wire.close()
  }

  /** The load rests; every key is read through the proxy, and from its master directly. */
  async #verify(): Promise<void> {
    for (const client of this.#clients) client.pause()
    await this.#quiet()
    for (const client of this.#clients) client.readAll()
    await this.#quiet()
    const reader = new DirectReader(this.#stage)
    for (const key of this.#clients.flatMap(({ keys }) => keys.flat())) {
      const { state } = key
      if (state === undefined) continue
      const value = await reader.get(state.key)
      if (value === state.value) continue
      this.#tally.wrong(`${state.key} is ${value}, and ${state.value} through the proxy`)
    }
    reader.end()
  }

  async #quiet(): Promise<void> {
    const limit = performance.now() + QUIET_LIMIT
    while (this.#clients.some(({ pending }) => pending > 0)) {
      if (performance.now() > limit) {
        const waiting = this.#clients.filter(({ pending }) => pending > 0)
        for (const client of waiting) {
          this.#tally.error('NO REPLY', `${client.pending} commands after ${QUIET_LIMIT} ms`)
          client.abandon()
        }
        await delay(CALM)
        return
      }
      await delay(20)
    }
  }
}

/** Reads keys where they are, without the proxy. */
class DirectReader {
  readonly #stage: Stage
  readonly #wires: Map<number, Wire> = new Map()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  async get(key: string): Promise<string | null> {
    let port = this.#stage.ports[0] as number
    for (let hop = 0; hop < 5; hop++) {
      const reply = await (await this.#wire(port)).ask(['GET', key])
      if (!(reply instanceof Refusal)) return reply as string | null
      const moved = /^MOVED \d+ .*:(\d+)$/.exec(reply.text)
      if (moved === null) throw new Error(`GET ${key} at port ${port}: ${reply.text}`)
      port = Number(moved[1])
    }
    throw new Error(`GET ${key}: too many redirects`)
  }

  async #wire(port: number): Promise<Wire> {
    let wire = this.#wires.get(port)
    wire ??= await openWire(port, { password: this.#stage.password })
    this.#wires.set(port, wire)
    return wire
  }

  end(): void {
    for (const wire of this.#wires.values()) wire.close()
  }
}

/** Does something at least once, and until the given time; an error ends it. */
async function repeat(until: number, perform: () => Promise<void>): Promise<Error | undefined> {
  try {
    do await perform()
    while (performance.now() < until)
  } catch (error) {
    return error as Error
  }
  return undefined
}

function longest(probes: readonly Probe[]): number {
  return Math.max(...probes.map(({ gap }) => gap.longest))
}

/** What of it is not as expected. */
function judge(row: Omit<Row, 'broken'>): string[] {
  const { operation, tally, gap, directGap } = row
  const broken = [...tally.errors.keys()].filter((kind) => !operation.allowed.includes(kind))
  const never = {
    'lost writes': tally.lost,
    'order violations': tally.orderViolations,
    'wrong values': tally.wrongValues,
    'double increments': tally.doubleIncrements,
    'redirects seen': tally.redirectsSeen,
  }
  for (const [name, count] of Object.entries(never)) if (count > 0) broken.push(name)
  // Electing a new master takes the cluster itself about as long as is allowed; what counts is what the proxy adds.
  const allowed = Math.max(NODE_TIMEOUT + 1000, directGap + LAG)
  if (operation.losesMaster && gap > allowed) broken.push('gap')
  return broken
}
