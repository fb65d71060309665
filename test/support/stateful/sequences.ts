import { CACHING } from './caching.ts'
import { IDENTITIES } from './identities.ts'
import type { Kind } from './kind.ts'
import { MODES, reset } from './modes.ts'
import { ordinary } from './ordinary.ts'
import { SERVERS } from './servers.ts'
import type { Situation } from './situation.ts'
import type { Phase, Step } from './step.ts'
import { CONFINED, PUBSUB } from './subscriptions.ts'
import { TRANSACTIONS } from './transactions.ts'
import { WAITS } from './waits.ts'

const FAMILIES: readonly (readonly Kind[])[] = [
  TRANSACTIONS,
  WAITS,
  MODES,
  PUBSUB,
  CACHING,
  IDENTITIES,
]
/** Thinks up sequences for one client. */
export class Sequences {
  readonly #client: Situation
  readonly #families: readonly (readonly Kind[])[]

  /** `real`: the nodes are servers, which know more than fake ones. */
  constructor(client: Situation, real: boolean) {
    this.#client = client
    this.#families = real ? [...FAMILIES, SERVERS] : FAMILIES
  }

  /** The next one: commands of one to three kinds, with ordinary ones before each. What may go out in one write does. */
  next(): readonly Phase[] {
    const client = this.#client
    const phases: Phase[] = []
    for (let kinds = 1 + client.chance.below(3); kinds > 0; kinds--) {
      const { isToldElsewhere } = client
      const made: Phase[] = client.confined ? [] : [{ steps: ordinary(client) }]
      made.push(...this.#kind())
      if (!client.confined) made.push({ steps: client.get(client.key()) })
      const oneByOne = isToldElsewhere || client.isToldElsewhere
      phases.push(...(oneByOne ? made.flatMap(apart) : made))
    }
    return joined(phases)
  }

  #kind(): readonly Phase[] {
    const client = this.#client
    const { chance } = client
    if (client.confined) return chance.happens(10) ? reset(client) : chance.pick(CONFINED)(client)
    for (;;) {
      // Few of them track keys, and these not for long.
      const caches = client.tracking !== undefined && chance.happens(25)
      const phases = chance.pick(caches ? CACHING : chance.pick(this.#families))(client)
      if (phases.length > 0) return phases
    }
  }
}

/** Each step by itself. */
function apart(phase: Phase): Phase[] {
  if (phase.deeds !== undefined) return [phase]
  return phase.steps.map((step) => ({ steps: [step], last: true }))
}

function joined(phases: readonly Phase[]): Phase[] {
  const result: Phase[] = []
  let steps: Step[] = []
  for (const phase of phases) {
    steps.push(...phase.steps)
    if (phase.last !== true && phase.deeds === undefined) continue
    result.push({ ...phase, steps })
    steps = []
  }
  return steps.length > 0 ? [...result, { steps }] : result
}
