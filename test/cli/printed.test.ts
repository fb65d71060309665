import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { printedArguments } from '../../lib/cli/printed.ts'
import { freePort } from '../support/free-port.ts'
import { Running } from '../support/running.ts'

test('a command line without secrets is as it was', () => {
  assert.equal(printedArguments(['-p', '1', '--auth-user', 'a', '127.0.0.1:1']), undefined)
})

test('secrets of a command line are masked in each of its forms', () => {
  for (const [words, shown] of [
    ['-a s -p 1', '-a *** -p 1'],
    ['-as a:1', '-a*** a:1'],
    ['--auth s a:1', '--auth *** a:1'],
    ['--auth=s a:1', '--auth=*** a:1'],
    ['--requirepass s', '--requirepass ***'],
    ['--tls passphrase=s --node-tls=passphrase=s', '--tls *** --node-tls=***'],
    ['--credentials password=s --users u', '--credentials *** --users ***'],
  ] as const) {
    assert.equal(printedArguments(words.split(' ')), shown)
  }
})

test('shows no secret of its command line to who lists the processes', async () => {
  const port = await freePort()
  const program = new Running([
    ...['-p', String(port), '--bind', '127.0.0.1', '--threads', '1', '-a', 'hunter2'],
    ...['--password=hunter2', '--user', 'a on >hunter2', '--tcp-backlog', '9', '127.0.0.1:1'],
  ])
  await program.listens()
  const pid = String(program.process.pid)
  const { stdout } = spawnSync('ps', ['-ww', '-o', 'args=', '-p', pid], { encoding: 'utf8' })
  assert.match(stdout, /^redis-cluster-proxy -p .* -a \*\*\* --password=\*\*\* --user \*\*\* --tcp/)
  program.process.kill('SIGTERM')
  assert.equal((await program.ended).code, 0)
})
