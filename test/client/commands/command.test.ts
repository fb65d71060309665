import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../../lib/command/catalogue.ts'
import { LocalSide } from './local-call.ts'

describe('COMMAND', () => {
  it('asks a node for the keys that only the module of a command knows', async () => {
    const side = new LocalSide()
    side.services.catalogue = Catalogue.builtIn().overlaid([
      ['mod.find', -2, ['readonly', 'module', 'movablekeys'], 0, 0, 0, [], [], [], []],
    ])
    const asked: string[] = []
    side.services.callAny = async (args, lane) => {
      asked.push(`${args.map(String).join(' ')} ${lane}`)
      return Buffer.from('*1\r\n$1\r\nk\r\n')
    }
    assert.equal(await side.text('COMMAND', 'GETKEYS', 'mod.find', 'k'), '*1\r\n$1\r\nk\r\n')
    assert.deepEqual(asked, ['COMMAND GETKEYS mod.find k 0'])
  })

  it('counts and describes what the cluster behind has beyond the built-in table', async () => {
    const side = new LocalSide()
    const { size } = Catalogue.builtIn()
    side.services.catalogue = Catalogue.builtIn().overlaid([
      ['mod.get', 2, ['readonly', 'module'], 1, 1, 1, ['@read'], [], [], []],
    ])
    assert.equal(await side.text('COMMAND', 'COUNT'), `:${size + 1}\r\n`)
    assert.match(
      (await side.text('COMMAND', 'INFO', 'MOD.GET'))!,
      /^\*1\r\n\*10\r\n\$7\r\nmod\.get\r\n:2\r\n/
    )
    assert.equal(
      await side.text('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'MOD.*'),
      '*1\r\n$7\r\nmod.get\r\n'
    )
    assert.equal(await side.text('COMMAND', 'GETKEYS', 'mod.get', 'k'), '*1\r\n$1\r\nk\r\n')
  })

  it('takes a bar for a part of the name where a whole command is given', async () => {
    assert.equal(
      await new LocalSide().text('COMMAND', 'GETKEYS', 'memory|usage', 'k'),
      '-ERR Invalid command specified\r\n'
    )
  })
})
