import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Log, type LogSettings } from '../../lib/cli/log.ts'
import { freePort } from '../support/free-port.ts'
import { appears, Running } from '../support/running.ts'
import { threadProcesses } from '../support/two-threads.ts'

const folder = mkdtempSync(join(tmpdir(), 'proxy-log-'))
after(() => rmSync(folder, { recursive: true }))

const settings = (): LogSettings => ({ level: 'info', format: 'text', colors: true })

test('lines below the level are left out, and a file gets no colors', () => {
  const file = join(folder, 'a.log')
  const log = new Log(file, false, settings())
  log.write('debug', 'no')
  log.write('info', 'yes', { a: 1, nothing: undefined, empty: '' })
  log.settings.level = 'warning'
  log.write('success', 'no')
  log.write('error', 'bad')
  assert.match(
    readFileSync(file, 'utf8'),
    /^\[\d{4}-\d\d-\d\dT\S+Z\] info: yes a=1\n\[\S+\] error: bad\n$/
  )
})

test('a line stays one line, whatever is to be told', () => {
  const file = join(folder, 'odd.log')
  const log = new Log(file, false, settings())
  log.write('info', 'a\n[2026] b\r\x1b[31m', { cause: 'SSL alert number 116\n', note: 'x\u0085y' })
  const [, text] = /^\[\S+\] (.*)\n$/.exec(readFileSync(file, 'utf8')) ?? []
  assert.equal(text, 'info: a [2026] b [31m cause=SSL alert number 116  note=x y')
})

test('JSON lines hold the fields as they are', () => {
  const file = join(folder, 'b.log')
  const log = new Log(file, true, { ...settings(), format: 'json' })
  log.write('warning', 'x\ny', { slot: 5 })
  const { time, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as { time: string }
  assert.ok(!Number.isNaN(Date.parse(time)))
  assert.deepEqual(rest, { level: 'warning', message: 'x\ny', slot: 5 })
})

test('a file that was moved away is opened anew', () => {
  const file = join(folder, 'c.log')
  const log = new Log(file, false, settings())
  log.write('info', 'one')
  renameSync(file, `${file}.1`)
  log.write('info', 'two')
  log.reopen()
  log.write('info', 'three')
  assert.match(readFileSync(`${file}.1`, 'utf8'), /one\n.*two\n$/)
  assert.match(readFileSync(file, 'utf8'), /^\S+ info: three\n$/)
})

test('in the background without a file nothing is written', () => {
  const log = new Log(undefined, true, settings())
  assert.equal(log.wants('error'), false)
  log.write('error', 'nobody reads this')
  log.reopen()
})

test('writes to its log what ends the main process, or a thread, since nobody may read what else it says', async () => {
  const port = await freePort()
  const logfile = join(folder, 'crash.log')
  const crash = "process.on('SIGWINCH', () => { throw new Error('on purpose') })"
  const words = ['-p', String(port), '--bind', '127.0.0.1', '--threads', '2', '127.0.0.1:1']
  const program = new Running([...words, '--logfile', logfile, '--log-format', 'json'], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(crash)}`,
  })
  const logged = async (pattern: RegExp): Promise<void> => {
    await appears(logfile)
    const watcher = watch(logfile)
    while (!pattern.test(readFileSync(logfile, 'utf8'))) await once(watcher, 'change')
    watcher.close()
  }
  await logged(/ listens on /)
  const [thread] = threadProcesses(program.process.pid!)
  process.kill(thread!, 'SIGWINCH')
  await logged(
    /"level":"error","message":"it ends by an error that nobody expected: Error: on purpose\\n/
  )
  await logged(/"how":"1"/)
  program.process.kill('SIGWINCH')
  const { code, errors } = await program.ended
  assert.notEqual(code, 0)
  assert.match(errors, /on purpose/)
  const told = readFileSync(logfile, 'utf8').match(/nobody expected: Error: on purpose/g)
  assert.equal(told?.length, 2)
})
