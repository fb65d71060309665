/**
 * Runs every example as a user would, by `node`, and fails when one does not end by itself with exit code 0.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

const LIMIT_MS = 30_000

const examples = readdirSync('examples').filter((name) => name.endsWith('.ts'))
const failed = examples.filter((name) => !run(`examples/${name}`))
console.log(`${examples.length - failed.length} of ${examples.length} examples ended well`)
process.exit(failed.length === 0 && examples.length > 0 ? 0 : 1)

function run(file: string): boolean {
  console.log(`> ${file}`)
  const { status, signal } = spawnSync(process.execPath, ['--import', 'tsx', file], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  if (status === 0) return true
  console.error(
    `${file}: ${signal === null ? `exit code ${status}` : `still there after ${LIMIT_MS} ms`}`
  )
  return false
}
