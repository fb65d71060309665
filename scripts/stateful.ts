/**
 * 100,000 random sequences of commands with a memory (transactions, blocking commands, subscriptions, client modes, tracked keys, other users) from 100
 * clients, some of them cut off. Ends with status 1 at the first wrong reply, at a message or an invalidation that is not its client's or does not come,
 * or if a private connection is not clean afterwards; and says the seed.
 *
 *     node --import tsx scripts/stateful.ts [--sequences 100000] [--clients 100] [--seed 1] [--real | --moving]
 *
 * `--real` puts a cluster of `redis-server` processes behind the proxy in place of the fake one; with `--moving` the slots in use move from node to node of
 * the fake one all the time.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { proveGone } from '../test/support/stateful/proof.ts'
import { tryStateful } from '../test/support/stateful/run.ts'
import { fakeStage, realStage } from '../test/support/stateful/stages.ts'

const { values } = parseArgs({
  options: {
    sequences: { type: 'string', default: '100000' },
    clients: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    real: { type: 'boolean', default: false },
    moving: { type: 'boolean', default: false },
  },
})

const seed = Number(values.seed)
const clients = Number(values.clients)
const stage = values.real ? await realStage() : await fakeStage(3, values.moving ? seed : undefined)
const started = performance.now()
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(0)
try {
  const totals = await tryStateful({
    ...stage,
    seed,
    sequences: Number(values.sequences),
    clients,
    onProgress: (done) => console.log(`${done.sequences} sequences, ${seconds()} s`),
  })
  const took = seconds()
  for (const port of stage.masters) await proveGone(port)
  stage.check()
  const { sequences, replies, cut, messages, told, repeated, forgotten, shown, proven } = totals
  console.log(
    `${sequences} sequences of ${clients} clients in ${took} s, seed ${seed}: ${replies} commands answered rightly, ${cut} clients cut off, ${stage.moved()} slots moved\n` +
      `${messages} messages, ${told} keys told (${repeated} of them once too often), ${forgotten} times all, ${shown} commands shown: each to whom it was meant for\n` +
      `${proven} private connections asked, all clean; none is left of users who are gone`
  )
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await stage[Symbol.asyncDispose]()
}
