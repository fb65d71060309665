import assert from 'node:assert/strict'
import { test } from 'node:test'
import { helpText, shortHelpText } from '../../lib/cli/help.ts'
import { listedOptions } from '../../lib/cli/program-options.ts'

test('the help is no wider than a terminal, a line for each option, and tells defaults', () => {
  const text = helpText()
  const lines = text.trimEnd().split('\n')
  for (const line of lines) assert.ok(line.length <= 80, line)
  assert.ok(lines.length <= listedOptions.length + 9)
  for (const { name } of listedOptions) assert.match(text, new RegExp(`--${name}\\b`))
  for (const flag of [
    '--check-config',
    '--print-config',
    '--version',
    '-h in short',
    '--help in full',
    '-c, --config',
  ])
    assert.ok(text.includes(flag), flag)
  assert.match(text, /--port <port> .*\[7777\]$/m)
  assert.match(text, /--log-level <level> .*\[info\]$/m)
})

test('in short the help fits on a screen of 80 columns and 24 lines, with every option and its default', () => {
  const text = shortHelpText()
  const lines = text.trimEnd().split('\n')
  // The prompt of the shell comes below.
  assert.ok(lines.length <= 23, String(lines.length))
  for (const line of lines) assert.ok(line.length <= 80, line)
  for (const { name } of listedOptions) assert.match(text, new RegExp(`--${name}\\b`))
  for (const told of [
    '--port <port> [7777]',
    '--threads <n> [cores, at most 8]',
    '--pidfile <path> [/var/run/redis-cluster-proxy.pid as a daemon]',
    '--connections-pool-spawn-rate <n> [2]',
    '--log-level <level> [info]',
    '--protected-mode <yes|no> [yes]',
  ])
    assert.ok(text.includes(told), told)
})
