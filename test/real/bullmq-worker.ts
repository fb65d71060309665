/**
 * A worker of BullMQ in a process of its own, which a test may kill: `bullmq-worker.ts <port> <queue> <prefix>`. Says `ready`, then the name of each job that it carries
 * out, line by line.
 */
import { Worker } from 'bullmq'

const [port, queue, prefix] = process.argv.slice(2) as [string, string, string]
const connection = { port: Number(port), host: '127.0.0.1', maxRetriesPerRequest: null }
const worker = new Worker(
  queue,
  async ({ name }) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    console.log(name)
  },
  { connection, prefix, concurrency: 10, lockDuration: 1000, stalledInterval: 500 }
)
await worker.waitUntilReady()
console.log('ready')
