import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Configuration, entryOf } from '../../lib/cli/configuration.ts'
import { Crew } from '../../lib/cli/crew.ts'
import { Log } from '../../lib/cli/log.ts'
import type { Chief } from '../../lib/cli/team.ts'

/** Clients that may wait. */
const LIMIT = 2

/** A crew of one, and what it logs as events of the message. */
function crewOfOne() {
  const logged = new EventEmitter()
  const log = new Log(undefined, true, { level: 'info', format: 'text', colors: false })
  log.write = (_level, message, fields) => void logged.emit('line', message, fields)
  const passed: number[] = []
  const chief = { accept: (_socket: Socket, id: number) => passed.push(id) }
  const entries = [entryOf('maxclients', String(LIMIT), 'test')]
  const configuration = new Configuration({ file: entries, environment: [], 'command line': [] })
  const place = {
    count: 1,
    nodes: ['127.0.0.1:1'],
    configFile: '',
    processId: process.pid,
    listening: { host: '127.0.0.1', port: 1 },
  }
  const setup = { place, silent: true, lasting: () => [] }
  const crew = new Crew(configuration, setup, log, chief as unknown as Chief)
  return { crew, logged, passed }
}

describe('a crew whose processes cannot be made', () => {
  const { execPath, argv } = process
  let going: NodeJS.Timeout
  beforeEach(() => {
    // A crew alone does not keep its process from ending.
    going = setInterval(() => {}, 60_000)
    process.execPath = `${execPath}-that-is-not-there`
  })
  afterEach(() => {
    clearInterval(going)
    process.execPath = execPath
    process.argv = argv
  })

  test('tries again, whichever way that fails', { timeout: 30_000 }, async () => {
    const { crew, logged } = crewOfOne()
    const first = once(logged, 'line')
    await assert.rejects(crew.start(), { code: 'CLOSED' })
    const [, { how, wait }] = await first
    assert.match(how, /ENOENT/)
    // This one is not told by an event: fork itself throws.
    process.argv = [argv[0]!]
    const [, second] = await once(logged, 'line')
    assert.match(second.how, /must be of type string/)
    assert.equal(second.wait, 2 * wait)
    process.argv = argv
    const [, third] = await once(logged, 'line')
    assert.match(third.how, /ENOENT/)
    await crew.shutdown({ timeout: 0, successor: false })
  })

  test('lets as many clients wait as there may be, and hands them on, or ends them', async () => {
    for (const successor of [true, false]) {
      const { crew, passed } = crewOfOne()
      const started = crew.start()
      const sockets = Array.from({ length: LIMIT + 1 }, () => new Socket())
      for (const [id, socket] of sockets.entries()) crew.accept(socket, id)
      assert.deepEqual(
        sockets.map(({ destroyed }) => destroyed),
        [false, false, true]
      )
      assert.equal(crew.clients, LIMIT)
      await assert.rejects(started)
      await crew.shutdown({ timeout: 0, successor })
      assert.deepEqual(passed, successor ? [0, 1] : [])
      assert.equal(sockets[0]!.destroyed, !successor)
      // Who comes after that goes the same way.
      const late = new Socket()
      crew.accept(late, 9)
      assert.equal(successor ? passed.at(-1) === 9 : late.destroyed, true)
      assert.equal(crew.clients, 0)
    }
  })
})
