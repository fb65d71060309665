import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Trials } from '../../lib/cluster/trials.ts'
import type { FakeNode } from '../../lib/testing/index.ts'
import { askingSide } from './asking-side.ts'

const WRONG = 'WRONGPASS invalid username-password pair or user is disabled.'
const users = { alice: 'a-secret', bob: 'b-secret' }

function auth(user: string, password: string): (string | Buffer)[] {
  return ['AUTH', Buffer.from(user), Buffer.from(password)]
}

/** Users whose passwords were tried, in the order in which the node was asked. */
function tried(node: FakeNode): string[] {
  return node.received
    .filter(({ command }) => command[0] === 'AUTH')
    .map(({ command }) => command[1]!)
}

test('passwords are tried one at a time: a server may answer nothing to one behind other replies', async () => {
  await using side = await askingSide({ masters: 1, users })
  const node = side.cluster.nodes[0]!
  const trials = new Trials(side.node(0))
  node.answer('AUTH', '')
  const seen = once(node, 'command')
  const verdicts = [
    trials.try(auth('alice', 'wrong')),
    trials.try(auth('alice', 'a-secret')),
    trials.try(auth('bob', 'wrong')),
    trials.try(auth('bob', 'b-secret')),
  ]
  await seen
  // Had they come together, the node would be asked again only behind the last of them.
  node.connections.kill()
  assert.deepEqual(await Promise.all(verdicts), [WRONG, undefined, WRONG, undefined])
  assert.deepEqual(tried(node), ['alice', 'alice', 'alice', 'bob', 'bob'])
  assert.equal(await trials.try(auth('nobody', 'x')), WRONG)
})

test('those that wait with the same user and password wait for one trial, which is no older than they', async () => {
  await using side = await askingSide({ masters: 1, users })
  const node = side.cluster.nodes[0]!
  const trials = new Trials(side.node(0))
  const first = trials.try(auth('alice', 'a-secret'))
  const others = Array.from({ length: 9 }, () => trials.try(auth('alice', 'a-secret')))
  const wrong = Array.from({ length: 9 }, () => trials.try(auth('alic', 'ea-secret')))
  assert.deepEqual(await Promise.all([first, ...others]), Array(10).fill(undefined))
  assert.deepEqual(await Promise.all(wrong), Array(9).fill(WRONG))
  assert.deepEqual(tried(node), ['alice', 'alice', 'alic'])
})

test('when a node keeps silent, nobody waits longer than its limit, and later ones are tried again', async () => {
  await using side = await askingSide({ masters: 1, users }, { commandTimeout: 50 })
  const node = side.cluster.nodes[0]!
  const trials = new Trials(side.node(0))
  assert.equal(await trials.try(auth('bob', 'b-secret')), undefined)
  node.pause()
  const verdicts = await Promise.all(
    ['x', 'y', 'a-secret'].map((password) => trials.try(auth('alice', password)))
  )
  assert.match(verdicts[0]!, /^CLUSTERDOWN .* was silent for 50 ms$/)
  assert.deepEqual(new Set(verdicts).size, 1)
  node.resume()
  assert.equal(await trials.try(auth('alice', 'a-secret')), undefined)
})
