import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changesOf, restarted } from '../../lib/cli/changes.ts'
import { Configuration, entryOf } from '../../lib/cli/configuration.ts'

function configurationOf(values: Readonly<Record<string, string>>): Configuration {
  const entries = Object.entries(values).map(([name, text]) => entryOf(name, text, 'test'))
  return new Configuration({ file: entries, environment: [], 'command line': [] })
}

const names = (options: readonly { readonly name: string }[]) => options.map(({ name }) => name)

test('what needs a restart is not in force before, and is told at each reload', () => {
  const before = configurationOf({ threads: '2', maxclients: '5', 'tcp-backlog': '9' })
  const after = configurationOf({ threads: '3', maxclients: '6' })
  const { live, inForce, report } = changesOf(before, after)
  assert.deepEqual([names(live), report.needsRestart], [['maxclients'], ['threads', 'tcp-backlog']])
  const values = ['threads', 'maxclients', 'tcp-backlog'].map((name) => inForce.value(name))
  assert.deepEqual(values, [2, 6, 9])
  const again = changesOf(inForce, after)
  assert.deepEqual([names(again.live), again.report.needsRestart], [[], ['threads', 'tcp-backlog']])
  // It travels to the threads as it is, whatever the files say then.
  const there = Configuration.of(inForce.given)
  assert.deepEqual(there.differences(inForce), [])
  assert.deepEqual(there.libraryOptions(), inForce.libraryOptions())
})

test('a restart leaves the main process what it has, and an embedded cluster', () => {
  const before = configurationOf({ port: '1', logfile: 'a', cluster: 'a:1' })
  const after = configurationOf({ port: '2', logfile: 'b', cluster: 'b:1', threads: '3' })
  for (const [embedded, cluster] of [
    [false, 'b:1'],
    [true, 'a:1'],
  ] as const) {
    const configuration = restarted(before, after, embedded)
    const values = ['port', 'logfile', 'cluster', 'threads'].map((name) =>
      configuration.value(name)
    )
    assert.deepEqual(values, [1, 'a', [cluster], 3])
  }
})
