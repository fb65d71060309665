/**
 * Changes a real cluster of six nodes under load in every way that operators and accidents do, while clients write through
 * the proxy and check each reply. Ends with 1 if anything was not as it must be: see docs/chaos.md.
 *
 *     npm run test:chaos -- [--only reshard,'kill -9'] [--seconds 0] [--clients 50] [--seed 1] [--slots 4096]
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { rehearse } from './chaos/rehearsal.ts'
import { tableHead, tableRow } from './chaos/table.ts'
import { provideServer } from './redis-server.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '0' },
    clients: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    slots: { type: 'string', default: '4096' },
  },
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
if (!provideServer()) process.exit(1)
console.log(tableHead())
const rows = await rehearse({
  only: values.only.split(',').filter((name) => name !== ''),
  seconds: Number(values.seconds),
  clients: Number(values.clients),
  seed: Number(values.seed),
  slots: Number(values.slots),
  onRow: (row) => console.log(tableRow(row)),
})
const broken = rows.filter((row) => row.broken.length > 0)
console.log(
  broken.length === 0
    ? `all ${rows.length} operations as expected`
    : `not as expected: ${broken.map(({ operation }) => operation.name).join(', ')}`
)
process.exit(broken.length === 0 ? 0 : 1)
