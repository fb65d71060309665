import assert from 'node:assert/strict'
import { test } from 'node:test'
import { helpText } from '../../lib/cli/help.ts'
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
    '-h, --help',
    '-c, --config',
  ])
    assert.ok(text.includes(flag), flag)
  assert.match(text, /--port <port> .*\[7777\]$/m)
  assert.match(text, /--log-level <level> .*\[info\]$/m)
})
