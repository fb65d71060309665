import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rehearse } from '../../scripts/chaos/rehearsal.ts'
import { tableRow } from '../../scripts/chaos/table.ts'
import { needsServer } from '../support/server-available.ts'

describe('E2.26 a cluster that changes under load', needsServer, () => {
  // The short form of `npm run test:chaos`. How long a gap lasts depends on what else this machine does: that is not judged here.
  it('shows its clients nothing of it, but for what a lost node leaves uncertain', async (t) => {
    const rows = await rehearse({
      only: [
        'reshard',
        'failover',
        'takeover',
        'kill -9',
        'stop 1 s',
        'password',
        'client kill',
        'new ports',
      ],
      seconds: 0,
      clients: 16,
      seed: 7,
      slots: 512,
    })
    assert.equal(rows.length, 8)
    for (const row of rows) {
      t.diagnostic(tableRow(row))
      const broken = row.broken.filter((what) => what !== 'gap')
      assert.deepEqual(broken, [], tableRow(row))
      assert.ok(row.tally.requests > 500, `${row.operation.name}: only ${row.tally.requests}`)
    }
  })
})
