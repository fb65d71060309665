import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { KEY_RANGE, KEY_SEARCH, NO_KEYS, ONE_KEY } from '../../lib/command/spec.ts'
import { TABLE_VERSION } from '../../lib/command/table.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'

const builtIn = Catalogue.builtIn()

describe('Catalogue.find', () => {
  const cases: [string[], string | undefined][] = [
    [['get', 'a'], 'get'],
    [['GeT', 'a'], 'get'],
    [['GEORADIUSBYMEMBER_RO'], 'georadiusbymember_ro'],
    [['restore-asking'], 'restore-asking'],
    [['xgroup', 'CREATE', 'a'], 'xgroup|create'],
    [['XGROUP', 'nope', 'a'], 'xgroup'],
    [['XGROUP', ''], 'xgroup'],
    [['xgroup'], 'xgroup'],
    [['command'], 'command'],
    [['command', 'docs'], 'command|docs'],
    [['xgroup|create', 'a'], undefined],
    [['get\0'], undefined],
    [['ge'], undefined],
    [['gets'], undefined],
    [['g\x05t'], undefined],
    [[''], undefined],
    [['x'.repeat(5000)], undefined],
  ]
  for (const [request, name] of cases) {
    it(`finds ${name} for ${JSON.stringify(request).slice(0, 60)}`, () => {
      assert.equal(builtIn.find(frameRequest(request))?.name, name)
    })
  }

  it('finds every command and subcommand of the table in any case', () => {
    for (const spec of builtIn.all()) {
      assert.equal(builtIn.find(frameRequest([spec.name.toUpperCase()])), spec)
      for (const [word, subcommand] of spec.subcommands ?? []) {
        assert.equal(builtIn.find(frameRequest([spec.name, word.toUpperCase()])), subcommand)
      }
    }
  })
})

describe('Catalogue', () => {
  it('is made once from the built-in table', () => {
    assert.equal(Catalogue.builtIn(), builtIn)
    assert.equal(builtIn.version, TABLE_VERSION)
    assert.equal(builtIn.size, [...builtIn.all()].length)
  })

  it('gives commands by name', () => {
    assert.equal(builtIn.get('GET')?.name, 'get')
    assert.equal(builtIn.get('Config|Get')?.name, 'config|get')
    assert.equal(builtIn.get('config|'), undefined)
    assert.equal(builtIn.get('get|x'), undefined)
    assert.equal(builtIn.get('__proto__'), undefined)
  })

  it('spreads what the data path asks for over plain fields', () => {
    const pick = (name: string) => {
      const spec = builtIn.get(name)!
      const { readonly, write, blocking, noscript, movableKeys, pubsub, admin, container } = spec
      const fields = { readonly, write, blocking, noscript, movableKeys, pubsub, admin, container }
      return Object.keys(fields).filter((field) => fields[field as keyof typeof fields])
    }
    assert.deepEqual(pick('get'), ['readonly'])
    assert.deepEqual(pick('blpop'), ['write', 'blocking', 'noscript'])
    assert.deepEqual(pick('xread'), ['readonly', 'blocking', 'movableKeys'])
    assert.deepEqual(pick('wait'), ['blocking', 'noscript'])
    assert.deepEqual(pick('publish'), ['pubsub'])
    assert.deepEqual(pick('client|kill'), ['noscript', 'admin'])
    assert.deepEqual(pick('client'), ['container'])
  })

  it('knows the shape of keys', () => {
    const shape = (name: string) => builtIn.get(name)!.keyShape
    assert.equal(shape('ping'), NO_KEYS)
    assert.equal(shape('xgroup'), NO_KEYS)
    assert.equal(shape('set'), ONE_KEY)
    assert.equal(shape('object|freq'), ONE_KEY)
    assert.equal(shape('spublish'), ONE_KEY)
    assert.equal(shape('mset'), KEY_RANGE)
    assert.equal(shape('rename'), KEY_RANGE)
    assert.equal(shape('blpop'), KEY_RANGE)
    assert.equal(shape('eval'), KEY_SEARCH)
    assert.equal(shape('zunionstore'), KEY_SEARCH)
    assert.equal(shape('sort_ro'), KEY_SEARCH)
  })

  it('reads the policies from the tips', () => {
    const dbsize = builtIn.get('dbsize')!
    assert.equal(dbsize.requestPolicy, 'all_shards')
    assert.equal(dbsize.responsePolicy, 'agg_sum')
    assert.equal(builtIn.get('get')!.requestPolicy, undefined)
  })
})

describe('Catalogue.overlaid', () => {
  const row = (name: unknown, ...more: unknown[]) => [name, -2, ['readonly', 'fast'], ...more]

  it('adds commands of modules and keeps the others', () => {
    const json = Buffer.from('JSON.MGET')
    const overlaid = builtIn.overlaid([row(json, 1, -2, 1, [], [], [], [])], '8.4.0')
    assert.equal(overlaid.version, '8.4.0')
    assert.equal(overlaid.size, builtIn.size + 1)
    const spec = overlaid.find(frameRequest(['json.mget', 'a', '$']))!
    assert.equal(spec.name, 'json.mget')
    assert.equal(spec.keyShape, KEY_RANGE)
    assert.equal(spec.treatment, 'shared')
    assert.equal(builtIn.get('json.mget'), undefined)
  })

  it('adds subcommands to a container, and replaces its others', () => {
    const overlaid = builtIn.overlaid([
      [
        ...['xgroup', -2, [], 0, 0, 0, [], [], []],
        [
          ['xgroup|create', -6, ['write'], 2, 2, 1, [], [], [], []],
          ['xgroup|new', 3, ['write'], 2, 2, 1, [], [], [], []],
        ],
      ],
    ])
    assert.equal(overlaid.find(frameRequest(['xgroup', 'create']))!.arity, -6)
    assert.equal(overlaid.find(frameRequest(['xgroup', 'NEW', 'a']))!.keyShape, ONE_KEY)
    assert.equal(overlaid.find(frameRequest(['xgroup', 'destroy']))!.arity, 4)
  })

  it('lays replies over the built-in table, never over each other', () => {
    const once = builtIn.overlaid([row('one', 1, 1, 1)])
    assert.equal(once.overlaid([row('two', 1, 1, 1)]).get('one'), undefined)
    assert.equal(once.overlaid([], '7.2.0').version, '7.2.0')
  })

  it('fills the rows of Redis 6 with what the built-in table has', () => {
    const read = ['@read']
    const overlaid = builtIn.overlaid([
      ['get', 2, ['readonly', 'fast'], 1, 1, 1, read],
      ['zunionstore', -4, ['write', 'denyoom', 'movablekeys'], 0, 0, 0, ['@write']],
      ['object', -2, ['readonly', 'random'], 2, 2, 1, read],
      ['blpop', -3, ['write', 'noscript'], 1, -2, 1, ['@write', '@blocking']],
      ['bzpopmin', -3, ['write', 'noscript'], 1, -2, 1],
      ['spop', -2, ['write'], 1, 1, 1],
      ['lonely', -2, ['readonly'], 1, 1, 1, read],
    ])
    assert.deepEqual(overlaid.get('get')!.keySpecs, builtIn.get('get')!.keySpecs)
    assert.equal(overlaid.get('zunionstore')!.keySpecs.length, 2)
    assert.equal(overlaid.find(frameRequest(['object', 'freq', 'a']))!.name, 'object|freq')
    assert.equal(overlaid.get('blpop')!.blocking, true)
    assert.equal(overlaid.get('bzpopmin')!.blocking, true)
    assert.deepEqual(overlaid.get('spop')!.tips, builtIn.get('spop')!.tips)
    assert.equal(overlaid.get('lonely')!.treatment, 'shared')
    assert.deepEqual(overlaid.get('lonely')!.keySpecs, [])
  })

  const broken: unknown[] = [
    ...[
      undefined,
      null,
      7,
      'x',
      {},
      [null],
      [[]],
      [['', 1]],
      [[7, 1]],
      [['name']],
      [['name', 'x']],
    ],
  ]
  for (const reply of broken) {
    it(`changes nothing for ${JSON.stringify(reply)}`, () => {
      const overlaid = builtIn.overlaid(reply)
      assert.deepEqual([...overlaid.all()], [...builtIn.all()])
    })
  }
})
