import type { Cluster } from 'ioredis'

/** The service that the recipes of docs/testing.md test. */
export class Visits {
  readonly #redis: Cluster

  constructor(redis: Cluster) {
    this.#redis = redis
  }

  /** Counts one visit of a page; says how many there were. */
  count(page: string): Promise<number> {
    return this.#redis.incr(`visits:${page}`)
  }

  close(): void {
    this.#redis.disconnect()
  }
}
