import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClusterProxyOptions } from '../../lib/index.ts'
import { type Stage, setStage } from './stage.ts'

const ROOT = { name: 'root', password: 'x-secret', rights: 'admin' } as const
const APP = { name: 'app', password: 'a-secret', rights: 'write', keys: '~app:*' } as const

const NOT_INTEGER = '-ERR value is not an integer or out of range\r\n'

function stageOf(...users: NonNullable<ClusterProxyOptions['users']>): Promise<Stage> {
  return setStage({ cluster: { masters: 2 }, options: { users, authFailureDelay: 1 } })
}

describe('ACL LOG', () => {
  /** What names an entry. */
  async function entries(client: Client, ...args: string[]): Promise<unknown[]> {
    const logged = (await client.ask('ACL', 'LOG', ...args)) as unknown[][]
    return logged.map((fields) => [fields[1], fields[3], fields[5], fields[7], fields[9]])
  }
  type Client = Awaited<ReturnType<Stage['client']>>

  it('tells what users of the proxy were not let do, the latest first, as a server does', async () => {
    const limited = { name: 'app', password: 'a-secret', keys: '~app:*', channels: '&news' }
    const commands = '+@all -keys'
    await using stage = await stageOf({ ...limited, commands }, ROOT)
    const [app, root] = [await stage.client(), await stage.client()]
    await root.ask('AUTH', 'root', 'x-secret')
    assert.deepEqual(await root.ask('ACL', 'LOG'), [])
    assert.equal(String(await app.call('AUTH', 'app', 'wrong')).slice(0, 10), '-WRONGPASS')
    await app.ask('AUTH', 'app', 'a-secret')
    for (const command of [
      ['MSET', 'app:1', 'a', 'other', 'b'],
      ['KEYS', '*'],
      ['KEYS', 'again'],
      ['SUBSCRIBE', 'news', 'secrets'],
      ['MULTI'],
      ['GET', 'more'],
      ['DISCARD'],
    ]) {
      await app.call(...command)
    }
    const all = [
      [1, 'key', 'multi', 'more', 'app'],
      [1, 'channel', 'toplevel', 'secrets', 'app'],
      [2, 'command', 'toplevel', 'keys', 'app'],
      [1, 'key', 'toplevel', 'other', 'app'],
      [1, 'auth', 'toplevel', 'AUTH', 'app'],
    ]
    assert.deepEqual(await entries(root), all)
    assert.deepEqual(await entries(root, '2'), all.slice(0, 2))
    assert.deepEqual(await entries(root, '-1'), [])
    const [first] = (await root.ask('ACL', 'LOG', '1')) as unknown[][]
    const names = ['count', 'reason', 'context', 'object', 'username', 'age-seconds', 'client-info']
    assert.deepEqual(
      first!.filter((_, index) => index % 2 === 0),
      names
    )
    assert.ok(Number(first![11]) >= 0)
    assert.match(String(first![13]), /^id=\d+ addr=.* user=app [^\n]*$/)
    assert.doesNotMatch(String(await root.call('ACL', 'LOG')), /wrong|a-secret/)
    assert.equal(String(await root.call('ACL', 'LOG', 'x')), NOT_INTEGER)
    const many = "-ERR unknown subcommand or wrong number of arguments for 'log'. Try ACL HELP.\r\n"
    assert.equal(String(await root.call('ACL', 'log', '1', '2')), many)
    assert.equal(String(await root.call('ACL', 'LOG', 'RESET')), '+OK\r\n')
    assert.deepEqual(await entries(root), [])
  })

  it('keeps a hundred and twenty-eight entries', async () => {
    await using stage = await stageOf(APP, ROOT)
    const [app, root] = [await stage.client(), await stage.client()]
    await app.ask('AUTH', 'app', 'a-secret')
    await root.ask('AUTH', 'root', 'x-secret')
    await app.pipeline(Array.from({ length: 130 }, (_, key) => ['GET', String(key)]))
    const all = await entries(root, '1000')
    assert.deepEqual(
      [all.length, all[0], all.at(-1)],
      [128, [1, 'key', 'toplevel', '129', 'app'], [1, 'key', 'toplevel', '2', 'app']]
    )
  })
})
