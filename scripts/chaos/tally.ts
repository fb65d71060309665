/** Notes that are kept to explain what went wrong. */
const NOTES = 12
/** An acknowledged write this much older than a disruption, in milliseconds, must have reached the replica. */
const REPLICATION_LAG = 1000

/** What was counted during one operation. */
export class Tally {
  requests = 0
  /** Error replies by their first word; connections that ended as `DISCONNECTED`. */
  readonly errors: Map<string, number> = new Map()
  /** MOVED, ASK and TRYAGAIN that a client got to see. */
  redirectsSeen = 0
  /** Acknowledged writes that are gone although nothing happened in which a cluster loses any. */
  lost = 0
  /** Acknowledged writes that went down with a master before its replica had them. */
  lostByCluster = 0
  orderViolations = 0
  wrongValues = 0
  doubleIncrements = 0
  /** The first details, for people. */
  readonly notes: string[] = []
  #disruptedAt: number | undefined

  /** From now on the cluster may lose the newest writes: a master is taken away without having been asked. */
  disrupted(): void {
    this.#disruptedAt ??= performance.now()
  }

  /** Whether {@link disrupted} was called. */
  get mayLose(): boolean {
    return this.#disruptedAt !== undefined
  }

  error(kind: string, detail: string): void {
    const seen = this.errors.get(kind) ?? 0
    this.errors.set(kind, seen + 1)
    if (kind === 'MOVED' || kind === 'ASK' || kind === 'TRYAGAIN') this.redirectsSeen++
    if (seen < 2) this.note(`${kind}: ${detail}`)
  }

  /** Acknowledged writes are gone; `acknowledged` tells when each was, as `performance.now()`. */
  gone(acknowledged: readonly number[], detail: string): void {
    const since = (this.#disruptedAt ?? Number.POSITIVE_INFINITY) - REPLICATION_LAG
    const excused = acknowledged.filter((at) => at >= since).length
    this.lostByCluster += excused
    this.lost += acknowledged.length - excused
    if (excused < acknowledged.length) this.note(`lost: ${detail}`)
  }

  outOfOrder(detail: string): void {
    this.orderViolations++
    this.note(`order: ${detail}`)
  }

  wrong(detail: string): void {
    this.wrongValues++
    this.note(`wrong value: ${detail}`)
  }

  doubled(times: number, detail: string): void {
    this.doubleIncrements += times
    this.note(`executed twice: ${detail}`)
  }

  note(text: string): void {
    if (this.notes.length < NOTES) this.notes.push(text)
  }
}
