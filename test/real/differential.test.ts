import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealServer, startServer } from '../support/real-server.ts'
import { elementsOf, sortedText } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'
import { footing } from './proxied.ts'
import { ALL_KEYS, COMMAND_NAMES, RandomCommands, SCRIPTS } from './random-commands.ts'

const COMMANDS = 6000
const BATCH = 200
/** `DIFFERENTIAL_SEED=n` repeats one stream. */
const SEEDS = process.env.DIFFERENTIAL_SEED?.split(',').map(Number) ?? [11, 12]

/** How many elements make an item of a reply whose items come in the order of a hash table; each server has its own. */
const UNORDERED: Readonly<Record<string, number>> = {
  smembers: 1,
  sunion: 1,
  sinter: 1,
  sdiff: 1,
  hkeys: 1,
  hvals: 1,
  hgetall: 2,
}
const SCANS: Readonly<Record<string, number>> = { sscan: 1, hscan: 2, zscan: 2 }
/** What they answer depends on the moment of asking, as soon as it is positive. */
const CLOCKS = new Set(['ttl', 'pttl', 'expiretime', 'pexpiretime'])

/** What of a reply must be the same: all its bytes, but for the order of hash tables and the ticking of clocks. */
function essence(command: readonly string[], frame: Buffer): string {
  const name = command[0]!.toLowerCase()
  const text = frame.toString('latin1')
  if (CLOCKS.has(name)) return text.replace(/^:[1-9]\d*/, ':time')
  if (Object.hasOwn(UNORDERED, name)) return sortedText(frame, UNORDERED[name]!)
  if (Object.hasOwn(SCANS, name) && text.startsWith('*')) {
    const [cursor, items] = elementsOf(frame) as [Buffer, Buffer]
    return cursor.toString('latin1') + sortedText(items, SCANS[name]!)
  }
  // Milliseconds since an entry was delivered: third of four.
  if (name === 'xpending') {
    return text.replace(/(\*4\r\n\$\d+\r\n[\d-]+\r\n\$\d+\r\n\w+\r\n):\d+/g, '$1:idle')
  }
  if (name === 'xinfo') return text.replace(/(\$4\r\nidle\r\n):\d+/g, '$1:idle')
  // The members of a hash table are written in its order.
  if (name === 'dump') return `${text.slice(0, text.indexOf('\r\n'))} of ${text.length}`
  return text
}

/** Commands that the proxy passes on, but that are not compared here, and why not. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  memory: 'a cluster node needs more memory for each key',
  lolwut: 'draws at random',
  time: 'tells the time',
  migrate: 'moves keys to a second server',
}

/** Those that the proxy answers from a node. */
const PASSED_ON = new Set(['shared', 'maybe-blocking', 'any-node'])

describe('through the proxy a cluster answers as a single server', needsServer, () => {
  const real = footing({ replicas: 0 })
  let server: RealServer

  before(async () => {
    server = await startServer()
  })

  after(() => server?.stop())

  async function compare(
    direct: RawClient,
    proxied: RawClient,
    commands: readonly string[][],
    label: string
  ): Promise<void> {
    const [expected, actual] = await Promise.all([
      direct.pipeline(commands),
      proxied.pipeline(commands),
    ])
    for (const [i, command] of commands.entries()) {
      assert.equal(
        essence(command, actual[i]!),
        essence(command, expected[i]!),
        `${label}, in its batch ${i}: ${JSON.stringify(command)}`
      )
    }
  }

  for (const protocol of ['2', '3']) {
    for (const seed of SEEDS) {
      it(`to ${COMMANDS} random commands in RESP${protocol} with seed ${seed}`, async () => {
        await using direct = await connect(server.port)
        await using proxied = await connect(real.running.port)
        for (const client of [direct, proxied]) {
          await client.call('HELLO', protocol)
          for (const key of ALL_KEYS) await client.ask('DEL', key)
          // The proxy loads what it has seen where that is missing, were it a moment before in the same pipeline.
          for (const script of SCRIPTS) await client.call('SCRIPT', 'LOAD', script)
        }
        const stream = new RandomCommands(seed)
        for (let done = 0; done < COMMANDS; done += BATCH) {
          const commands = Array.from({ length: BATCH }, () => stream.next())
          await compare(direct, proxied, commands, `seed ${seed}, batch at ${done}`)
        }
      })
    }

    it(`to an unknown command, to every command alone and with far too much, in RESP${protocol}`, async () => {
      await using direct = await connect(server.port)
      await using proxied = await connect(real.running.port)
      for (const client of [direct, proxied]) await client.call('HELLO', protocol)
      const commands: string[][] = [['nonsense'], ['NONSENSE', 'a'.repeat(300), 'b\r\nc\0', '']]
      for (const spec of Catalogue.builtIn().all()) {
        if (!PASSED_ON.has(spec.treatment) || spec.name in LEFT_OUT) continue
        if (spec.arity !== 1) commands.push([spec.name])
        if (spec.arity > 1) commands.push([spec.name, ...Array(20).fill('one{t}')])
      }
      await compare(direct, proxied, commands, 'arity')
    })
  }

  it('and no command that the proxy passes on is forgotten here', () => {
    const missing = [...Catalogue.builtIn().all()].filter(
      ({ name, treatment }) => PASSED_ON.has(treatment) && !COMMAND_NAMES.has(name)
    )
    assert.deepEqual(missing.map(({ name }) => name).sort(), ['lolwut', 'migrate', 'time'])
  })
})
