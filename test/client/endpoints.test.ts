import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { endpoints, isRemote } from '../../lib/client/endpoints.ts'

const FALLBACK = { host: '127.0.0.1', port: 7777 }
const asItIs = (host: string, port: number): { host: string; port: number } => ({ host, port })

function socket(fields: Record<string, unknown>): Socket {
  const made = new Socket()
  for (const [name, value] of Object.entries(fields)) Object.defineProperty(made, name, { value })
  return made
}

const ADDRESSES = {
  remoteAddress: '10.0.0.1',
  remotePort: 50000,
  localAddress: '10.0.0.2',
  localPort: 6379,
}

test('a socket tells where the client is, and what it believes the proxy to be', () => {
  assert.deepEqual(endpoints(socket(ADDRESSES), asItIs, FALLBACK), {
    remote: '10.0.0.1:50000',
    local: '10.0.0.2:6379',
    advertised: { host: '10.0.0.2', port: 6379 },
    reuse: true,
  })
})

test('IPv4 clients of a dual-stack socket are shown as IPv4, IPv6 ones as they are', () => {
  const dual = { ...ADDRESSES, remoteAddress: '::ffff:10.0.0.1', localAddress: '::ffff:10.0.0.2' }
  assert.deepEqual(
    endpoints(socket(dual), asItIs, FALLBACK),
    endpoints(socket(ADDRESSES), asItIs, FALLBACK)
  )
  const six = { ...ADDRESSES, remoteAddress: '2001:db8::1', localAddress: '::1' }
  const { remote, advertised } = endpoints(socket(six), asItIs, FALLBACK)
  assert.deepEqual([remote, advertised], ['[2001:db8::1]:50000', { host: '::1', port: 6379 }])
})

test('a stream without an address gets the fallback, and its buffers are never used again', () => {
  for (const stream of [new PassThrough(), socket({})]) {
    const { remote, local, advertised } = endpoints(stream, asItIs, FALLBACK)
    assert.deepEqual([remote, local, advertised], ['?:0', '?:0', FALLBACK])
  }
  const gone = socket({}).destroy()
  assert.equal(endpoints(gone, asItIs, { ...FALLBACK, path: '/run/proxy.sock' }).remote, '?:0')
  assert.equal(endpoints(new PassThrough(), asItIs, FALLBACK).reuse, false)
  assert.equal(endpoints(socket({ ...ADDRESSES, encrypted: true }), asItIs, FALLBACK).reuse, false)
})

test('a client of a UNIX socket has its path, and is told the address of TCP', () => {
  const fallback = { ...FALLBACK, path: '/run/proxy.sock' }
  const { remote, local, advertised } = endpoints(socket({}), asItIs, fallback)
  assert.deepEqual([remote, local], ['/run/proxy.sock:0', '/run/proxy.sock:0'])
  assert.deepEqual(advertised, FALLBACK)
  assert.equal(endpoints(new PassThrough(), asItIs, fallback).remote, '?:0')
})

test('what is announced replaces the address that the client used', () => {
  const announced = (host: string, port: number): { host: string; port: number } => ({
    host: `public.${host}`,
    port: port + 1,
  })
  assert.deepEqual(endpoints(socket(ADDRESSES), announced, FALLBACK).advertised, {
    host: 'public.10.0.0.2',
    port: 6380,
  })
  assert.deepEqual(endpoints(new PassThrough(), announced, FALLBACK).advertised, {
    host: 'public.127.0.0.1',
    port: 7778,
  })
})

test('what a trusted proxy told takes the place of the addresses of the connection', () => {
  const told = {
    remote: { host: '198.51.100.7', port: 5 },
    local: { host: '2001:db8::2', port: 6379 },
  }
  const { remote, local, advertised } = endpoints(socket(ADDRESSES), asItIs, FALLBACK, told)
  assert.deepEqual(
    [remote, local, advertised],
    ['198.51.100.7:5', '[2001:db8::2]:6379', { host: '2001:db8::2', port: 6379 }]
  )
  const unix = { remote: { path: '/run/app' }, local: { path: '/run/redis' } }
  const byPath = endpoints(socket(ADDRESSES), asItIs, FALLBACK, unix)
  assert.deepEqual(
    [byPath.remote, byPath.local, byPath.advertised],
    ['/run/app:0', '/run/redis:0', FALLBACK]
  )
})

test('an IPv4 address that a balancer tells in the form of IPv6 is shown, and told to clients, as IPv4', () => {
  const mapped = (host: string) => ({ host: `::ffff:${host}`, port: 1 })
  const told = { remote: mapped('10.0.0.9'), local: mapped('10.0.0.1') }
  const { remote, local, advertised } = endpoints(socket(ADDRESSES), asItIs, FALLBACK, told)
  assert.deepEqual([remote, local, advertised.host], ['10.0.0.9:1', '10.0.0.1:1', '10.0.0.1'])
})

test('a client is remote by what it is said to be, or else by its connection', () => {
  const far = { remote: { host: '10.9.9.9', port: 1 }, local: { host: '127.0.0.1', port: 1 } }
  const near = { remote: { host: '127.0.0.1', port: 1 }, local: { host: '127.0.0.1', port: 1 } }
  const unix = { remote: { path: '/a' }, local: { path: '/b' } }
  assert.equal(isRemote(socket({ remoteAddress: '127.0.0.1' }), undefined), false)
  assert.equal(isRemote(socket({ remoteAddress: '::ffff:127.0.0.9' }), undefined), false)
  assert.equal(isRemote(socket({ remoteAddress: '::1' }), far), true)
  assert.equal(isRemote(socket(ADDRESSES), near), false)
  assert.equal(isRemote(socket(ADDRESSES), unix), true)
  assert.equal(isRemote(new PassThrough(), undefined), false)
})
