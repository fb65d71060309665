import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { findKeys, KEYS_MISSING, KEYS_UNKNOWN, takesKeys } from '../../lib/command/keys.ts'
import { keySlot } from '../../lib/command/slot.ts'
import { arityFits, type CommandSpec } from '../../lib/command/spec.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { Dice } from '../support/dice.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealServer, startServer } from '../support/real-server.ts'
import { decodeReply, type Reply } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'

const catalogue = Catalogue.builtIn()

interface Found {
  code: number
  keys: string[]
}

function find(args: readonly string[], within = catalogue): Found {
  const view = frameRequest(args)
  const positions: number[] = []
  const code = findKeys(within.find(view)!, view, positions)
  return { code, keys: positions.slice(0, Math.max(code, 0)).map((at) => args[at]!) }
}

describe('findKeys', () => {
  const cases: [string, string[] | number][] = [
    ['get a', ['a']],
    ['GET a', ['a']],
    ['ping a', []],
    ['mset a 1 b 2', ['a', 'b']],
    ['mget a b a', ['a', 'b', 'a']],
    ['blpop a b 0', ['a', 'b']],
    ['bitop and d a b', ['d', 'a', 'b']],
    ['lcs a b len', ['a', 'b']],
    ['object encoding a', ['a']],
    ['object help', []],
    ['memory usage a samples 5', ['a']],
    ['xgroup create a g $', ['a']],
    ['xinfo stream a full', ['a']],
    ['spublish a hello', ['a']],
    ['ssubscribe a b', ['a', 'b']],
    ['sunsubscribe', []],
    ['eval s 2 a b c', ['a', 'b']],
    ['eval s 0 a', []],
    ['fcall f 1 a', ['a']],
    ['zunionstore d 2 a b weights 1 2', ['d', 'a', 'b']],
    ['sintercard 1 a limit 1', ['a']],
    ['blmpop 0 2 a b left', ['a', 'b']],
    ['sort a by w* get # store d limit 0 1', ['a', 'd']],
    ['sort a get store', ['a']],
    ['sort_ro a by w* get store', ['a']],
    ['georadius a 0 0 1 km store d', ['a', 'd']],
    ['georadius a 0 0 1 km storedist d store e', ['a', 'e']],
    ['georadiusbymember a m 1 km withdist', ['a']],
    ['migrate h 1 a 0 9', ['a']],
    ['migrate h 1  0 9 copy auth keys keys a b', ['a', 'b']],
    ['xread count 1 streams a b 0 0', ['a', 'b']],
    ['xreadgroup group streams block streams a >', ['a']],
    ['pfmerge d', ['d']],
    ['get', KEYS_MISSING],
    ['rename a', KEYS_MISSING],
    ['sort', KEYS_MISSING],
    ['sort_ro', KEYS_MISSING],
    ['georadius', KEYS_MISSING],
    ['migrate h 1', KEYS_MISSING],
    ['eval s', KEYS_MISSING],
    ['eval s x a', KEYS_MISSING],
    ['eval s 99999999999999999999 a', KEYS_MISSING],
    ['eval s -1 a', KEYS_MISSING],
    ['eval s 2 a', KEYS_MISSING],
    ['zunion 0 a', KEYS_MISSING],
    ['zunionstore d 3 a b', KEYS_MISSING],
    ['migrate h 1 a 0 9 keys b', KEYS_MISSING],
    ['xread count 1 streams', KEYS_MISSING],
    ['xread streams a b 0', KEYS_MISSING],
    ['xreadgroup group g c streams a b >', KEYS_MISSING],
    ['xread count 1 block 1', KEYS_MISSING],
  ]
  for (const [request, expected] of cases) {
    it(`finds ${JSON.stringify(expected)} in '${request}'`, () => {
      const { code, keys } = find(request.split(' '))
      if (typeof expected === 'number') assert.equal(code, expected)
      else assert.deepEqual(keys, expected)
    })
  }

  it('reuses the array of positions without looking at what it held', () => {
    const positions = [7, 8, 9]
    const view = frameRequest(['mget', 'a', 'b'])
    assert.equal(findKeys(catalogue.get('mget')!, view, positions), 2)
    assert.deepEqual(positions, [1, 2, 9])
  })
})

describe('findKeys of commands that only a cluster knows', () => {
  const index = (at: number) => ['type', 'index', 'spec', ['index', at]]
  const keyword = (word: string, from: number) => [
    ...['type', 'keyword', 'spec', ['keyword', word, 'startfrom', from]],
  ]
  const range = (last: number, step: number, limit: number) => [
    ...['type', 'range', 'spec', ['lastkey', last, 'keystep', step, 'limit', limit]],
  ]
  const keynum = (step: number) => [
    ...['type', 'keynum', 'spec', ['keynumidx', 0, 'firstkey', 1, 'keystep', step]],
  ]
  const keySpec = (begin: unknown, keys: unknown, ...flags: string[]) => [
    ...['flags', flags, 'begin_search', begin, 'find_keys', keys],
  ]
  const command = (name: string, flags: string[], ...keySpecs: unknown[]) => [
    ...[name, -2, ['write', ...flags], 0, 0, 0, [], [], keySpecs, []],
  ]
  const unknown = ['type', 'unknown', 'spec', []]
  const movable = ['movablekeys']
  const newer = catalogue.overlaid([
    command('pairs', movable, keySpec(index(1), keynum(2))),
    command('tail', movable, keySpec(keyword('FROM', -1), range(-1, 1, 0))),
    command('halves', movable, keySpec(keyword('FROM', 1), range(-1, 1, 2))),
    command('hidden', movable, keySpec(unknown, unknown)),
    command('partly', movable, keySpec(index(1), range(0, 1, 0)), keySpec(unknown, unknown)),
    command('bare', movable),
    command('script', [...movable, 'no_mandatory_keys'], keySpec(index(1), keynum(1))),
  ])
  const cases: [string, string[] | number][] = [
    ['pairs 2 a 1 b 2 ex 5', ['a', 'b']],
    ['pairs 2 a 1 b', ['a', 'b']],
    ['pairs 3 a 1 b 2', KEYS_MISSING],
    ['tail x FROM a b', ['a', 'b']],
    ['tail x from', KEYS_MISSING],
    ['tail x y', KEYS_MISSING],
    ['halves From a b 1 2', ['a', 'b']],
    ['hidden a', KEYS_UNKNOWN],
    ['partly a b', ['a']],
    ['bare a', KEYS_UNKNOWN],
    ['script 0', []],
  ]
  for (const [request, expected] of cases) {
    it(`finds ${JSON.stringify(expected)} in '${request}'`, () => {
      const { code, keys } = find(request.split(' '), newer)
      if (typeof expected === 'number') assert.equal(code, expected)
      else assert.deepEqual(keys, expected)
    })
  }
})

/** Words that random requests are made of: each has a slot of its own, and there are less than 64. */
const WORDS = [
  ...['', '0', '1', '2', '3', '4', '-1', '-0', '99', '2abc', ' 1', '+2', '02', '4294967297'],
  ...['99999999999999999999', '-99999999999999999999', 'a', 'b', 'c', 'd', 'x\0y', '\xff'],
]
const OPTIONS = [
  ...['BLOCK', 'block', 'COUNT', 'NOACK', 'GROUP', 'STREAMS', 'streams', 'Streams\0', 'STORE'],
  ...['storedist', 'STOREDIST', 'LIMIT', 'GET', 'BY', 'KEYS', 'keys', 'COPY', 'AUTH', 'AUTH2'],
  ...['WEIGHTS', 'LEFT', 'KEYSX', 'EX'],
]
const EVERY_WORD = [...WORDS, ...OPTIONS]

/** Commands for which COMMAND GETKEYS differs from how the same node routes; see the comment of findKeys. */
const UNRELIABLE = ['georadius', 'georadiusbymember', 'migrate', 'pfmerge', 'xread', 'xreadgroup']

/** Runs at once inside of MULTI instead of being queued, or ends the transaction. */
const NOT_QUEUED = ['multi', 'exec', 'discard', 'watch', 'quit', 'reset']

const seed = Math.floor(Math.random() * 2 ** 31)

function* everySpec(): Iterable<CommandSpec> {
  for (const spec of catalogue.all()) {
    yield spec
    yield* spec.subcommands?.values() ?? []
  }
}

/** Random requests for every command of the table, more for those whose keys must be searched. */
function randomRequests(): string[][] {
  const dice = new Dice(seed)
  const word = () => dice.pick(dice.once(2) ? OPTIONS : WORDS)
  const requests: string[][] = []
  for (const spec of everySpec()) {
    const name = spec.name.split('|')
    const least = Math.max(Math.abs(spec.arity) - name.length, 0)
    for (let i = spec.movableKeys ? 400 : 16; i > 0; i--) {
      const length = spec.arity > 0 && dice.once(4) ? dice.below(least + 8) : least
      const args = Array.from({ length }, word)
      // A third of them has a number where many commands have their number of keys.
      if (least > 0 && length >= least && dice.once(3)) args[least - 1] = '2'
      requests.push([...name, ...args])
    }
  }
  return requests
}

describe('findKeys beside a real node', needsServer, () => {
  let server: RealServer
  let client: RawClient
  const requests = randomRequests()

  before(async () => {
    server = await startServer({ config: { 'cluster-enabled': 'yes' } })
    client = await connect(server.port)
    await client.ask('CLUSTER', 'ADDSLOTSRANGE', 0, 16383)
  })
  after(async () => {
    client?.stream.destroy()
    await server?.stop()
  })

  async function replies(commands: readonly (readonly string[])[]): Promise<Reply[]> {
    const found: Reply[] = []
    for (let at = 0; at < commands.length; at += 1000) {
      const some = commands.slice(at, at + 1000)
      const bytes = some.map((args) => args.map((arg) => Buffer.from(arg, 'latin1')))
      for (const frame of await client.pipeline(bytes)) found.push(decodeReply(frame))
    }
    return found
  }

  /** Latin-1 text of requests stands for bytes, which replies give back as UTF-8. */
  const asReply = (keys: string[]) => keys.map((key) => Buffer.from(key, 'latin1').toString())

  function assertAgrees(args: readonly string[], reply: Reply): void {
    const hint = `seed ${seed}: ${JSON.stringify(args)}`
    const view = frameRequest(args.map((arg) => Buffer.from(arg, 'latin1')))
    const spec = catalogue.find(view)!
    const { code, keys } = find(args)
    if (Array.isArray(reply)) {
      assert.deepEqual(asReply(keys).sort(), [...(reply as string[])].sort(), hint)
      return
    }
    const text = String((reply as Error).message)
    if (text.includes('Invalid command specified')) assert.equal(spec.container, true, hint)
    else if (text.includes('has no key arguments')) assert.equal(takesKeys(spec), false, hint)
    else if (text.includes('Invalid number of arg')) {
      assert.equal(arityFits(spec, view.argc), false, hint)
    } else {
      assert.match(text, /Invalid arguments specified for command/, hint)
      assert.ok(code <= 0, `${hint}: ${code}`)
    }
  }

  it('finds the keys that COMMAND GETKEYS tells, for every command of the table', async () => {
    const asked = requests.filter(
      ([name, ...args]) => args.length > 0 && !UNRELIABLE.includes(name!)
    )
    const answers = await replies(asked.map((args) => ['COMMAND', 'GETKEYS', ...args]))
    for (const [i, reply] of answers.entries()) assertAgrees(asked[i]!, reply)
  })

  /** What a request reveals when it is queued: the number of the word that routes it, 0 for none; or -1 for several slots. */
  async function routes(queued: readonly string[][]): Promise<number[]> {
    const slots = EVERY_WORD.map((word) => slotOf(word))
    const found: number[] = new Array(queued.length).fill(0)
    await client.ask('MULTI')
    for (const [i, reply] of (await replies(queued)).entries()) {
      if (String(reply).includes('CROSSSLOT')) found[i] = -1
    }
    await client.ask('DISCARD')
    // Words are numbered; in each round the slots of those that have one certain bit belong to nobody.
    for (let bit = 1; bit <= EVERY_WORD.length; bit *= 2) {
      const orphans = slots.filter((_, i) => ((i + 1) & bit) !== 0)
      await client.ask('CLUSTER', 'DELSLOTS', ...orphans)
      await client.ask('MULTI')
      for (const [i, reply] of (await replies(queued)).entries()) {
        if (found[i] !== -1 && String(reply).includes('slot not served')) found[i]! |= bit
      }
      await client.ask('DISCARD')
      await client.ask('CLUSTER', 'ADDSLOTS', ...orphans)
    }
    return found
  }

  function slotOf(word: string): number {
    const bytes = Buffer.from(word, 'latin1')
    return keySlot(bytes, 0, bytes.length)
  }

  function ownRoute(args: string[]): number {
    const words = new Set(find(args).keys)
    if (words.size > 1) return -1
    const [word] = words
    return word === undefined ? 0 : EVERY_WORD.indexOf(word) + 1
  }

  it('routes every command of the table as the node itself does', async () => {
    assert.equal(new Set(EVERY_WORD.map(slotOf)).size, EVERY_WORD.length)
    const queued = requests.filter((args) => {
      const spec = catalogue.find(frameRequest(args))!
      return !NOT_QUEUED.includes(args[0]!) && arityFits(spec, args.length)
    })
    const found = await routes(queued)
    for (const [i, args] of queued.entries()) {
      assert.equal(ownRoute(args), found[i], `seed ${seed}: ${JSON.stringify(args)}`)
    }
  })

  const malformed: [string, string[]][] = [
    ['eval', ['return 1', '#', 'a']],
    ['eval_ro', ['return 1', '#', 'a']],
    ['evalsha', ['e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '#', 'a']],
    ['evalsha_ro', ['e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '#', 'a']],
    ['fcall', ['f', '#', 'a']],
    ['fcall_ro', ['f', '#', 'a']],
    ['zunion', ['#', 'a']],
    ['zinter', ['#', 'a']],
    ['zdiff', ['#', 'a']],
    ['zintercard', ['#', 'a']],
    ['zunionstore', ['d', '#', 'a']],
    ['zinterstore', ['d', '#', 'a']],
    ['zdiffstore', ['d', '#', 'a']],
    ['sintercard', ['#', 'a']],
    ['lmpop', ['#', 'a', 'LEFT']],
    ['zmpop', ['#', 'a', 'MIN']],
    ['blmpop', ['1', '#', 'a', 'LEFT']],
    ['bzmpop', ['1', '#', 'a', 'MIN']],
    ['xread', ['COUNT', '1', 'STREAMS']],
    ['xread', ['BLOCK', '1', 'COUNT', '1']],
    ['xreadgroup', ['GROUP', 'g', 'c', 'NOACK', 'COUNT', '1', 'STREAMS']],
    ['xreadgroup', ['GROUP', 'g', 'c']],
    ['get', []],
    ['rename', ['a']],
    ['object', ['encoding']],
  ]

  it('finds no key where the node refuses what the request says of them', async () => {
    await client.ask('SCRIPT', 'LOAD', 'return 1')
    const library = "redis.register_function{function_name='f',callback=function() end"
    await client.ask('FUNCTION', 'LOAD', `#!lua name=l\n${library},flags={'no-writes'}}`)
    for (const [name, args] of malformed) {
      for (const count of args.includes('#') ? ['x', '', '-1', '0', '99'] : ['']) {
        const request = [name, ...args.map((arg) => (arg === '#' ? count : arg))]
        const { code } = find(request)
        if (code === 0 && count === '0') continue
        const [reply] = await replies([request])
        assert.ok(reply instanceof Error && code === KEYS_MISSING, request.join(' '))
      }
    }
  })
})
