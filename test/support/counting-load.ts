import assert from 'node:assert/strict'
import { createClient } from 'redis'
import type { FakeCluster } from '../../lib/testing/index.ts'

const PIPELINE = 8

/** Clients of node-redis that count without a pause, each its own key, in pipelines. */
export class CountingLoad {
  readonly #clients: ReturnType<typeof createClient>[]
  readonly #counts: Promise<readonly number[]>
  readonly #errors: unknown[]
  #going = true

  static async start(port: number, count: number): Promise<CountingLoad> {
    const errors: unknown[] = []
    const clients = await Promise.all(
      Array.from({ length: count }, () =>
        createClient({ socket: { host: '127.0.0.1', port } })
          .on('error', (error) => errors.push(error))
          .connect()
      )
    )
    return new CountingLoad(clients as ReturnType<typeof createClient>[], errors)
  }

  constructor(clients: ReturnType<typeof createClient>[], errors: unknown[]) {
    this.#clients = clients
    this.#errors = errors
    this.#counts = Promise.all(clients.map((client, index) => this.#count(client, index)))
  }

  async #count(client: ReturnType<typeof createClient>, index: number): Promise<number> {
    let count = 0
    while (this.#going) {
      const pipeline = Array.from({ length: PIPELINE }, () => client.incr(`counter-${index}`))
      const last = (await Promise.all(pipeline)).at(-1)
      count += PIPELINE
      assert.equal(last, count)
      await new Promise(setImmediate)
    }
    return count
  }

  /** Goes on while something is done; rejects when that or a command fails, or a count is wrong at the end. */
  async during(cluster: FakeCluster, run: () => Promise<void>): Promise<void> {
    await Promise.race([run(), this.#counts])
    this.#going = false
    const counts = await this.#counts
    assert.deepEqual(this.#errors, [])
    for (const [index, count] of counts.entries()) {
      assert.ok(count > 0)
      assert.equal(cluster.execute('GET', `counter-${index}`), String(count))
    }
    for (const client of this.#clients) client.destroy()
  }
}
