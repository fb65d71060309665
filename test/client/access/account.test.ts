import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Account } from '../../../lib/client/access/account.ts'
import { Catalogue } from '../../../lib/command/catalogue.ts'
import { frameRequest } from '../../../lib/resp/request-reader.ts'
import type { ProxyUser } from '../../../lib/settings.ts'
import { checkUsers } from '../../../lib/user-checks.ts'

const COMMAND = (name: string): string =>
  `NOPERM this user has no permissions to run the '${name}' command`
const KEY = 'NOPERM this user has no permissions to access one of the keys used as arguments'
const CHANNEL =
  'NOPERM this user has no permissions to access one of the channels used as arguments'

function account(user: Omit<ProxyUser, 'name'> | string): Account {
  const given =
    typeof user === 'string' ? `u on nopass ${user}` : { name: 'u', nopass: true, ...user }
  return new Account(checkUsers([given])![0]!)
}

function refusal(of: Account, line: string): string | undefined {
  const view = frameRequest(line.split(' '))
  return of.refusal(Catalogue.builtIn().find(view)!, view)
}

describe('rights', () => {
  it('read lets nothing through that writes, stops others or administers', () => {
    const reader = account({ rights: 'read' })
    const right = [...Catalogue.builtIn().all()].flatMap((spec) =>
      spec.subcommands === undefined ? [spec] : [...spec.subcommands.values()]
    )
    const allowed = right.filter((spec) => reader.mayRun(spec))
    assert.deepEqual(
      allowed.filter(
        ({ write, admin, name }) =>
          (write && !/^(sort|xreadgroup)$/.test(name)) || (admin && name !== 'role')
      ),
      []
    )
    for (const line of [
      'GET k',
      'PING',
      'SUBSCRIBE c',
      'MULTI',
      'EVAL_RO s 0',
      'INFO',
      'CLUSTER SLOTS',
    ]) {
      assert.equal(refusal(reader, line), undefined, line)
    }
    for (const name of ['eval', 'publish', 'flushall', 'set']) {
      assert.equal(
        refusal(reader, `${name} a 0`.replace('flushall a 0', 'flushall')),
        COMMAND(name)
      )
    }
  })

  it('write lets no dangerous commands through, admin all', () => {
    const writer = account({ rights: 'write' })
    for (const line of ['SET k v', 'DEL k', 'EVAL s 0', 'KEYS *', 'INFO', 'PUBLISH c m']) {
      assert.equal(refusal(writer, line), undefined, line)
    }
    assert.equal(refusal(writer, 'FLUSHALL'), COMMAND('flushall'))
    assert.equal(refusal(writer, 'CONFIG SET a b'), COMMAND('config|set'))
    const admin = account({ rights: 'admin' })
    assert.equal(refusal(admin, 'CONFIG SET a b'), undefined)
  })

  it('with limited keys bring no scripts, since nobody can tell what these touch', () => {
    const limited = account({ rights: 'write', keys: '~app:*' })
    assert.equal(refusal(limited, 'EVAL s 1 app:1'), COMMAND('eval'))
    const trusted = account({ rights: 'write', keys: '~app:*', commands: '+eval' })
    assert.equal(refusal(trusted, 'EVAL s 1 app:1'), undefined)
    assert.equal(refusal(trusted, 'EVAL s 2 app:1 other'), KEY)
  })

  it('are followed by words', () => {
    const user = account({ rights: 'read', commands: '-keys +set' })
    assert.equal(refusal(user, 'KEYS *'), COMMAND('keys'))
    assert.equal(refusal(user, 'SET k v'), undefined)
  })
})

describe('keys and channels', () => {
  it('are looked at wherever they stand', () => {
    const user = account('+@all ~app:* %R~ro:* &news.*')
    for (const line of [
      'GET app:1',
      'MGET app:1 ro:1',
      'COPY ro:1 app:1',
      'STRLEN ro:1',
      'PUBLISH news.1 m',
      'PSUBSCRIBE news.*',
      'UNSUBSCRIBE other',
      'SORT app:1 BY nosort GET #',
    ]) {
      assert.equal(refusal(user, line), undefined, line)
    }
    for (const line of ['GET other', 'MGET app:1 other', 'SET ro:1 x', 'COPY app:1 ro:1']) {
      assert.equal(refusal(user, line), KEY, line)
    }
    for (const line of ['PUBLISH other m', 'SUBSCRIBE news.1 other', 'PSUBSCRIBE news.1*']) {
      assert.equal(refusal(user, line), CHANNEL, line)
    }
    const by = 'ERR BY option of SORT denied due to insufficient ACL permissions.'
    const get = 'ERR GET option of SORT denied due to insufficient ACL permissions.'
    assert.equal(refusal(user, 'SORT app:1 BY w_*'), by)
    assert.equal(refusal(user, 'SORT_RO app:1 LIMIT 0 1 GET app:*'), get)
  })

  it('do not matter to a request that is wrong in itself', () => {
    const user = account('+get ~app:*')
    assert.equal(refusal(user, 'GET'), undefined)
    assert.equal(refusal(user, 'SET'), undefined)
    assert.equal(refusal(user, 'SET k v'), COMMAND('set'))
  })

  it('are not asked of who authenticates, greets, resets or leaves', () => {
    const user = account('-@all')
    for (const line of ['AUTH x', 'HELLO', 'RESET', 'QUIT'])
      assert.equal(refusal(user, line), undefined)
  })
})
