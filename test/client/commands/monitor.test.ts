import assert from 'node:assert/strict'
import { test } from 'node:test'
import { monitorCommands } from '../../../lib/client/commands/monitor.ts'
import { Monitors } from '../../../lib/client/monitors.ts'
import { fakeAdmin, fakeClient, fakeServices } from './local-call.ts'

test('MONITOR of a client that left while its rights were asked for shows nothing to nobody', () => {
  const monitors = new Monitors(() => 0)
  const admin = fakeAdmin()
  admin.rules = { ...admin.rules, adminCommands: true }
  for (const gone of [true, false]) {
    const client = { ...fakeClient(1), gone }
    const services = { ...fakeServices([client]), admin, monitors }
    const { session } = client
    monitorCommands.monitor!({ args: [Buffer.from('monitor')], client, session, services })
    assert.equal(monitors.on, !gone)
  }
})
