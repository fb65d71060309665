import assert from 'node:assert/strict'
import { it } from 'node:test'
import { receivedBy, setStage } from './stage.ts'

it('E2.24 a slot that is handed over as a whole, with a pause and without ASK, is followed by its MOVED', async () => {
  await using stage = await setStage()
  const key = stage.keyOf(0)
  const [source, target] = [stage.cluster.node(0), stage.cluster.node(1)]
  const redirects = stage.record('redirect')
  const client = await stage.client()
  assert.equal(await client.ask('SET', key, '0'), 'OK')
  const came = source.waitFor('APPEND')
  source.pause()
  const replies = client.pipeline([
    ['APPEND', key, '1'],
    ['APPEND', key, '2'],
    ['GET', key],
  ])
  stage.cluster.migrate(stage.cluster.slotOf(key), target)
  source.resume()
  await came
  assert.deepEqual((await replies).map(String), [':2\r\n', ':3\r\n', '$3\r\n012\r\n'])
  assert.ok(redirects.length > 0 && redirects.every(({ kind }) => kind === 'moved'))
  assert.deepEqual(receivedBy(target, 'ASKING'), [])
})
