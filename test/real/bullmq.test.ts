import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Queue, QueueEvents, Worker } from 'bullmq'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'
import { needsServer } from '../support/server-available.ts'
import { type Proxied, startProxy } from './proxied.ts'
import { throughUpheaval } from './upheaval.ts'

const WORKER = fileURLToPath(new URL('bullmq-worker.ts', import.meta.url))
const PREFIX = '{bull}'
const JOBS = 1000

describe('BullMQ through the proxy', needsServer, () => {
  let cluster: RealCluster
  let running: Proxied
  let child: ChildProcess | undefined

  before(async () => {
    cluster = await startCluster({ masters: 3, replicas: 1 })
    running = await startProxy({ nodes: cluster.addresses })
  })

  after(async () => {
    child?.kill('SIGKILL')
    await running?.proxy.shutdown({ timeout: 0 })
    await cluster?.stop()
  })

  /** Starts a worker in another process, and kills it when it has carried out so many jobs. */
  async function killedAfter(jobs: number): Promise<void> {
    const args = ['--import', 'tsx', WORKER, String(running.port), 'work', PREFIX]
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    let lines = 0
    for await (const _line of createInterface(child.stdout!)) {
      if (++lines > jobs) child.kill('SIGKILL')
    }
    await ended
    assert.ok(lines > jobs)
  }

  it('a thousand jobs, some delayed, some repeated: none is lost and none is done twice, whoever is killed', async () => {
    const connection = { port: running.port, host: '127.0.0.1', maxRetriesPerRequest: null }
    const queue = new Queue('work', { connection, prefix: PREFIX })
    const events = new QueueEvents('work', { connection, prefix: PREFIX })
    const failures: unknown[] = []
    const completed = new Map<string, number>()
    events.on('completed', ({ jobId }) => completed.set(jobId, (completed.get(jobId) ?? 0) + 1))
    events.on('failed', (failed) => failures.push(failed))
    const fail = (error: Error): unknown => failures.push(error)
    queue.on('error', fail)
    events.on('error', fail)
    await events.waitUntilReady()
    await queue.upsertJobScheduler('again', { every: 100, limit: 10 }, { name: 'repeated' })
    await queue.addBulk(
      Array.from({ length: JOBS }, (_, i) => ({
        name: `job ${i}`,
        data: { i },
        opts: { jobId: `id-${i}`, ...(i % 20 === 0 && { delay: 200 + i }) },
      }))
    )
    await killedAfter(100)
    const worker = new Worker('work', async () => {}, {
      connection,
      prefix: PREFIX,
      concurrency: 10,
      lockDuration: 1000,
      stalledInterval: 500,
      maxStalledCount: 5,
    })
    worker.on('error', fail)
    const own = (): string[] => [...completed.keys()].filter((id) => id.startsWith('id-'))
    await throughUpheaval(cluster, [PREFIX], async () => {
      while (own().length < JOBS || completed.size < JOBS + 10) await once(events, 'completed')
    })
    assert.deepEqual(failures, [])
    assert.deepEqual([own().length, completed.size], [JOBS, JOBS + 10])
    assert.deepEqual(new Set(completed.values()), new Set([1]))
    const left = await queue.getJobCounts()
    assert.deepEqual([left.waiting, left.active, left.delayed, left.failed], [0, 0, 0, 0])
    await Promise.all([worker.close(), events.close()])
    await queue.close()
  })
})
