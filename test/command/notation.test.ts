import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseTable, printRow } from '../../lib/command/notation.ts'
import { TABLE } from '../../lib/command/table.ts'

describe('notation', () => {
  it('reads flags, categories, tips, key specifications and subcommands', () => {
    const rows = parseTable([
      ['a', -2, '', 0, 0, 0, 'slow', 'tip other:x'],
      ['a|b', 3, 'write fast', 2, 2, 1, '', '', 'RW; keyword KEYS -2; keynum 0 1 2; one; two'],
      ['c', 1, '', 0, 0, 0, '', '', '; unknown; unknown', 'RO; index 1; range -1 1 2'],
    ])
    assert.deepEqual(
      rows.map(({ name, subcommands }) => [name, ...subcommands.map((sub) => sub.name)]),
      [['a', 'a|b'], ['c']]
    )
    assert.deepEqual(rows[0]!.categories, ['@slow'])
    assert.deepEqual(rows[0]!.tips, ['tip', 'other:x'])
    assert.deepEqual(rows[0]!.subcommands[0]!.keySpecs, [
      {
        flags: ['RW'],
        notes: 'one; two',
        beginSearch: { type: 'keyword', keyword: 'KEYS', startFrom: -2 },
        findKeys: { type: 'keynum', keyNumIndex: 0, firstKey: 1, keyStep: 2 },
      },
    ])
    assert.deepEqual(rows[1]!.keySpecs[0], {
      ...{ flags: [], notes: undefined },
      ...{ beginSearch: { type: 'unknown' }, findKeys: { type: 'unknown' } },
    })
  })

  it('prints the built-in table as it was read', () => {
    assert.deepEqual(parseTable(TABLE).flatMap(printRow), TABLE)
  })
})
