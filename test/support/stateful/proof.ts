import assert from 'node:assert/strict'
import { connect, type RawClient } from '../raw-client.ts'
import { within } from './limit.ts'
import { keyPrefix, passwordOf, USERS, type User } from './users.ts'

/** What `maxPrivateConnections` must be for the proof. */
export const MOST_PRIVATE = 180

/** Transactions at a time, by user and version. */
const SHARE = 28
/** In `CLIENT LIST` a connection within MULTI, in a blocking command, with a watched key that was changed, or subscribed to something. */
const DIRTY = /flags=\w*[xbd]| s?sub=[1-9]| psub=[1-9]/
const KNOWN = / db=0 .*multi=-1 (?:.* )?user=(default|alice|bob)\b/

interface Kind {
  readonly user: User
  readonly version: 2 | 3
}

const KINDS: readonly Kind[] = USERS.flatMap((user) => [
  { user, version: 2 },
  { user, version: 3 },
])

/** Proves that all private connections to a master are clean: whoever gets one finds it as if it were new. Gives how many were asked. */
export async function proveClean(master: number, port: number): Promise<number> {
  await using node = await connect(master)
  await node.call('AUTH', passwordOf('default'))
  await within(
    settled(node),
    () => 'a connection is in MULTI, blocked or subscribed: its end did not come'
  )
  for (const line of await connectionsOf(node)) assert.match(line, KNOWN)
  // Whoever still watched a key would have its next transaction fail.
  await node.call('FLUSHALL')
  const open = await Promise.all(KINDS.map((kind) => transactions(node, port, kind, SHARE)))
  for (const end of open) await end()
  // As many as there may be: none of those that are gone is still counted.
  const all = await transactions(node, port, KINDS[0]!, MOST_PRIVATE)
  await all()
  return KINDS.length * SHARE
}

/** Proves that the proxy itself has forgotten its clients, but for those of every user that stay. */
export async function proveForgotten(port: number): Promise<void> {
  await using client = await connect(port)
  const none = new RegExp(`connected_clients:${USERS.length + 1}\r\n`)
  const gone = async (): Promise<void> => {
    for (;;) {
      const info = String(await client.ask('INFO', 'clients'))
      if (
        none.test(info) &&
        /blocked_clients:0\r\n/.test(info) &&
        /tracking_clients:0\r\n/.test(info)
      )
        return
    }
  }
  await within(gone(), () => 'the end of the clients did not come')
  assert.deepEqual(await client.ask('PUBSUB', 'CHANNELS'), [])
  assert.deepEqual(await client.ask('PUBSUB', 'SHARDCHANNELS'), [])
  assert.equal(await client.ask('PUBSUB', 'NUMPAT'), 0)
}

/** Proves that nothing is left of users whose last client is gone. */
export async function proveGone(master: number): Promise<void> {
  await using node = await connect(master)
  await node.call('AUTH', passwordOf('default'))
  const gone = async (): Promise<void> => {
    while ((await connectionsOf(node)).some((line) => !line.includes(' user=default')))
      await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await within(gone(), () => 'the end of the connections of users who are gone did not come')
}

async function connectionsOf(node: RawClient): Promise<string[]> {
  return String(await node.ask('CLIENT', 'LIST'))
    .trimEnd()
    .split('\n')
}

async function settled(node: RawClient): Promise<void> {
  while ((await connectionsOf(node)).some((line) => DIRTY.test(line))) {
    await new Promise(setImmediate)
  }
}

/** A key of a user that a node serves. Each user's are of the same slot. */
async function keyOf(node: RawClient, user: User): Promise<string> {
  for (let i = 0; ; i++) {
    const tag = `{proof ${i}}`
    const reply = String(await node.call('GET', `${keyPrefix('default')}${tag}`))
    if (!reply.startsWith('-MOVED')) return `${keyPrefix(user)}${tag}`
  }
}

/** Has as many transactions of one node begin at the same time; the function that is given ends them. */
async function transactions(
  node: RawClient,
  port: number,
  { user, version }: Kind,
  count: number
): Promise<() => Promise<void>> {
  const key = await keyOf(node, user)
  const clients = await Promise.all(Array.from({ length: count }, () => connect(port)))
  const begin = async (client: RawClient, i: number): Promise<void> => {
    const frames = client.pipeline([
      ['HELLO', version, 'AUTH', user, passwordOf(user)],
      ['MULTI'],
      ['EXISTS', key],
      ['ECHO', `echo ${i}`],
    ])
    const [, ...rest] = await within(frames, () => `transaction ${i} of ${count} did not begin`)
    assert.deepEqual(rest.map(String), ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n'])
  }
  const end = async (client: RawClient, i: number): Promise<void> => {
    const text = `echo ${i}`
    const frame = String(await within(client.call('EXEC'), () => `EXEC ${i} was not answered`))
    assert.equal(frame, `*2\r\n:0\r\n$${text.length}\r\n${text}\r\n`)
    await client.end()
  }
  await Promise.all(clients.map(begin))
  return async () => {
    await Promise.all(clients.map(end))
  }
}
