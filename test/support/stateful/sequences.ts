import { CACHING } from './caching.ts'
import { DENIALS, IDENTITIES } from './identities.ts'
import type { Kind } from './kind.ts'
import { MODES, reset } from './modes.ts'
import { ordinary } from './ordinary.ts'
import type { Situation } from './situation.ts'
import type { Phase, Step } from './step.ts'
import { CONFINED, ONLY_PUSHED, PUBSUB } from './subscriptions.ts'
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
const PUSHED_FAMILIES: readonly (readonly Kind[])[] = [...FAMILIES, ONLY_PUSHED]

/** Thinks up sequences for one client. */
export class Sequences {
  readonly #client: Situation
  /** Whether the nodes know which keys a user may touch. */
  readonly #withRights: boolean

  constructor(client: Situation, withRights: boolean) {
    this.#client = client
    this.#withRights = withRights
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
    if (this.#withRights && chance.happens(5)) return chance.pick(DENIALS)(client)
    for (;;) {
      const families = client.version === 3 ? PUSHED_FAMILIES : FAMILIES
      const phases = chance.pick(chance.pick(families))(client)
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
