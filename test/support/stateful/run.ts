import { connect, type RawClient } from '../raw-client.ts'
import { encodeCommand } from '../resp-frame.ts'
import { Cache } from './cache.ts'
import { INVALIDATIONS, Inbox } from './inbox.ts'
import { within } from './limit.ts'
import { proveClean } from './proof.ts'
import { Sequences } from './sequences.ts'
import { NO_COMPANION, Situation } from './situation.ts'
import type { Phase } from './step.ts'
import { closeVoices, openVoices, type Voices } from './voices.ts'

/** How to try a proxy with commands that have a memory. */
export interface StatefulOptions {
  readonly seed: number
  /** Sequences of commands altogether. */
  readonly sequences: number
  readonly clients: number
  /** Where the proxy listens, with the options {@link STATEFUL_OPTIONS}. */
  readonly port: number
  /** Ports of the masters. */
  readonly masters: readonly number[]
  /** Whether the nodes are servers. */
  readonly real: boolean
  /** Whether slots move meanwhile. */
  readonly moving: boolean
  /** Throws if something went wrong that no client sees. */
  check(): void
  /** Has slots move no more. */
  calm(): void
  readonly onProgress?: (totals: StatefulTotals) => void
}

/** What happened in a run. */
export interface StatefulTotals {
  sequences: number
  /** Commands that were answered rightly. */
  replies: number
  /** Connections that were cut off in the middle of a sequence. */
  cut: number
  /** Messages to subscribers that were right. */
  messages: number
  /** Keys that clients were told of, and might be. */
  told: number
  /** Of those, what they did not know any more. */
  repeated: number
  /** How often a client was told to forget all. */
  forgotten: number
  /** Commands that were shown to others. */
  shown: number
  /** Private connections that were asked at the end. */
  proven: number
}

/** In a hundred sequences. */
const CUTS = 4

/** Carries sequences out on many connections, some of which are cut off, and proves that all private connections are clean afterwards. */
export async function tryStateful(options: StatefulOptions): Promise<StatefulTotals> {
  const totals = {
    ...{ sequences: 0, replies: 0, cut: 0, messages: 0 },
    ...{ told: 0, repeated: 0, forgotten: 0, shown: 0, proven: 0 },
  }
  const voices = await openVoices(options.port)
  const clients = Array.from({ length: options.clients }, (_, index) => index)
  await Promise.all(
    clients.map((index) => new StatefulClient(index, options, totals, voices).run())
  )
  options.calm()
  for (const port of options.masters) totals.proven += await proveClean(port, options.port)
  await closeVoices(voices)
  return totals
}

/** One client after the other, each with a connection until it is cut off. */
class StatefulClient {
  readonly #index: number
  readonly #options: StatefulOptions
  readonly #totals: StatefulTotals
  readonly #voices: Voices

  constructor(index: number, options: StatefulOptions, totals: StatefulTotals, voices: Voices) {
    this.#index = index
    this.#options = options
    this.#totals = totals
    this.#voices = voices
  }

  async run(): Promise<void> {
    for (let life = 0; this.#goesOn; life++) await this.#live(life)
  }

  get #goesOn(): boolean {
    return this.#totals.sequences < this.#options.sequences
  }

  async #live(life: number): Promise<void> {
    const { seed, port, real, moving } = this.#options
    const totals = this.#totals
    const name = `client ${this.#index}.${life}`
    const lifeSeed = seed * 1_000_003 + this.#index * 997 + life
    const client = await connect(port)
    const id = await idOf(client)
    const inbox = new Inbox(client, new Cache(), moving)
    const companion =
      lifeSeed % 3 === 0 ? await companionOf(inbox, port, 2 + (life % 2)) : undefined
    const whom = { name, id, companion: companion?.id ?? NO_COMPANION, moving }
    const situation = new Situation(lifeSeed, whom)
    const sequences = new Sequences(situation, real)
    let phases: readonly Phase[] = []
    try {
      while (this.#goesOn) {
        totals.sequences++
        if (totals.sequences % 10_000 === 0) this.#options.onProgress?.(totals)
        phases = sequences.next()
        if (situation.chance.happens(CUTS)) {
          await this.#cutOff(client, situation, phases)
          break
        }
        await this.#carryOut(client, inbox, situation, phases)
        this.#options.check()
      }
    } catch (error) {
      const shown = phases.flatMap(({ steps }) => steps.map(({ command }) => command.join(' ')))
      const message = error instanceof Error ? error.message : String(error)
      throw new Error(`seed ${seed}, ${name} (${situation}): ${message}, in: ${shown.join('; ')}`)
    }
    await client.end()
    await companion?.client.end()
    count(totals, inbox)
  }

  /** Sends each phase in one write, or command by command. */
  async #carryOut(
    client: RawClient,
    inbox: Inbox,
    { chance }: Situation,
    phases: readonly Phase[]
  ): Promise<void> {
    const stepwise = chance.below(3) === 0
    for (const { steps, deeds = [] } of phases) {
      for (const part of stepwise && deeds.length === 0 ? steps.map((one) => [one]) : [steps]) {
        inbox.expect(part)
        if (part.length > 0)
          client.send(Buffer.concat(part.map(({ command }) => encodeCommand(command))))
        for (const deed of deeds) await this.#voices[deed.by].carryOut(deed, inbox)
        await within(inbox.settled(), () => `${inbox.owed}did not come`)
      }
      this.#totals.replies += steps.length
    }
  }

  /** Sends the beginning of a sequence, perhaps something that blocks for ever, and leaves. */
  async #cutOff(
    { stream, closed }: RawClient,
    situation: Situation,
    phases: readonly Phase[]
  ): Promise<void> {
    const { chance } = situation
    this.#totals.cut++
    const steps = phases.flatMap((phase) => phase.steps)
    const bytes = Buffer.concat(steps.map(({ command }) => encodeCommand(command)))
    const blocks = encodeCommand(['BLPOP', `empty:${situation.key()}`, '0'])
    const part = bytes.subarray(0, chance.below(bytes.length + 1))
    stream.write(chance.below(3) === 0 ? Buffer.concat([bytes, blocks]) : part)
    // Some of them leave before the proxy has seen anything, others when it has begun.
    for (let turns = chance.below(3) * 3; turns > 0; turns--) await new Promise(setImmediate)
    const way = chance.below(4)
    if (way === 0) stream.destroy()
    else if (way === 1) await this.#voices.default.kill(situation.id)
    else if (way === 2) stream.end(encodeCommand(['QUIT']))
    else stream.end()
    await within(closed, () => 'the end of the connection did not come')
  }
}

async function idOf(client: RawClient): Promise<number> {
  return Number(await client.ask('CLIENT', 'ID'))
}

/** A client that is told in the place of another. */
async function companionOf(
  inbox: Inbox,
  port: number,
  version: number
): Promise<{ readonly client: RawClient; readonly id: number }> {
  const client = await connect(port)
  await client.call('HELLO', version)
  const id = await idOf(client)
  await client.call('SUBSCRIBE', INVALIDATIONS)
  new Inbox(client, inbox.cache, false, inbox)
  return { client, id }
}

function count(totals: StatefulTotals, { mailbox, cache, shown }: Inbox): void {
  totals.messages += mailbox.heard
  totals.told += cache.told
  totals.repeated += cache.repeated
  totals.forgotten += cache.forgotten
  totals.shown += shown
}
