import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rowFromReply } from '../../lib/command/row.ts'

describe('rowFromReply', () => {
  const keySpecsOf = (keySpecs: unknown) =>
    rowFromReply(['x', 2, [], 1, 1, 1, [], [], keySpecs, []])?.keySpecs
  const search = (type: string, ...spec: unknown[]) => ['type', type, 'spec', spec]
  const keySpec = (begin: unknown, find: unknown) => [['begin_search', begin, 'find_keys', find]]
  const range = search('range', 'lastkey', -1, 'keystep', 1, 'limit', 0)

  it('reads all fields, given as strings or buffers', () => {
    const spec = [
      ...['notes', 'n', 'flags', ['RO'], 'begin_search', search('index', 'index', 1)],
      ...['find_keys', range],
    ]
    const sub = ['X|y', 3, [], 0, 0, 0, [], [], [], []]
    const reply = [
      Buffer.from('X'),
      -2,
      [Buffer.from('fast')],
      1,
      -1,
      2,
      ['@read'],
      ['t'],
      [spec],
      [sub],
    ]
    const row = rowFromReply(reply)!
    const { keySpecs, subcommands, ...plain } = row
    assert.deepEqual(plain, {
      ...{ name: 'x', arity: -2, flags: ['fast'], firstKey: 1, lastKey: -1, step: 2 },
      ...{ categories: ['@read'], tips: ['t'] },
    })
    assert.deepEqual(keySpecs, [
      {
        flags: ['RO'],
        notes: 'n',
        beginSearch: { type: 'index', index: 1 },
        findKeys: { type: 'range', lastKey: -1, keyStep: 1, limit: 0 },
      },
    ])
    assert.deepEqual(
      subcommands.map(({ name }) => name),
      ['x|y']
    )
  })

  const unknown: [string, unknown, unknown][] = [
    ['nothing', undefined, undefined],
    ['a search without type', [], []],
    ['a type of the future', search('regexp', 'index', 1), search('every', 'keystep', 1)],
    ['an index of 0', search('index', 'index', 0), range],
    ['a keyword that starts nowhere', search('keyword', 'keyword', 'K', 'startfrom', 0), range],
    ['a step of 0', undefined, search('range', 'lastkey', 0, 'keystep', 0, 'limit', 0)],
    ['a negative limit', undefined, search('range', 'lastkey', 0, 'keystep', 1, 'limit', -1)],
    ['a number before the start', undefined, search('keynum', 'keynumidx', -1, 'keystep', 1)],
    ['no first key', undefined, search('keynum', 'keynumidx', 0, 'keystep', 1)],
  ]
  for (const [what, begin, find] of unknown) {
    it(`takes a key specification with ${what} for unknown`, () => {
      const [spec] = keySpecsOf(keySpec(begin, find))!
      const types = [spec!.beginSearch.type, spec!.findKeys.type]
      assert.ok(types.includes('unknown'), types.join())
    })
  }
})
