import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Reply } from '../../support/resp-frame.ts'
import { Fixture } from './fixture.ts'

describe('COMMAND of the fake', () => {
  const fixture = new Fixture()

  it('counts and lists its commands, whole or by a pattern', async () => {
    const names = (await fixture.client.ask('COMMAND', 'LIST')) as string[]
    assert.equal(await fixture.client.ask('COMMAND', 'COUNT'), names.length)
    assert.equal(((await fixture.client.ask('COMMAND')) as Reply[]).length, names.length)
    const filter = ['FILTERBY', 'PATTERN', 'mset*']
    assert.deepEqual(await fixture.client.ask('COMMAND', 'LIST', ...filter), ['mset', 'msetnx'])
    await assert.rejects(
      fixture.client.ask('COMMAND', 'LIST', 'FILTERBY', 'x', 'y'),
      /syntax error/
    )
  })

  it('describes subcommands by their full name', async () => {
    const [known, unknown] = (await fixture.client.ask(
      'COMMAND',
      'INFO',
      'object|encoding',
      'x'
    )) as Reply[][]
    assert.deepEqual(known!.slice(0, 6), ['object|encoding', 3, ['readonly'], 2, 2, 1])
    assert.equal(unknown, null)
  })

  it('documents commands in short', async () => {
    const docs = (await fixture.client.ask('COMMAND', 'DOCS', 'get', 'nothing')) as Reply[]
    assert.deepEqual(docs, ['get', ['summary', 'GET', 'since', '1.0.0', 'group', 'string']])
  })
})

describe('COMMAND of an older fake', () => {
  const fixture = new Fixture({ masters: 1, version: '6.2.0' })

  it('has seven fields only', async () => {
    const [get] = (await fixture.client.ask('COMMAND', 'INFO', 'get')) as Reply[][]
    assert.equal(get!.length, 7)
  })
})
