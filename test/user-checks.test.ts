import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { checkUsers } from '../lib/user-checks.ts'

const SHA = createHash('sha256').update('secret').digest('hex')
const OK = { password: 'secret', rights: 'read' }

describe('the option users', () => {
  it('keeps hashes and no passwords', () => {
    const [user] = checkUsers([{ name: 'a', password: ['secret', 'other'], rights: 'read' }])!
    assert.deepEqual(user, {
      name: 'a',
      passwordSha256: [SHA, createHash('sha256').update('other').digest('hex')],
      nopass: false,
      enabled: true,
      rights: 'read',
      commands: [],
      keys: ['~*'],
      channels: ['&*'],
    })
  })

  it('takes users in the words of redis.conf, where nothing is allowed unless a word says so', () => {
    const text = `alice on >secret #${SHA} ~app:* %R~ro:* &news +@read -keys`
    const [user] = checkUsers([text])!
    assert.deepEqual(user, {
      name: 'alice',
      passwordSha256: [SHA],
      nopass: false,
      enabled: true,
      commands: ['+@read', '-keys'],
      keys: ['~app:*', '%R~ro:*'],
      channels: ['&news'],
    })
    assert.deepEqual(checkUsers([text.split(' ')]), [user])
  })

  it('takes words back by those that reset', () => {
    const [user] = checkUsers([
      'a on >x nopass ~a resetkeys ~b &c resetchannels +get nocommands +set',
    ])!
    assert.deepEqual(
      { ...user },
      {
        name: 'a',
        passwordSha256: [],
        nopass: true,
        enabled: true,
        commands: ['+get', '-@all', '+set'],
        keys: ['~b'],
        channels: [],
      }
    )
    const [off] = checkUsers(['a on >x +@all reset'])!
    assert.deepEqual([off?.enabled, off?.commands], [false, []])
  })

  it('takes the lines that ACL LIST of a server writes, as long as there is no selector', () => {
    const line = (more: string) => `bob on nopass sanitize-payload ~* resetchannels +@all${more}`
    const [user] = checkUsers([line(' skip-sanitize-payload clearselectors')])!
    assert.deepEqual([user?.keys, user?.channels, user?.commands], [['~*'], [], ['+@all']])
    assert.throws(() => checkUsers([line(' (~k -@all +get)')]), {
      message: "option 'users': user 'bob': word 7: selectors, in parentheses, are not provided",
    })
  })

  it('says of which user what is wrong, and never a password', () => {
    const cases: readonly (readonly [unknown, RegExp])[] = [
      [[5], /user '#1': expected an object/],
      [[{}], /user '#1': 'name' must be a text without blanks/],
      [[{ name: 'a b', ...OK }], /user '#1': 'name'/],
      [[{ name: 'a', ...OK, comands: '+get' }], /'comands' is unknown, expected some of name,/],
      [[{ name: 'a', ...OK, rights: 'root' }], /'rights' must be one of read, write, admin/],
      [[{ name: 'a', password: 'secret' }], /neither 'rights' nor 'commands'/],
      [[{ name: 'a', rights: 'read' }], /neither a password nor 'nopass'/],
      [
        [{ name: 'a', password: '', rights: 'read' }],
        /'password' must be a text that is not empty/,
      ],
      [[{ name: 'a', passwordSha256: 'secret', rights: 'read' }], /64 hexadecimal digits/],
      [[{ name: 'a', ...OK, commands: '+@raed' }], /'\+@raed' in 'commands': unknown command/],
      [[{ name: 'a', ...OK, keys: 'app:*' }], /'app:\*' in 'keys': expected patterns/],
      [[{ name: 'a', ...OK, channels: ['news'] }], /'news' in 'channels': expected/],
      [[{ name: 'a', ...OK, nopass: 'yes' }], /'nopass' must be true or false/],
      [[{ name: 'a', ...OK, commands: 7 }], /'commands' must be a text/],
      [
        [
          { name: 'a', ...OK },
          { name: 'a', ...OK },
        ],
        /user 'a': it is there twice/,
      ],
      [['a on secret'], /user 'a': word 2 is none of on, off,/],
      [['a on >secret (+get ~a)'], /word 3: selectors/],
    ]
    for (const [users, message] of cases) {
      assert.throws(
        () => checkUsers(users),
        (error: Error) => message.test(error.message) && !/secret/.test(error.message),
        String(message)
      )
    }
    assert.equal(checkUsers('a on >x +@all'), undefined)
  })
})
