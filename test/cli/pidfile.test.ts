import assert from 'node:assert/strict'
import fs, { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readArguments } from '../../lib/cli/arguments.ts'
import { liveSettings } from '../../lib/cli/live-settings.ts'
import { Program } from '../../lib/cli/program.ts'
import { readConfiguration } from '../../lib/cli/sources.ts'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { freePort } from '../support/free-port.ts'

const DEFAULT = '/var/run/redis-cluster-proxy.pid'
const folder = mkdtempSync(join(tmpdir(), 'proxy-pidfile-'))
after(() => rmSync(folder, { recursive: true }))

const given = (...words: string[]) => readConfiguration(readArguments(words), {})

test('PROXY CONFIG GET tells where the pid file is, which in the background nobody needs to name', () => {
  const told = (...words: string[]) => {
    const settings = liveSettings({
      configuration: () => given(...words),
      threads: 1,
      log: { level: 'info', format: 'text', colors: false },
      dumps: () => ({ queries: false, buffer: false, queues: false }),
      onChange: () => {},
    })
    return settings.find(({ name }) => name === 'pidfile')!.get()
  }
  assert.equal(told('--daemonize'), DEFAULT)
  assert.equal(told('--daemonize', '--pidfile', 'a.pid'), 'a.pid')
  assert.equal(told(), undefined)
})

test('who is not let write the pid file that nobody named serves without one', async (t) => {
  const { writeFileSync } = fs
  const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
  const written = t.mock.method(fs, 'writeFileSync', (path: string, text: string) => {
    if (path === DEFAULT || path.endsWith('.pid')) throw denied
    writeFileSync(path, text)
  })
  syncBuiltinESMExports()
  t.after(() => {
    written.mock.restore()
    syncBuiltinESMExports()
  })
  await using cluster = await createFakeCluster({ masters: 1 })
  const logfile = join(folder, 'a.log')
  const start = async (...more: string[]) => {
    const words = ['-p', String(await freePort()), '--bind', '127.0.0.1', '--threads', '1']
    const all = [...words, '--daemonize', '--logfile', logfile, ...more, ...cluster.addresses]
    const program = new Program(() => given(...all), '', true)
    await program.start()
    return program
  }
  const program = await start()
  await program.end(false)
  assert.match(readFileSync(logfile, 'utf8'), /warning: there is no pid file: EACCES/)
  await assert.rejects(start('--pidfile', 'a.pid'), /^Error: --pidfile: EACCES/)
})
