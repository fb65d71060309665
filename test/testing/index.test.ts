import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as door from '../../lib/testing/index.ts'

const doc = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8')

function publicMembers(instance: object): string[] {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(instance))
  return names.filter((name) => !INTERNAL.has(name))
}

/** Marked as internal in the source: no part of the published types. */
const INTERNAL = new Set(['constructor', 'open', 'serveBlocked', 'unblockAll'])

test('the door offers nothing but createFakeCluster', () => {
  assert.deepEqual(Object.keys(door), ['createFakeCluster'])
})

test('the documentation names every member of cluster and node', async () => {
  await using cluster = await door.createFakeCluster({ masters: 1 })
  const members = [...publicMembers(cluster), ...publicMembers(cluster.nodes[0]!)]
  const missing = members.filter((name) => !new RegExp(`\`${name}[\`(]`).test(doc))
  assert.deepEqual(missing, [])
})

test('the documentation names every option with its default', () => {
  const options: Required<door.FakeClusterOptions> = {
    masters: 3,
    replicas: 0,
    host: '127.0.0.1',
    ports: [],
    password: '',
    users: {},
    version: '7.0.15',
    latency: 0,
    announce: () => undefined,
  }
  for (const name of Object.keys(options)) assert.match(doc, new RegExp(`\\| \`${name}\` \\|`))
})
