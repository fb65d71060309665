/**
 * The start command of the README, checked from outside: it builds, listens on the port it is told, answers, and ends
 * on SIGTERM.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '../test/support/free-port.ts'
import { connect } from '../test/support/raw-client.ts'

const LIMIT_MS = 60_000

const port = await freePort()
const start = spawn('npm', ['start', '--', '--port', String(port)], {
  stdio: ['ignore', 'pipe', 'inherit'],
  detached: true,
})
const ended = once(start, 'exit')
const limit = setTimeout(() => stop('SIGKILL'), LIMIT_MS)
try {
  await listening()
  const client = await connect(port)
  await client.ask('SET', 'greeting', 'hello')
  const greeting = await client.ask('GET', 'greeting')
  if (greeting !== 'hello') throw new Error(`GET answered ${String(greeting)}`)
  await client.end()
  console.log(`npm start: answered on port ${port}`)
} finally {
  stop('SIGTERM')
  await ended
  clearTimeout(limit)
}

/** npm runs the program below a shell: the signal is for the whole group. */
function stop(signal: NodeJS.Signals): void {
  if (start.pid === undefined || start.exitCode !== null) return
  process.kill(-start.pid, signal)
}

function listening(): Promise<void> {
  let output = ''
  return new Promise((resolve, reject) => {
    start.stdout.on('data', (text: Buffer) => {
      process.stdout.write(text)
      output += text
      if (output.includes(String(port)) && /listen/i.test(output)) resolve()
    })
    start.once('exit', () => reject(new Error('npm start ended before it listened')))
  })
}
