import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import type { ReadSource, ReplicaWatch } from '../../lib/cluster/replica-watch.ts'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { isPlainRead, NO_REPLICA, Reader, ReadPolicy } from '../../lib/router/reader.ts'
import type { ReadFrom } from '../../lib/settings.ts'

const NOW = 100_000

function source(
  name: string,
  { caughtUpTo = NOW, roundTrip = 1, zone }: Partial<Omit<ReadSource, 'node'>> = {}
): ReadSource {
  return { node: { name } as ClusterNode, caughtUpTo, roundTrip, zone }
}

/** A watch that knows these nodes; the first is the master. */
function watching([master, ...replicas]: ReadSource[], ready = true): ReplicaWatch {
  const known: Pick<ReplicaWatch, 'source' | 'replicas' | 'ready'> = {
    ready,
    source: (node) => [master!, ...replicas].find((one) => one.node === node)!,
    replicas: (_master, since) => replicas.filter(({ caughtUpTo }) => caughtUpTo > since),
  }
  return known as ReplicaWatch
}

/** Names of the nodes that ten reads in a row go to, each once. */
function chosen(
  sources: ReadSource[],
  policy: ReadFrom,
  settings: { zone?: string; readYourWrites?: boolean; reader?: Reader; ready?: boolean } = {}
): string[] {
  const { zone, readYourWrites = true, reader = new Reader(policy), ready } = settings
  const reads = new ReadPolicy(
    { maxReplicaLag: 10_000, readYourWrites, availabilityZone: zone },
    watching(sources, ready)
  )
  const master = sources[0]!.node
  const names = Array.from({ length: 10 }, () => {
    const node = reads.choose(reader, 5, master, NOW)
    if (node === NO_REPLICA) return 'none'
    return node === undefined ? 'master' : node.name
  })
  return [...new Set(names)].sort()
}

describe('where a read goes', () => {
  const master = source('m', { roundTrip: 2 })

  it('prefer-replica takes the replicas in turn, and the master only without them', () => {
    assert.deepEqual(chosen([master, source('a'), source('b')], 'prefer-replica'), ['a', 'b'])
    assert.deepEqual(chosen([master], 'prefer-replica'), ['master'])
  })

  it('replica takes no master, but before anything is known of the replicas', () => {
    assert.deepEqual(chosen([master, source('a')], 'replica'), ['a'])
    assert.deepEqual(chosen([master], 'replica'), ['none'])
    assert.deepEqual(chosen([master], 'replica', { ready: false }), ['master'])
  })

  it('any takes master and replicas alike', () => {
    assert.deepEqual(chosen([master, source('a'), source('b')], 'any'), ['a', 'b', 'master'])
  })

  it('nearest takes the shortest round trip, be it the master', () => {
    const near = source('near', { roundTrip: 0.5 })
    const far = source('far', { roundTrip: 30 })
    assert.deepEqual(chosen([master, far, near], 'nearest'), ['near'])
    assert.deepEqual(chosen([master, far], 'nearest'), ['master'])
  })

  it('nodes of the own availability zone are taken where there are any', () => {
    const here = source('here', { zone: 'eu-1a', roundTrip: 9 })
    const there = source('there', { zone: 'eu-1b' })
    const zone = 'eu-1a'
    assert.deepEqual(chosen([master, there, here], 'prefer-replica', { zone }), ['here'])
    assert.deepEqual(chosen([master, there, here], 'nearest', { zone }), ['here'])
    assert.deepEqual(chosen([master, there], 'prefer-replica', { zone }), ['there'])
  })

  it('a replica that lags for longer than maxReplicaLag is left out', () => {
    const late = source('late', { caughtUpTo: NOW - 10_001 })
    assert.deepEqual(chosen([master, late], 'prefer-replica'), ['master'])
    assert.deepEqual(chosen([master, late], 'replica'), ['none'])
  })

  it('after an own write only a replica that has caught up since is taken', () => {
    const reader = new Reader('prefer-replica')
    const sources = [master, source('a', { caughtUpTo: NOW - 100 }), source('b')]
    reader.writing(5, 0)
    assert.deepEqual(chosen(sources, 'prefer-replica', { reader }), ['master'])
    reader.wrote(5, NOW - 50)
    assert.deepEqual(chosen(sources, 'prefer-replica', { reader }), ['b'])
    assert.deepEqual(chosen(sources, 'prefer-replica', { reader, readYourWrites: false }), [
      'a',
      'b',
    ])
  })

  it('policy replica lets the master serve a client whose own write is not there yet', () => {
    const reader = new Reader('replica')
    reader.writing(5, 0)
    assert.deepEqual(chosen([master, source('a')], 'replica', { reader }), ['master'])
  })
})

describe('what a reader remembers of its writes', () => {
  it('a slot waits for all of its writes that are on their way', () => {
    const reader = new Reader('any')
    assert.equal(reader.since(5), Number.NEGATIVE_INFINITY)
    reader.writing(5, 0)
    reader.writing(5, 0)
    reader.wrote(5, 10)
    assert.equal(reader.since(5), Number.POSITIVE_INFINITY)
    reader.wrote(5, 20)
    assert.equal(reader.since(5), 20)
    assert.equal(reader.since(6), Number.NEGATIVE_INFINITY)
  })

  it('writes that every replica has are forgotten, when there are many', () => {
    const reader = new Reader('any')
    for (let slot = 0; slot < 256; slot++) {
      reader.writing(slot, 0)
      reader.wrote(slot, slot)
    }
    reader.writing(1000, 200)
    assert.equal(reader.since(199), Number.NEGATIVE_INFINITY)
    assert.equal(reader.since(200), 200)
  })
})

describe('what counts as a read', () => {
  const plain = (name: string): boolean => isPlainRead(Catalogue.builtIn().get(name))

  it('E3.3 reads with side effects do not', () => {
    for (const name of ['getdel', 'getex', 'spop', 'xreadgroup', 'sort', 'bitfield', 'eval']) {
      assert.equal(plain(name), false, name)
    }
    for (const name of ['touch', 'pfcount', 'georadius']) assert.equal(plain(name), false, name)
  })

  it('E10.6 their read-only forms do', () => {
    for (const name of ['get', 'sort_ro', 'bitfield_ro', 'eval_ro', 'evalsha_ro', 'fcall_ro']) {
      assert.equal(plain(name), true, name)
    }
  })
})
