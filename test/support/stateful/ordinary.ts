import { bulk, number } from './frames.ts'
import type { Situation } from './situation.ts'
import { type Step, step } from './step.ts'

const KINDS: readonly ((client: Situation) => Step[])[] = [
  (client) => [client.set(client.key(), client.value())],
  (client) => client.get(client.key()),
  (client) => client.get(client.key()),
  ({ name }) => [step(['ECHO', name], bulk(name))],
  ({ version, isSubscribed, name }) =>
    version === 2 && isSubscribed ? [] : [step(['PING', name], bulk(name))],
  (client) => [step(['DEL', `nothing:${client.key()}`, `none:${client.key()}`], number(0))],
  (client) => {
    const key = `nothing:${client.key()}`
    return [step(['STRLEN', key], number(0), client.read(key))]
  },
]

/** A few commands that leave nothing behind, some of them over several nodes: they are in flight when the next sequence begins. */
export function ordinary(client: Situation): Step[] {
  const steps: Step[] = []
  for (let count = client.chance.below(4); count > 0; count--)
    steps.push(...client.chance.pick(KINDS)(client))
  return steps
}
