import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tryStateful } from '../support/stateful/run.ts'
import { fakeStage } from '../support/stateful/stages.ts'

// The whole of it is `npm run test:stateful`.
for (const moving of [false, true]) {
  const when = moving ? ' while slots move' : ''
  test(`after random sequences of stateful commands${when}, some cut off, every reply was right and every private connection is clean`, async () => {
    await using stage = await fakeStage(2, moving ? 3 : undefined)
    const totals = await tryStateful({ ...stage, seed: 3, sequences: 1000, clients: 20 })
    stage.check()
    assert.ok(totals.cut > 10)
    for (const kind of ['messages', 'told', 'shown', 'proven'] as const)
      assert.ok(totals[kind] > 0, kind)
    assert.equal(stage.moved() > 50, moving)
  })
}
