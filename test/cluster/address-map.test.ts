import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressMapper, addressName } from '../../lib/cluster/address-map.ts'
import type { AddressMap } from '../../lib/settings.ts'

/** `host:port` of where an address leads; undefined when no rule covers it. */
function mapped(map: AddressMap | undefined, host: string, port: number): string | undefined {
  const to = addressMapper(map)(host, port)
  return to === undefined ? undefined : `${to.host}|${to.port}`
}

test('an address has one name', () => {
  assert.equal(addressName({ host: 'a', port: 7000 }), 'a:7000')
  assert.equal(addressName({ host: '::1', port: 7000 }), '::1:7000')
  assert.equal(addressName({ path: '/run/redis.sock' }), '/run/redis.sock')
})

test('without a map, and for what a map does not hold, no rule covers an address', () => {
  assert.equal(mapped(undefined, 'a', 1), undefined)
  assert.equal(mapped({}, 'a', 1), undefined)
  assert.equal(mapped({ 'a:2': 'b:1', b: 'c' }, 'a', 1), undefined)
  for (const name of ['toString', '__proto__', 'constructor'])
    assert.equal(mapped({}, name, 1), undefined)
})

test('host and port are looked for first, then the host, then networks', () => {
  const map = {
    '10.0.0.1:7000': 'exact:1',
    '10.0.0.1': 'host',
    '10.0.0.0/24': 'near',
    '10.0.0.0/8': 'far',
  }
  assert.equal(mapped(map, '10.0.0.1', 7000), 'exact|1')
  assert.equal(mapped(map, '10.0.0.1', 7001), 'host|7001')
  assert.equal(mapped(map, '10.0.0.2', 7000), 'near|7000')
  assert.equal(mapped(map, '10.9.0.1', 7000), 'far|7000')
  assert.equal(mapped(map, '11.0.0.1', 7000), undefined)
  assert.equal(mapped(map, 'a.example.org', 7000), undefined)
})

test('a target may be a host, host and port, or an object, and keeps the port it does not name', () => {
  assert.equal(mapped({ a: 'b' }, 'a', 7), 'b|7')
  assert.equal(mapped({ a: 'b:8' }, 'a', 7), 'b|8')
  assert.equal(mapped({ a: { host: 'b' } }, 'a', 7), 'b|7')
  assert.equal(mapped({ a: { host: 'b', port: 8 } }, 'a', 7), 'b|8')
})

test('IPv6 hosts may be mapped from and to', () => {
  assert.equal(mapped({ '2001:db8::1': '::1' }, '2001:db8::1', 7), '::1|7')
  assert.equal(mapped({ '2001:db8::1:7': '[::1]:8' }, '2001:db8::1', 7), '::1|8')
  assert.equal(mapped({ '2001:db8::/32': 'b' }, '2001:db8:5::1', 7), 'b|7')
})

test('a network is mapped to a network address by address', () => {
  assert.equal(mapped({ '10.1.0.0/16': '127.0.0.0/16' }, '10.1.2.3', 7), '127.0.2.3|7')
  assert.equal(mapped({ '10.0.0.0/8': '192.168.5.0/24' }, '10.1.2.3', 7), '192.168.5.3|7')
  assert.equal(mapped({ '10.0.0.0/8': '200.1.1.1/32' }, '10.1.2.3', 7), '200.1.1.1|7')
})

test('mapping a network to another of its size loses no address', () => {
  const byte = fc.integer({ min: 0, max: 255 })
  fc.assert(
    fc.property(byte, byte, fc.integer({ min: 16, max: 32 }), (c, d, prefix) => {
      const there = addressMapper({ '10.0.0.0/8': '172.16.0.0/8' })(`10.${prefix}.${c}.${d}`, 1)
      return there?.host === `172.${prefix}.${c}.${d}`
    }),
    { numRuns: 200 }
  )
})

test('a function is asked with host and port, and may have no answer', () => {
  const asked: [string, number][] = []
  const map: AddressMap = (host, port) => {
    asked.push([host, port])
    return host === 'a' ? { host: 'b' } : host === 'c' ? { host: 'd', port: 8 } : undefined
  }
  assert.equal(mapped(map, 'a', 7), 'b|7')
  assert.equal(mapped(map, 'c', 7), 'd|8')
  assert.equal(mapped(map, 'e', 7), undefined)
  assert.deepEqual(asked, [
    ['a', 7],
    ['c', 7],
    ['e', 7],
  ])
})

test('a function that throws, or answers with what is no address, covers nothing', () => {
  const answers: unknown[] = ['b:1', null, {}, { host: '' }, { host: 'b', port: 0 }, { host: 5 }]
  for (const answer of answers)
    assert.equal(mapped((() => answer) as AddressMap, 'a', 7), undefined)
  const throwing: AddressMap = () => {
    throw new TypeError('no map')
  }
  assert.equal(mapped(throwing, 'a', 7), undefined)
})
