import type { FakeCluster, FakeNode } from '../../../lib/testing/index.ts'
import { Dice } from '../dice.ts'
import { userOfKey } from './users.ts'

/** One command in so many has a migration begin, and one in as many others takes a step further. */
const OFTEN = 25
/** Commands between two migrations of one slot: more than can be under way. */
const REST = 2000

/**
 * Moves the slots of keys that are in use to and fro, a step at a time, whenever a node has received a command and not executed it yet. No slot comes back to a
 * node while commands that were sent to it before are under way: what has been written cannot be called back.
 */
export class Mover {
  /** Migrations that were begun. */
  migrations = 0
  readonly #cluster: FakeCluster
  readonly #dice: Dice
  readonly #targets: Map<number, FakeNode> = new Map()
  /** The count of commands from which on a slot may move again. */
  readonly #restUntil: Map<number, number> = new Map()
  #commands = 0

  constructor(cluster: FakeCluster, seed: number) {
    this.#cluster = cluster
    this.#dice = new Dice(seed)
    for (const node of cluster.nodes) node.on('command', ({ command }) => this.#look(command))
  }

  /** Ends the migrations that are under way; no more are begun. */
  stop(): void {
    this.#look = () => {}
    for (const [slot, target] of this.#targets) this.#end(slot, target)
  }

  #look = (command: readonly string[]): void => {
    this.#commands++
    const chosen = this.#dice.below(OFTEN)
    if (chosen === 0) this.#begin(command)
    else if (chosen === 1 && this.#targets.size > 0) this.#goOn()
  }

  #begin(command: readonly string[]): void {
    const key = command.find((word) => userOfKey(word) !== undefined)
    if (key === undefined) return
    const slot = this.#cluster.slotOf(key)
    if (this.#targets.has(slot) || (this.#restUntil.get(slot) ?? 0) > this.#commands) return
    this.migrations++
    const { masters } = this.#cluster
    const to = masters[(masters.indexOf(this.#cluster.owner(slot)) + 1) % masters.length]!
    this.#cluster.setImporting(slot, to)
    this.#cluster.setMigrating(slot, to)
    this.#targets.set(slot, to)
  }

  #goOn(): void {
    const [slot, target] = this.#dice.pick([...this.#targets])
    if (this.#cluster.moveKeys(slot) === 0 || this.#dice.below(2) === 0) this.#end(slot, target)
  }

  #end(slot: number, target: FakeNode): void {
    this.#cluster.moveKeys(slot)
    this.#cluster.setSlot(slot, target)
    this.#targets.delete(slot)
    this.#restUntil.set(slot, this.#commands + REST)
  }
}
