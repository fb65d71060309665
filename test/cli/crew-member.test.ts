import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CrewHooks, CrewMember } from '../../lib/cli/crew-member.ts'

test('a process that cannot be made ends its thread, and nothing else', async () => {
  const { execPath } = process
  process.execPath = `${execPath}-that-is-not-there`
  let member: CrewMember
  try {
    member = new CrewMember(0, {} as CrewHooks)
  } finally {
    process.execPath = execPath
  }
  const started = member.start({} as Parameters<CrewMember['start']>[0])
  await assert.rejects(started, { code: 'CLOSED' })
  assert.match(await member.ended, /ENOENT/)
  assert.equal(member.serving, false)
})
