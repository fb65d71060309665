import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { softwareOf } from '../../../lib/cluster/catalogue-learner.ts'
import { Catalogue } from '../../../lib/command/catalogue.ts'
import { connect, type RawClient } from '../../support/raw-client.ts'
import { type RealServer, startServer } from '../../support/real-server.ts'
import { type Argument, decodeReply, type Reply } from '../../support/resp-frame.ts'
import { needsServer } from '../../support/server-available.ts'
import { fakeClient, fakeServices, LocalSide } from './local-call.ts'

type Command = readonly Argument[]

/** The same connection at a real server and at the proxy, with the same id. */
class Pair {
  readonly real: RawClient
  readonly local: LocalSide

  constructor(real: RawClient, local: LocalSide) {
    this.real = real
    this.local = local
  }

  /** Sends a command to both; the frames must be the same. */
  async same(command: Command): Promise<void> {
    const real = await this.real.call(...command)
    const local = await this.local.call(...command)
    assert.equal(local?.toString('latin1'), real.toString('latin1'), command.join(' '))
  }

  /** As {@link same}, but the order of the outermost array does not matter: it is that of a hash table. */
  async sameItems(command: Command): Promise<void> {
    const real = decodeReply(await this.real.call(...command)) as Reply[]
    const local = decodeReply((await this.local.call(...command))!) as Reply[]
    assert.ok(real.length > 0 || local.length === 0, command.join(' '))
    assert.deepEqual(sorted(local), sorted(real), command.join(' '))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.real[Symbol.asyncDispose]()
  }
}

/** Sorts by content, nested arrays first. */
function sorted(reply: Reply): Reply {
  if (!Array.isArray(reply)) return reply
  const items = reply.map(sorted)
  return items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

/** Has the proxy know of the server what it learns of a cluster. */
async function learn(services: LocalSide['services'], real: RawClient): Promise<void> {
  const info = String(await real.ask('INFO'))
  services.software = softwareOf(info)!
  services.serverVersion = /redis_version:(\S+)/.exec(info)![1]!
  services.catalogue = Catalogue.builtIn().overlaid(await real.ask('COMMAND'))
}

async function pair(server: RealServer, protocol: 2 | 3 = 2): Promise<Pair> {
  const real = await connect(server.port)
  const id = (await real.ask('CLIENT', 'ID')) as number
  const local = new LocalSide(fakeClient(id))
  await learn(local.services, real)
  local.services.callAny = (args) => real.call(...args)
  local.services.callSlot = (_slot, args) => real.call(...args)
  const both = new Pair(real, local)
  if (protocol === 3) await both.same(['HELLO', 3])
  return both
}

const long = 'x'.repeat(300)
const bytes = Buffer.from('\xff\xfe', 'latin1')

const CONNECTION: readonly Command[] = [
  ['PING'],
  ['ping', 'a\r\nb'],
  ['PING', 'a', 'b'],
  ['ECHO'],
  ['ECHO', bytes],
  ['ECHO', 'a', 'b'],
  ['SELECT'],
  ['SELECT', 0],
  ['SELECT', 'x'],
  ['SELECT', '01'],
  ['SELECT', '+1'],
  ['SELECT', ''],
  ['SELECT', 16],
  ['SELECT', -1],
  ['SELECT', '2147483647'],
  ['SELECT', '2147483648'],
  ['SELECT', '-2147483649'],
  ['SELECT', '9223372036854775807'],
  ['SELECT', '9223372036854775808'],
  ['SELECT', '99999999999999999999'],
  ['AUTH'],
  ['AUTH', 'x'],
  ['AUTH', 'default', 'x'],
  ['AUTH', 'nobody', 'x'],
  ['AUTH', 'a', 'b', 'c'],
  ['ROLE'],
  ['ROLE', 'x'],
  ['RESET', 'x'],
  ['RESET'],
  ['PING'],
]

const HELLO: readonly Command[] = [
  ['HELLO'],
  ['HELLO', 2],
  ['HELLO', 3],
  ['HELLO'],
  ['HELLO', 4],
  ['HELLO', 1],
  ['HELLO', 'x'],
  ['HELLO', '03'],
  ['HELLO', '99999999999999999999'],
  ['HELLO', 3, 'AUTH'],
  ['HELLO', 3, 'AUTH', 'default'],
  ['HELLO', 2, 'AUTH', 'nobody', 'x'],
  ['PING'],
  ['HELLO', 2, 'AUTH', 'default', 'x', 'SETNAME', 'me'],
  ['CLIENT', 'GETNAME'],
  ['HELLO', 3, 'SETNAME', 'a b'],
  ['CLIENT', 'TRACKINGINFO'],
  ['HELLO', 3, 'SETNAME', 'first', 'setname', 'second', 'nonsense\r\n'],
  ['CLIENT', 'GETNAME'],
  ['HELLO', 3, 'SETNAME', ''],
  ['CLIENT', 'GETNAME'],
  ['HELLO', 3, long],
  ['HELLO', 3, bytes],
  ['HELLO', 3, 'a\0b'],
]

const CLIENT: readonly Command[] = [
  ['CLIENT'],
  ['CLIENT', 'ID'],
  ['CLIENT', 'ID', 'x'],
  ['CLIENT', 'GETNAME'],
  ['CLIENT', 'SETNAME'],
  ['CLIENT', 'SETNAME', 'me'],
  ['client', 'getname'],
  ['CLIENT', 'SETNAME', 'a b'],
  ['CLIENT', 'SETNAME', 'a\nb'],
  ['CLIENT', 'SETNAME', bytes],
  ['CLIENT', 'SETNAME', '\x7f'],
  ['CLIENT', 'SETNAME', '~!'],
  ['CLIENT', 'GETNAME'],
  ['CLIENT', 'SETNAME', ''],
  ['CLIENT', 'GETNAME'],
  ['CLIENT', 'INFO', 'x'],
  ['CLIENT', 'LIST', 'TYPE'],
  ['CLIENT', 'LIST', 'TYPE', 'x'],
  ['CLIENT', 'LIST', 'TYPE', 'pubsub'],
  ['CLIENT', 'LIST', 'TYPE', 'master'],
  ['CLIENT', 'LIST', 'TYPE', 'normal', 'x'],
  ['CLIENT', 'LIST', 'ID'],
  ['CLIENT', 'LIST', 'ID', 'x'],
  ['CLIENT', 'LIST', 'ID', 999999],
  ['CLIENT', 'LIST', 'ID', -1, 999999, 0],
  ['CLIENT', 'LIST', 'x'],
  ['CLIENT', 'KILL'],
  ['CLIENT', 'KILL', '1.2.3.4:5'],
  ['CLIENT', 'KILL', 'ID', 0],
  ['CLIENT', 'KILL', 'ID', 'x'],
  ['CLIENT', 'KILL', 'ID', 999999],
  ['CLIENT', 'KILL', 'ID', 999999, 'TYPE'],
  ['CLIENT', 'KILL', 'TYPE', 'x'],
  ['CLIENT', 'KILL', 'TYPE', 'replica', 'SKIPME', 'no'],
  ['CLIENT', 'KILL', 'USER', 'nobody'],
  ['CLIENT', 'KILL', 'USER', 'default', 'ADDR', '1.2.3.4:5'],
  ['CLIENT', 'KILL', 'LADDR', '1.2.3.4:5', 'SKIPME', 'yes'],
  ['CLIENT', 'KILL', 'SKIPME', 'perhaps'],
  ['CLIENT', 'KILL', 'nonsense', 'x'],
  ['CLIENT', 'REPLY'],
  ['CLIENT', 'REPLY', 'x'],
  ['CLIENT', 'REPLY', 'on'],
  ['CLIENT', 'NO-EVICT'],
  ['CLIENT', 'NO-EVICT', 'x'],
  ['CLIENT', 'NO-EVICT', 'on'],
  ['CLIENT', 'NO-EVICT', 'OFF'],
  ['CLIENT', 'GETREDIR'],
  ['CLIENT', 'TRACKINGINFO'],
  ['CLIENT', 'TRACKING'],
  ['CLIENT', 'TRACKING', 'off'],
  ['CLIENT', 'TRACKING', 'off', 'bcast', 'prefix', 'a', 'noloop'],
  ['CLIENT', 'TRACKING', 'off', 'prefix'],
  ['CLIENT', 'TRACKING', 'off', 'x'],
  ['CLIENT', 'TRACKING', 'x'],
  ['CLIENT', 'CACHING', 'yes'],
  ['CLIENT', 'CACHING'],
  ['CLIENT', 'PAUSE'],
  ['CLIENT', 'UNPAUSE', 'x'],
  ['CLIENT', 'UNBLOCK'],
  ['CLIENT', 'Unblock', '1', 'ERROR', 'x'],
  ['CLIENT', 'nonsense'],
  ['CLIENT', long],
  ['CLIENT', bytes],
  ['CLIENT', 'a\r\nb'],
  ['CLIENT', 'a\0b'],
  ['CLIENT', ''],
]

const TRACKING: readonly Command[] = [
  ['CLIENT', 'TRACKING', 'on', 'PREFIX', 'a'],
  ['CLIENT', 'TRACKING', 'on', 'BCAST', 'OPTIN'],
  ['CLIENT', 'TRACKING', 'on', 'OPTIN', 'OPTOUT'],
  ['CLIENT', 'TRACKING', 'x'],
  ['CLIENT', 'TRACKING', 'on', 'x'],
  ['CLIENT', 'TRACKING', 'on', 'REDIRECT', 'x'],
  ['CLIENT', 'TRACKING', 'on', 'REDIRECT', '999999'],
  ['CLIENT', 'TRACKING', 'on', 'REDIRECT', '0'],
  ['CLIENT', 'TRACKING', 'on', 'REDIRECT', '999999', 'x'],
  ['CLIENT', 'TRACKING', 'off', 'REDIRECT', '999999'],
  ['CLIENT', 'TRACKING', 'on', 'REDIRECT'],
  ['CLIENT', 'TRACKING', 'on', 'REDIRECT', '-1'],
  ['CLIENT', 'TRACKING', 'on', 'BCAST', 'PREFIX', 'foo', 'PREFIX', 'f'],
  ['CLIENT', 'TRACKING', 'on', 'BCAST', 'PREFIX', 'foo', 'PREFIX', 'foo'],
  ['CLIENT', 'TRACKING', 'on', 'BCAST', 'prefix', 'foo', 'prefix', 'bar'],
  ['CLIENT', 'TRACKING', 'on', 'bcast', 'prefix', 'foo'],
  ['CLIENT', 'TRACKING', 'on', 'bcast', 'prefix', 'f'],
  ['CLIENT', 'TRACKING', 'on', 'bcast', 'prefix', 'fooo'],
  ['CLIENT', 'TRACKING', 'on'],
  ['CLIENT', 'TRACKING', 'on', 'bcast'],
  ['CLIENT', 'TRACKINGINFO'],
  ['CLIENT', 'TRACKING', 'on', 'bcast', 'noloop', 'prefix', 'new'],
  ['CLIENT', 'TRACKINGINFO'],
  ['CLIENT', 'GETREDIR'],
  ['CLIENT', 'CACHING', 'yes'],
  ['CLIENT', 'TRACKING', 'off'],
  ['CLIENT', 'CACHING', 'yes'],
  ['CLIENT', 'CACHING', 'foo'],
  ['CLIENT', 'TRACKING', 'on', 'OPTIN'],
  ['CLIENT', 'TRACKING', 'on', 'OPTOUT'],
  ['CLIENT', 'TRACKING', 'on'],
  ['CLIENT', 'TRACKINGINFO'],
  ['CLIENT', 'TRACKING', 'on', 'OPTIN', 'NOLOOP'],
  ['CLIENT', 'CACHING', 'no'],
  ['CLIENT', 'CACHING', 'foo'],
  ['CLIENT', 'CACHING', 'yes'],
  ['CLIENT', 'TRACKINGINFO'],
  ['CLIENT', 'TRACKING', 'off'],
  ['CLIENT', 'TRACKING', 'on', 'OPTOUT'],
  ['CLIENT', 'CACHING', 'yes'],
  ['CLIENT', 'CACHING', 'no'],
  ['CLIENT', 'TRACKINGINFO'],
  ['CLIENT', 'GETREDIR'],
  ['CLIENT', 'TRACKING'],
  ['CLIENT', 'CACHING'],
  ['CLIENT', 'GETREDIR', 'x'],
  ['RESET'],
  ['CLIENT', 'TRACKINGINFO'],
]

const COMMAND: readonly Command[] = [
  ['COMMAND', 'COUNT'],
  ['COMMAND', 'COUNT', 'x'],
  ['COMMAND', 'HELP'],
  ['COMMAND', 'nonsense'],
  ['COMMAND', 'INFO', 'get', 'nonsense', 'SET', 'get|x', 'client|nonsense', 'config|get|x', '|'],
  ['COMMAND', 'INFO', 'CLIENT|ID', 'mget', 'eval', 'xread', 'sort', 'migrate'],
  ['COMMAND', 'DOCS', 'get', 'nonsense'],
  ['COMMAND', 'DOCS'],
  ['COMMAND', 'LIST', 'FILTERBY'],
  ['COMMAND', 'LIST', 'FILTERBY', 'MODULE'],
  ['COMMAND', 'LIST', 'FILTERBY', 'MODULE', 'x'],
  ['COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', 'nonsense'],
  ['COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', 'read', 'x'],
  ['COMMAND', 'LIST', 'FILTERBY', 'nonsense', 'x'],
  ['COMMAND', 'LIST', 'x', 'PATTERN', 'x'],
  ['COMMAND', 'GETKEYS'],
  ['COMMAND', 'GETKEYS', 'get'],
  ['COMMAND', 'GETKEYS', 'get', 'k'],
  ['COMMAND', 'GETKEYS', 'GET', 'a', 'b'],
  ['COMMAND', 'GETKEYS', 'nonsense', 'a'],
  ['COMMAND', 'GETKEYS', 'ping', 'a'],
  ['COMMAND', 'GETKEYS', 'spublish', 'a', 'b'],
  ['COMMAND', 'GETKEYS', 'mset', 'a', 1, 'b', 2],
  ['COMMAND', 'GETKEYS', 'eval', 'return 1', 2, 'a', 'b', 'c'],
  ['COMMAND', 'GETKEYS', 'eval', 'return 1', 0],
  ['COMMAND', 'GETKEYS', 'eval', 'return 1', 9],
  ['COMMAND', 'GETKEYS', 'eval', 'return 1', 'x', 'a'],
  ['COMMAND', 'GETKEYS', 'zunionstore', 'd', 2, 'a', 'b', 'weights', 1, 2],
  ['COMMAND', 'GETKEYS', 'zunionstore', 'd', 0, 'a'],
  ['COMMAND', 'GETKEYS', 'object', 'encoding', 'k'],
  ['COMMAND', 'GETKEYS', 'object', 'nonsense', 'k'],
  ['COMMAND', 'GETKEYS', 'sort', 'k', 'by', 'store', 'store', 'd'],
  ['COMMAND', 'GETKEYS', 'xread', 'count', 1, 'streams', 'a', 'b', 0, 0],
  ['COMMAND', 'GETKEYS', 'lmpop', 2, 'a', 'b', 'left'],
  ['COMMAND', 'GETKEYS', 'memory', 'usage', bytes],
  ['COMMAND', 'GETKEYSANDFLAGS', 'set', 'k', 'v', 'get'],
  ['COMMAND', 'GETKEYSANDFLAGS', 'get'],
]

const CONFIG: readonly Command[] = [
  ['CONFIG'],
  ['CONFIG', 'GET'],
  ['CONFIG', 'GET', 'save'],
  ['CONFIG', 'GET', 'APPENDONLY'],
  ['CONFIG', 'GET', 'appendonly', 'APPENDONLY'],
  ['CONFIG', 'GET', 'nonsense'],
  ['CONFIG', 'GET', 'maxmemory\0x'],
  ['CONFIG', 'GET', 'maxmemory-pol*'],
  ['CONFIG', 'GET', 'MAXMEMORY-POLIC[X-Z]'],
  ['CONFIG', 'GET', 'data*', 'databases'],
  ['CONFIG', 'GET', 'maxclients'],
  ['CONFIG', 'GET', 'proto-max-bulk-len'],
  ['CONFIG', 'GET', 'notify-keyspace-events'],
  ['CONFIG', 'GET', 'timeout'],
  ['CONFIG', 'nonsense'],
]

const CLUSTER: readonly Command[] = [
  ['CLUSTER'],
  ['CLUSTER', 'nonsense'],
  ['CLUSTER', 'SLOTS'],
  ['CLUSTER', 'SLOTS', 'x'],
  ['CLUSTER', 'SHARDS'],
  ['CLUSTER', 'NODES'],
  ['CLUSTER', 'MYID'],
  ['CLUSTER', 'LINKS'],
  ['CLUSTER', 'KEYSLOT'],
  ['CLUSTER', 'KEYSLOT', 'foo{}{bar}'],
  ['CLUSTER', 'KEYSLOT', '{user}:1'],
  ['CLUSTER', 'KEYSLOT', ''],
  ['CLUSTER', 'KEYSLOT', bytes],
  ['CLUSTER', 'COUNTKEYSINSLOT', 'x'],
  ['CLUSTER', 'COUNTKEYSINSLOT', -1],
  ['CLUSTER', 'COUNTKEYSINSLOT', 16384],
  ['CLUSTER', 'COUNTKEYSINSLOT', 16383],
  ['CLUSTER', 'GETKEYSINSLOT', 0],
  ['CLUSTER', 'GETKEYSINSLOT', 0, 10],
  ['CLUSTER', 'GETKEYSINSLOT', 'x', 10],
  ['CLUSTER', 'GETKEYSINSLOT', 16384, 10],
  ['CLUSTER', 'GETKEYSINSLOT', 0, -1],
  ['CLUSTER', 'GETKEYSINSLOT', 0, 'x'],
  ['CLUSTER', 'COUNT-FAILURE-REPORTS', 'x'],
  ['CLUSTER', 'REPLICAS', 'nobody\r\n'],
  ['CLUSTER', 'SLAVES', bytes],
  ['CLUSTER', 'FORGET'],
  ['CLUSTER', 'SETSLOT', 1],
  ['CLUSTER', 'ADDSLOTSRANGE', 1],
  ['READONLY', 'x'],
  ['READONLY'],
  ['READWRITE'],
  ['ASKING'],
]

describe('local commands beside a real server', needsServer, () => {
  let server: RealServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  for (const protocol of [2, 3] as const) {
    const families = { CONNECTION, HELLO, CLIENT, TRACKING, COMMAND, CONFIG }
    for (const [family, commands] of Object.entries(families)) {
      it(`answer ${family} byte for byte as the server does, from RESP${protocol} on`, async () => {
        await using both = await pair(server, protocol)
        for (const command of commands) await both.same(command)
      })
    }

    it(`know the server's own commands, in RESP${protocol}`, async () => {
      await using both = await pair(server, protocol)
      await both.sameItems(['COMMAND'])
      await both.sameItems(['COMMAND', 'INFO'])
      await both.sameItems(['COMMAND', 'INFO', 'client', 'xgroup'])
      await both.sameItems(['COMMAND', 'LIST'])
      for (const category of ['read', 'Dangerous', 'connection']) {
        await both.sameItems(['COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', category])
      }
    })

    it(`refuse CLUSTER without emulation as a server without cluster does, in RESP${protocol}`, async () => {
      await using both = await pair(server, protocol)
      both.local.services.clusterEmulation = false
      // Valkey has replicas without a cluster, and lets clients read from them after READONLY.
      const besides = both.local.services.software.name === 'redis' ? [] : ['READONLY', 'READWRITE']
      const commands: Command[] = [['READONLY'], ['READWRITE'], ['ASKING'], ...CLUSTER]
      for (const command of commands) {
        if (!besides.includes(String(command[0]))) await both.same(command)
      }
      await both.same(['CLUSTER', 'HELP'])
      await both.same(['CLUSTER', 'RESET'])
    })
  }

  it('match patterns as the server does', async () => {
    await using both = await pair(server)
    const pattern = fc
      .array(
        fc.constantFrom('*', '?', '[', ']', '^', '-', '\\', 'a', 'E', 'g', 't', '|', 's', 'z'),
        {
          maxLength: 8,
        }
      )
      .map((parts) => parts.join(''))
    await fc.assert(
      fc.asyncProperty(pattern, async (text) => {
        const command = ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', text]
        const real = (await both.real.ask(...command)) as string[]
        const local = decodeReply((await both.local.call(...command))!) as string[]
        assert.deepEqual(local.sort(), real.sort())
      }),
      { numRuns: 300 }
    )
  })

  it('list only what the server lists as well in their HELP, and answer all of it', async () => {
    await using both = await pair(server)
    const real = (await both.real.ask('CLIENT', 'HELP')) as string[]
    // In 7.0 the last line is "Prints this help".
    real.push(real.pop()!.replace('Print ', 'Prints '))
    const local = decodeReply((await both.local.call('CLIENT', 'HELP'))!) as string[]
    assert.equal(local[0], real[0])
    assert.deepEqual(local.slice(-2), real.slice(-2))
    for (const line of local.slice(1).filter((text) => !text.startsWith(' '))) {
      const subcommand = line.split(' ')[0]!
      const reply = (await both.local.text('CLIENT', subcommand, ...Array(20).fill('x')))!
      assert.doesNotMatch(reply, /unknown subcommand '/, subcommand)
    }
  })
})

describe('CLUSTER beside a real cluster of one node', needsServer, () => {
  let server: RealServer
  let id = ''
  before(async () => {
    server = await startServer({
      config: { 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' },
    })
    await server.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383)
    id = String(await server.call('CLUSTER', 'MYID'))
  })
  after(() => server.stop())

  async function clusterPair(protocol: 2 | 3): Promise<Pair> {
    const both = await pair(server)
    const { services, client } = both.local
    services.id = id
    client.advertised = { host: '127.0.0.1', port: server.port }
    for (const side of [both.real, both.local]) {
      if (protocol === 3) await side.call('HELLO', 3)
    }
    return both
  }

  for (const protocol of [2, 3] as const) {
    it(`answers byte for byte as the node does, in RESP${protocol}`, async () => {
      await using both = await clusterPair(protocol)
      for (const command of CLUSTER) await both.same(command)
      for (const about of ['REPLICAS', 'slaves', 'count-failure-reports']) {
        await both.same(['CLUSTER', about, id])
      }
    })

    it(`gives CLUSTER INFO of a cluster that is well or not, in RESP${protocol}`, async () => {
      await using both = await clusterPair(protocol)
      const real = (await both.real.call('CLUSTER', 'INFO')).toString()
      both.local.services.healthy = real.includes('cluster_state:ok')
      // Newer servers do not count their masters before they are well for the first time.
      const expected = real.replace('cluster_size:0', 'cluster_size:1')
      assert.equal(await both.local.text('CLUSTER', 'INFO'), expected)
    })
  }

  it('agrees about the slot of any key', async () => {
    await using both = await clusterPair(2)
    const key = fc.array(fc.constantFrom('{', '}', 'a', 'b', 'é'), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(key, (parts) => both.same(['CLUSTER', 'KEYSLOT', parts.join('')])),
      { numRuns: 200 }
    )
  })
})

describe('AUTH and HELLO beside a real server with a password', needsServer, () => {
  const password = 'secret'
  let server: RealServer
  before(async () => {
    server = await startServer({ password })
  })
  after(() => server.stop())

  const words = [
    'default',
    'nobody',
    password,
    'wrong',
    'AUTH',
    'setname',
    'me',
    'a b',
    '2',
    '3',
    '4',
  ]
  const word = fc.constantFrom(...words)
  const command: fc.Arbitrary<Command> = fc.oneof(
    fc.array(word, { minLength: 1, maxLength: 3 }).map((args) => ['AUTH', ...args]),
    fc.array(word, { maxLength: 6 }).map((args) => ['HELLO', ...args]),
    fc
      .tuple(
        fc.constantFrom('2', '3'),
        fc.constantFrom(password, 'wrong'),
        fc.array(word, { maxLength: 2 })
      )
      .map(([version, secret, more]) => ['HELLO', version, 'AUTH', 'default', secret, ...more]),
    fc.constantFrom<Command>(['RESET'], ['PING'], ['CLIENT', 'GETNAME'], ['CLIENT', 'TRACKINGINFO'])
  )

  it('leave a client in the same state after any sequence', async () => {
    const sequence = fc.array(command, { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(sequence, async (commands) => {
        await using real = await connect(server.port)
        await real.call('AUTH', password)
        const id = (await real.ask('CLIENT', 'ID')) as number
        const client = fakeClient(id, false)
        const services = fakeServices([client])
        services.password = password
        await learn(services, real)
        await real.call('RESET')
        const both = new Pair(real, new LocalSide(client, services))
        for (const each of commands) {
          const open = ['AUTH', 'HELLO', 'RESET'].includes(String(each[0]))
          // The proxy refuses others before AUTH without asking their handlers.
          if (open || client.session.authenticated) await both.same(each)
          else
            assert.equal(String(await real.call(...each)), '-NOAUTH Authentication required.\r\n')
        }
      }),
      { numRuns: 150 }
    )
  })
})
