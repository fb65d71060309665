import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseTable } from '../../lib/command/notation.ts'
import { rowFromReply } from '../../lib/command/row.ts'
import { TABLE, TABLE_VERSION } from '../../lib/command/table.ts'
import { startServer } from '../support/real-server.ts'
import { needsServer } from '../support/server-available.ts'

describe('TABLE', () => {
  it('names each command and subcommand once, subcommands below their container', () => {
    const names = TABLE.map(([name]) => name)
    assert.equal(new Set(names).size, names.length)
    for (const [i, name] of names.entries()) {
      const [container] = name.split('|')
      if (name.includes('|')) assert.equal(names[i - 1]!.split('|')[0], container)
    }
  })

  it('holds what a server of its version says', needsServer, async (t) => {
    await using server = await startServer()
    const info = String(await server.call('INFO', 'server'))
    if (!info.includes(`:${TABLE_VERSION}\r\n`)) {
      return t.skip(`the server is not Redis ${TABLE_VERSION}`)
    }
    const reply = (await server.call('COMMAND')) as unknown[]
    const byName = <T extends { name: string }>(unsorted: readonly T[]): T[] =>
      unsorted.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const rows = reply.map((row) => rowFromReply(row)!)
    const expected = rows.map((row) => ({ ...row, subcommands: byName(row.subcommands) }))
    assert.deepEqual(parseTable(TABLE), byName(expected))
  })
})
