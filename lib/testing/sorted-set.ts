/** A member of a sorted set and its score. */
export type Scored = readonly [member: string, score: number]

function before(a: Scored, b: Scored): number {
  if (a[1] !== b[1]) return a[1] < b[1] ? -1 : 1
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0
}

/** Members in the order of their scores, then of their bytes; sorted anew only when asked after a change. */
export class SortedSet {
  readonly #scores: Map<string, number> = new Map()
  #sorted: Scored[] | undefined

  get size(): number {
    return this.#scores.size
  }

  score(member: string): number | undefined {
    return this.#scores.get(member)
  }

  set(member: string, score: number): void {
    this.#scores.set(member, score)
    this.#sorted = undefined
  }

  delete(member: string): boolean {
    this.#sorted = undefined
    return this.#scores.delete(member)
  }

  /** All members in order. */
  sorted(): readonly Scored[] {
    this.#sorted ??= [...this.#scores].sort(before)
    return this.#sorted
  }

  /** Position in order, from 0; undefined for a stranger. */
  rank(member: string): number | undefined {
    const at = this.sorted().findIndex((scored) => scored[0] === member)
    return at < 0 ? undefined : at
  }

  clone(): SortedSet {
    const copy = new SortedSet()
    for (const [member, score] of this.#scores) copy.set(member, score)
    return copy
  }
}
