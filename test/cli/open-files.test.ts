import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { openFilesLimit, tooFewFiles } from '../../lib/cli/open-files.ts'

test('clients that cannot all have a socket are told of, and what can be done', () => {
  assert.equal(
    tooFewFiles(10_000, 4, 1024),
    'maxclients 10000 needs 2564 open files or more in a process, which may have 1024: ' +
      'who comes then is cut off without a word; raise the limit (ulimit -n, LimitNOFILE) or lower maxclients'
  )
  assert.equal(tooFewFiles(10_000, 4, 2564), undefined)
  assert.equal(tooFewFiles(10_000, 4, undefined), undefined)
})

const told = openFilesLimit()
const skip = told === undefined && 'only Linux tells the limit'
test('the limit is that of the system, which the program warns of', { skip }, async () => {
  const program = [
    ...[process.execPath, '--import', 'tsx', 'lib/cli/main.ts', '--threads', '1', '--port', '0'],
    ...['--unixsocket', join(tmpdir(), `proxy-files-${process.pid}.sock`), '127.0.0.1:1'],
  ]
  const child = spawn('bash', ['-c', 'ulimit -n 300 && exec "$@"', 'bash', ...program], {
    timeout: 60_000,
  })
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (line.includes(' listens on ')) child.kill('SIGTERM')
  }
  assert.match(lines.join('\n'), /warning: maxclients 10000 needs 10064 .* which may have 300: /)
})
