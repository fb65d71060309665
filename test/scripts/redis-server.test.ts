import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planServer, type ServerPlan, serverState } from '../../scripts/redis-server.ts'

const debian = 'NAME="Debian GNU/Linux"\nID=debian\n'
const mint = 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'
const alpine = 'ID=alpine\n'
const missing = { usable: false, reason: 'needs redis-server 7 or newer: install it' }
const present = { usable: true, reason: '' }

const PLANS: readonly [string, Parameters<typeof planServer>, ServerPlan['action']][] = [
  ['present', [{ state: present, osRelease: '', root: false, ci: true }], 'run'],
  ['Debian, root', [{ state: missing, osRelease: debian, root: true, ci: false }], 'install'],
  ['Mint, root, CI', [{ state: missing, osRelease: mint, root: true, ci: true }], 'install'],
  ['no root', [{ state: missing, osRelease: debian, root: false, ci: false }], 'skip'],
  ['no apt', [{ state: missing, osRelease: alpine, root: true, ci: false }], 'skip'],
  ['no apt, CI', [{ state: missing, osRelease: alpine, root: true, ci: true }], 'fail'],
  ['apt failed', [{ state: missing, osRelease: debian, root: true, ci: false }, true], 'skip'],
  ['apt failed, CI', [{ state: missing, osRelease: debian, root: true, ci: true }, true], 'fail'],
]

for (const [title, args, action] of PLANS) {
  test(`a server is provided where possible: ${title}`, () => {
    const plan = planServer(...args)
    assert.equal(plan.action, action)
    assert.equal(plan.message.includes('needs redis-server 7'), ['skip', 'fail'].includes(action))
  })
}

test('a server that is not on the PATH is missed with the way to get it', (t) => {
  const path = process.env.PATH
  t.after(() => {
    process.env.PATH = path
  })
  process.env.PATH = ''
  assert.match(serverState().reason, /^needs redis-server 7 or newer: install it \(https:/)
})
