import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import type { CommandSpec } from '../../lib/command/spec.ts'
import type { FakeNode } from '../../lib/testing/index.ts'
import type { RawClient } from '../support/raw-client.ts'
import type { Argument } from '../support/resp-frame.ts'
import { type Stage, setStage } from './stage.ts'

/** Commands of these leave something in their connection, or are about it. */
const OF_ONE = new Set(['transaction', 'pubsub', 'blocking', 'maybe-blocking', 'connection'])

const LASTING = new Set(['transaction', 'pubsub', 'blocking', 'connection'])
/** Nothing stays of these, and the proxy asks them itself. */
const QUESTION = /^(command|info|pubsub)\b/i

/** Words with which commands leave something behind; others get as many as they need. */
const TELLING: Readonly<Record<string, readonly (readonly Argument[])[]>> = {
  select: [['0'], ['1']],
  hello: [['3'], ['3', 'SETNAME', 'leak']],
  auth: [['secret'], ['default', 'secret']],
  'client|reply': [['OFF'], ['SKIP'], ['ON']],
  'client|tracking': [['ON'], ['ON', 'BCAST'], ['ON', 'OPTIN', 'NOLOOP']],
  'client|caching': [['YES']],
  'client|no-evict': [['ON']],
  'client|no-touch': [['ON']],
  'script|debug': [['YES']],
  watch: [['key:0']],
  eval: [["return redis.call('SELECT', '1')", '0']],
  xread: [['BLOCK', '0', 'STREAMS', 'stream', '$']],
  blpop: [['list', '0']],
  wait: [['1', '0']],
}

function isStateful({ noscript, treatment, container }: CommandSpec): boolean {
  return !container && (noscript || OF_ONE.has(treatment) || treatment === 'refused')
}

function* callsOf({ name, arity }: CommandSpec): Iterable<readonly Argument[]> {
  const words = name.split('|')
  const least = Math.abs(arity) - words.length
  yield [...words, ...Array.from({ length: least }, () => 'x')]
  for (const given of TELLING[name] ?? []) yield [...words, ...given]
}

/** Sends a command and waits until the proxy has seen it; not all are answered. */
async function say({ proxy }: Stage, from: RawClient, by: RawClient, words: readonly Argument[]) {
  const before = proxy.stats().commands
  from.send(words)
  for (let pings = 1; ; pings++) {
    await by.call('PING')
    if (proxy.stats().commands > before + pings) return
  }
}

async function isUntouched(client: RawClient, keys: readonly string[], value: string) {
  const replies = await client.pipeline(
    keys.flatMap((key) => [
      ['SET', key, value],
      ['GET', key],
    ])
  )
  const right = keys.flatMap(() => ['+OK\r\n', `$${value.length}\r\n${value}\r\n`])
  assert.deepEqual(replies.map(String), right, value)
  const info = String(await client.call('CLIENT', 'INFO'))
  for (const field of [
    / name= /,
    / db=0 /,
    / sub=0 psub=0 /,
    / multi=-1 /,
    / resp=2/,
    / user=default/,
  ])
    assert.match(info, field, value)
}

/** What came over the connection that the clients share, and is about one connection. */
function onShared({ received }: FakeNode): string[] {
  const { connection } = received.findLast(({ command }) => command[0] === 'SET')!
  return received
    .filter((each) => each.connection === connection)
    .map(({ command }) => command.join(' '))
    .filter((text) => {
      const spec = Catalogue.builtIn().get(text.split(' ')[0]!)
      return !QUESTION.test(text) && LASTING.has(spec?.treatment ?? '')
    })
}

describe('E7b what commands leave in a connection', () => {
  const specs = [...Catalogue.builtIn().all()]
    .flatMap((spec) => [spec, ...(spec.subcommands?.values() ?? [])])
    .filter(isStateful)

  it(`E7b is seen by no other client of the proxy, for each of ${specs.length} commands`, async () => {
    await using stage = await setStage()
    const observer = await stage.client()
    const keys = [stage.keyOf(0), stage.keyOf(1)]
    for (const spec of specs) {
      for (const words of callsOf(spec)) {
        const sender = await stage.client()
        await say(stage, sender, observer, words)
        await isUntouched(observer, keys, words.join(' '))
        sender.stream.destroy()
        await isUntouched(observer, keys, `after ${words.join(' ')}`)
      }
    }
    for (const node of stage.cluster.nodes) assert.deepEqual(onShared(node), [])
  })
})
