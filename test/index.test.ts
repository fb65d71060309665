import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as door from '../lib/index.ts'

/** Types vanish at run time: their names are read from the file. */
function exportedNames(): string[] {
  const source = readFileSync(new URL('../lib/index.ts', import.meta.url), 'utf8')
  const lists = [...source.matchAll(/export (?:type )?\{([^}]*)\}/g)].map((match) => match[1]!)
  return lists
    .flatMap((list) => list.split(','))
    .map((name) => name.replace(/\btype\b/, '').trim())
    .filter((name) => name !== '')
    .sort()
}

test('the public door has exactly these values', () => {
  assert.deepEqual(Object.keys(door).sort(), [
    'ProxyError',
    'createClusterProxy',
    'optionTable',
    'version',
  ])
})

test('the public door has exactly these names, types included', () => {
  assert.deepEqual(exportedNames(), [
    'AddressMap',
    'ClientEvent',
    'ClusterProxy',
    'ClusterProxyOptions',
    'CommandEvent',
    'Credentials',
    'CrossSlot',
    'GapPolicy',
    'GapReason',
    'HostPort',
    'LogLevel',
    'MappedAddress',
    'NodeAddress',
    'NodeEvent',
    'NodeStats',
    'OptionSchema',
    'OptionSpec',
    'PartOutcome',
    'PartialFailureEvent',
    'ProgramHooks',
    'ProgramSetting',
    'ProgramValue',
    'ProxyError',
    'ProxyErrorCode',
    'ProxyEvents',
    'ProxyMethods',
    'ProxyStats',
    'ProxyUser',
    'ReadFrom',
    'RedirectEvent',
    'ReloadReport',
    'Rights',
    'Settings',
    'ShutdownOptions',
    'SocketPath',
    'SubscriptionGapEvent',
    'ThreadAnswer',
    'ThreadHooks',
    'ThreadQuestion',
    'Topology',
    'TopologyChangeEvent',
    'TopologyNode',
    'TopologyReason',
    'createClusterProxy',
    'optionTable',
    'version',
  ])
})

test('the public door lists its names one by one', () => {
  const source = readFileSync(new URL('../lib/index.ts', import.meta.url), 'utf8')
  assert.doesNotMatch(source, /export \*/)
})
