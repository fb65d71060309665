import type { Situation } from './situation.ts'
import type { Phase, Step } from './step.ts'

/** Thinks up a sequence for a client in any situation, and leaves it in the one that follows. */
export type Kind = (client: Situation) => readonly Phase[]

/** A sequence that may go out with what comes behind it. */
export function together(...steps: readonly Step[]): readonly Phase[] {
  return [{ steps }]
}
