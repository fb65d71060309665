import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { NameTable } from '../../lib/command/name-table.ts'

const get = Catalogue.builtIn().get('get')!
const find = (table: NameTable, name: string) => {
  const bytes = Buffer.from(`..${name}..`)
  return table.find(bytes, 2, bytes.length - 2)?.name
}

describe('NameTable', () => {
  it('finds nothing when it is empty', () => {
    assert.equal(find(new NameTable(new Map()), 'get'), undefined)
  })

  it('tells apart names whose hashes meet', () => {
    const names = Array.from({ length: 2000 }, (_, i) => `name-${i.toString(36)}`)
    const table = new NameTable(new Map(names.map((name) => [name, get])))
    for (const name of names) assert.equal(find(table, name.toUpperCase()), name)
    assert.equal(find(table, 'name-'), undefined)
  })

  it('folds letters only', () => {
    const table = new NameTable(new Map([['a[_|', get]]))
    assert.equal(find(table, 'A[_|'), 'a[_|')
    assert.equal(find(table, 'a{_|'), undefined)
    assert.equal(find(table, 'a[\x7f|'), undefined)
  })
})
