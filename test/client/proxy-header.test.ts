import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { INCOMPLETE, MALFORMED, readProxyHeader } from '../../lib/client/proxy-header.ts'
import { binaryHeader, TCP4, TCP6, UNIX, unixAddresses } from '../support/proxy-protocol.ts'

const SOURCE4 = Buffer.from([198, 51, 100, 7, 10, 0, 0, 1, 0xc3, 0x50, 0x1e, 0x61])
const ORIGIN4 = {
  remote: { host: '198.51.100.7', port: 50_000 },
  local: { host: '10.0.0.1', port: 7777 },
}

function read(text: string | Buffer) {
  return readProxyHeader(Buffer.from(text as string, 'latin1'))
}

describe('a header of version 1', () => {
  it('tells both addresses', () => {
    assert.deepEqual(read('PROXY TCP4 198.51.100.7 10.0.0.1 50000 7777\r\nPING\r\n'), {
      length: 45,
      origin: ORIGIN4,
    })
    assert.deepEqual(read('PROXY TCP6 2001:db8::1 ::1 1 65535\r\n'), {
      length: 36,
      origin: { remote: { host: '2001:db8::1', port: 1 }, local: { host: '::1', port: 65_535 } },
    })
  })

  it('may leave it open whose connection it is', () => {
    assert.deepEqual(read('PROXY UNKNOWN\r\n'), { length: 15, origin: undefined })
    assert.deepEqual(read('PROXY UNKNOWN ffff::1 whatever 1 2\r\n'), {
      length: 36,
      origin: undefined,
    })
  })

  it('is refused when it is not exactly as it should be', () => {
    for (const text of [
      'PROXY TCP4 198.51.100.7 10.0.0.1 50000\r\n',
      'PROXY TCP4 198.51.100.7 10.0.0.1 50000 7777 1\r\n',
      'PROXY TCP4 198.51.100.7  10.0.0.1 50000 7777\r\n',
      'PROXY TCP4 ::1 ::1 1 1\r\n',
      'PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n',
      'PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n',
      'PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n',
      'PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n',
      'PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n',
      'PROXY\tTCP4 1.2.3.4 1.2.3.4 1 1\r\n',
      'proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n',
      '*1\r\n$4\r\nPING\r\n',
      `PROXY UNKNOWN ${'x'.repeat(200)}`,
    ]) {
      assert.equal(read(text), MALFORMED, text)
    }
  })
})

describe('a header of version 2', () => {
  it('tells both addresses, and what follows them is skipped', () => {
    const tlv = Buffer.from([0x02, 0x00, 0x03, 0x61, 0x62, 0x63])
    for (const more of [Buffer.alloc(0), tlv]) {
      const header = binaryHeader(TCP4, Buffer.concat([SOURCE4, more]))
      assert.deepEqual(readProxyHeader(Buffer.concat([header, Buffer.from('PING\r\n')])), {
        length: 28 + more.length,
        origin: ORIGIN4,
      })
    }
  })

  it('tells addresses of IPv6 in their shortest form, and paths', () => {
    const addresses = Buffer.alloc(36)
    addresses.set([0x20, 0x01, 0x0d, 0xb8], 0)
    addresses[15] = 1
    addresses[31] = 2
    addresses.writeUInt16BE(1234, 32)
    addresses.writeUInt16BE(6379, 34)
    assert.deepEqual(readProxyHeader(binaryHeader(TCP6, addresses)), {
      length: 52,
      origin: {
        remote: { host: '2001:db8::1', port: 1234 },
        local: { host: '::2', port: 6379 },
      },
    })
    const paths = unixAddresses('/run/a b\nid=1', '/run/redis')
    assert.deepEqual(readProxyHeader(binaryHeader(UNIX, paths)), {
      length: 232,
      origin: { remote: { path: '/run/a?b?id=1' }, local: { path: '/run/redis' } },
    })
  })

  it('may be of a connection of the balancer itself', () => {
    const local = { length: 28, origin: undefined }
    assert.deepEqual(readProxyHeader(binaryHeader(TCP4, SOURCE4, 0x20)), local)
    assert.deepEqual(readProxyHeader(binaryHeader(0, SOURCE4)), local)
    assert.deepEqual(readProxyHeader(binaryHeader(0, Buffer.alloc(0), 0x20)), {
      length: 16,
      origin: undefined,
    })
  })

  it('is refused when it is of another version, command or family, or too short', () => {
    for (const header of [
      binaryHeader(TCP4, SOURCE4, 0x11),
      binaryHeader(TCP4, SOURCE4, 0x22),
      binaryHeader(0x12, SOURCE4),
      binaryHeader(TCP4, SOURCE4.subarray(1)),
      binaryHeader(TCP6, SOURCE4),
      binaryHeader(UNIX, SOURCE4),
    ]) {
      assert.equal(readProxyHeader(header), MALFORMED)
    }
  })
})

it('a header may come in pieces of any size', () => {
  for (const header of [
    Buffer.from('PROXY TCP4 198.51.100.7 10.0.0.1 50000 7777\r\n'),
    binaryHeader(TCP4, SOURCE4),
  ]) {
    for (let length = 0; length < header.length; length++) {
      assert.equal(readProxyHeader(header.subarray(0, length)), INCOMPLETE)
    }
  }
})
