import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CatalogueLearner, softwareOf } from '../../lib/cluster/catalogue-learner.ts'
import { ask } from '../../lib/cluster/question.ts'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { type AskingSide, askingSide } from './asking-side.ts'

/** A cluster of two masters, both of which were reached. */
async function reached(): Promise<{ side: AskingSide; learner: CatalogueLearner }> {
  const side = await askingSide({ masters: 2 })
  const nodes = [side.node(0), side.node(1)]
  for (const node of nodes) await ask(node, 'PING')
  return { side, learner: new CatalogueLearner(() => nodes) }
}

/** How often the first master was asked for its whole table. */
function tables({ cluster }: AskingSide): number {
  return cluster.nodes[0]!.received.filter(({ command }) => command.join(' ') === 'COMMAND').length
}

const NEW_COMMAND = '*1\r\n*6\r\n$7\r\nbrandnu\r\n:3\r\n*1\r\n+readonly\r\n:2\r\n:2\r\n:1\r\n'

test('before anything was learnt the built-in table is in force', async () => {
  const learner = new CatalogueLearner(() => [])
  await learner.learn()
  assert.equal(learner.catalogue.version, Catalogue.builtIn().version)
})

test('the commands of a master and its version are learnt', async () => {
  const { side, learner } = await reached()
  await using _ = side
  side.cluster.nodes[0]!.answer('COMMAND COUNT', ':1\r\n')
  side.cluster.nodes[0]!.answer('COMMAND', NEW_COMMAND)
  assert.equal(learner.catalogue.find(frameRequest(['BRANDNU', 'x', 'key'])), undefined)
  await learner.learn()
  const spec = learner.catalogue.find(frameRequest(['BrandNu', 'x', 'key']))
  assert.deepEqual([spec?.name, spec?.readonly, spec?.firstKey], ['brandnu', true, 2])
  assert.equal(learner.catalogue.version, '7.0.15')
})

test('what the servers are is learnt with it: a Valkey is like a Redis of another version', () => {
  const valkey = 'redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n'
  assert.deepEqual(softwareOf(valkey), { name: 'valkey', version: '8.0.1' })
  assert.deepEqual(softwareOf('redis_version:7.4.1\r\n'), { name: 'redis', version: '7.4.1' })
  assert.equal(softwareOf('# Server\r\n'), undefined)
})

test('a table whose size did not change is not asked for again', async () => {
  const { side, learner } = await reached()
  await using _ = side
  await learner.learn()
  const { catalogue } = learner
  await learner.learn()
  assert.equal(tables(side), 1)
  assert.equal(learner.catalogue, catalogue)
  side.cluster.nodes[0]!.answer('COMMAND COUNT', ':7\r\n')
  await learner.learn()
  assert.equal(tables(side), 2)
})

test('a table of another version is, though it have the same size', async () => {
  const { side, learner } = await reached()
  await using _ = side
  await learner.learn()
  const info = 'redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n'
  side.cluster.nodes[0]!.answer('INFO', `$${info.length}\r\n${info}\r\n`)
  await learner.learn()
  assert.equal(tables(side), 2)
  assert.equal(learner.catalogue.version, '7.2.4')
  assert.deepEqual(learner.software, { name: 'valkey', version: '8.0.1' })
})

test('learning twice at a time is learning once', async () => {
  const { side, learner } = await reached()
  await using _ = side
  await Promise.all([learner.learn(), learner.learn(), learner.learn()])
  assert.equal(tables(side), 1)
})

test('when a master does not tell, the next one is asked', async () => {
  const { side, learner } = await reached()
  await using _ = side
  side.cluster.nodes[0]!.answer(
    'COMMAND',
    "-NOPERM this user has no permissions to run 'command'\r\n"
  )
  await learner.learn()
  assert.equal(learner.catalogue.version, '7.0.15')
})

test('a master that keeps silent is not waited for for long', async (t) => {
  const { side, learner } = await reached()
  await using _ = side
  side.cluster.nodes[0]!.answer('COMMAND', '')
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const asked = side.cluster.nodes[0]!.waitFor('COMMAND COUNT')
  const learnt = learner.learn()
  await asked
  t.mock.timers.tick(2000)
  await learnt
  assert.equal(learner.catalogue.version, '7.0.15')
})

test('when nobody tells, what was learnt before stays in force', async () => {
  const { side, learner } = await reached()
  await using _ = side
  await learner.learn()
  const { catalogue } = learner
  for (const node of side.cluster.nodes) {
    node.answer('COMMAND COUNT', ':7\r\n')
    node.answer('COMMAND', '-ERR no\r\n')
  }
  await learner.learn()
  assert.equal(learner.catalogue, catalogue)
})
