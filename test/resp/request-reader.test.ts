import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { after, before, describe, it, mock } from 'node:test'
import fc from 'fast-check'
import {
  argument,
  argumentsOf,
  BROKEN,
  frameRequest,
  MORE,
  REQUEST,
  type RequestLimits,
  RequestReader,
} from '../../lib/resp/request-reader.ts'
import { type RealServer, startServer } from '../support/real-server.ts'
import { encodeCommand } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'

const KIB = 1024
const MIB = 1024 * 1024

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

interface Outcome {
  /** Arguments as text, one character per byte. */
  requests: string[][]
  error: string
}

/**
 * Feeds chunks and takes the requests. Whatever the client sent, the bytes that would be forwarded must be those of the one
 * canonical form of the arguments; and they must still be so at the end, for a request keeps its buffer until it is answered.
 */
function read(chunks: readonly Buffer[], reader: RequestReader = new RequestReader()): Outcome {
  const requests: string[][] = []
  const kept: Buffer[] = []
  for (const chunk of chunks) {
    reader.feed(chunk)
    let found = reader.next()
    while (found === REQUEST) {
      const { request } = reader
      requests.push(argumentsOf(request).map((word) => word.toString('latin1')))
      kept.push(request.buffer.subarray(request.start, request.end))
      found = reader.next()
    }
    if (found === BROKEN) break
  }
  kept.forEach((bytes, i) => {
    const words = requests[i]!.map(latin1)
    if (!bytes.equals(encodeCommand(words))) assert.fail(`not canonical: ${JSON.stringify(words)}`)
  })
  return { requests, error: reader.error }
}

const readText = (text: string, reader?: RequestReader): Outcome => read([latin1(text)], reader)

function pieces(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}

/** Cuts `bytes` at the given positions, in any order and of any size. */
function cut(bytes: Buffer, positions: readonly number[]): Buffer[] {
  const ends = [...positions.map((at) => at % (bytes.length + 1)), bytes.length]
  ends.sort((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1]!, end))
}

const unauthenticated = (): RequestReader => {
  const reader = new RequestReader()
  reader.authenticated = false
  return reader
}

/** Something of everything that is right: nothing in it may depend on how it comes in. */
/** Requests without a word. */
const EMPTY = latin1('\r\n\n*0\r\n*-1\r\n  \r\n')
const MIXED = Buffer.concat([
  encodeCommand(['SET', 'key', 'va\r\nlue']),
  EMPTY,
  encodeCommand(['ECHO', '']),
  latin1("PING\r\nset k \"a\\x00b\" 'it\\'s'\n"),
  encodeCommand(['SET', 'ключ', Buffer.from([0, 13, 10, 255, 36, 42])]),
  encodeCommand(['GET', 'x'.repeat(9)]),
  encodeCommand(['GET', 'x'.repeat(10)]),
  encodeCommand(['GET', 'x'.repeat(99)]),
  encodeCommand(['GET', 'x'.repeat(100)]),
  latin1('\tget\tkey\t\r\n'),
  encodeCommand(['MGET', ...Array.from({ length: 20 }, (_, i) => `key${i}`)]),
])

const MIXED_REQUESTS = [
  ['SET', 'key', 'va\r\nlue'],
  ['ECHO', ''],
  ['PING'],
  ['set', 'k', 'a\0b', "it's"],
  ['SET', Buffer.from('ключ').toString('latin1'), '\0\r\n\xff$*'],
  ['GET', 'x'.repeat(9)],
  ['GET', 'x'.repeat(10)],
  ['GET', 'x'.repeat(99)],
  ['GET', 'x'.repeat(100)],
  ['get', 'key'],
  ['MGET', ...Array.from({ length: 20 }, (_, i) => `key${i}`)],
]

describe('a stream that is right', () => {
  const expected: Outcome = { requests: MIXED_REQUESTS, error: '' }

  it('gives all requests of one chunk', () => {
    assert.deepEqual(read([MIXED]), expected)
  })

  it('gives the same when cut in two anywhere', () => {
    for (let at = 0; at <= MIXED.length; at++) assert.deepEqual(read(cut(MIXED, [at])), expected)
  })

  it('gives the same in chunks of every size from one byte on', () => {
    for (let size = 1; size < 200; size++) assert.deepEqual(read(pieces(MIXED, size)), expected)
  })

  it('gives the same for random requests in random pieces', () => {
    const word = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.uint8Array({ minLength: 95, maxLength: 105 }),
      fc.constantFrom('\r\n', '$3\r\nGET\r\n', '*1\r\n').map(latin1)
    )
    const command = fc.array(word, { minLength: 1, maxLength: 20 })
    const streams = fc.tuple(
      fc.array(command, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat({ max: 10_000 }), { maxLength: 30 })
    )
    fc.assert(
      fc.property(streams, ([commands, cuts]) => {
        const outcome = read(cut(Buffer.concat(commands.map(encodeCommand)), cuts))
        const requests = commands.map((words) =>
          words.map((bytes) => Buffer.from(bytes).toString('latin1'))
        )
        assert.deepEqual(outcome, { requests, error: '' })
      }),
      { numRuns: 300 }
    )
  })

  it('is not copied when the requests of a chunk are whole', () => {
    const reader = new RequestReader()
    const chunk = encodeCommand(['SET', 'key', 'value'])
    reader.feed(chunk)
    assert.equal(reader.next(), REQUEST)
    assert.equal(reader.request.buffer, chunk)
  })

  it('lets nulls, empty arrays and empty lines pass without a request', () => {
    for (const nothing of ['*0\r\n', '*-1\r\n', '*-42\r\n', '\r\n', '\n', '  \t \r\n', '\r\r\n']) {
      assert.deepEqual(readText(nothing.repeat(3)), { requests: [], error: '' }, nothing)
      assert.deepEqual(readText(`${nothing}PING\r\n`).requests, [['PING']], nothing)
    }
  })

  it('keeps a name with a NUL, and one of a megabyte, as they are', () => {
    const long = 'x'.repeat(MIB)
    const bytes = encodeCommand(['G\0T', 'k'])
    assert.deepEqual(read([bytes]).requests, [['G\0T', 'k']])
    assert.deepEqual(read(pieces(encodeCommand([long, 'k']), 60_000)).requests, [[long, 'k']])
  })

  it('takes inline lines up to the limit of the server', () => {
    const word = 'x'.repeat(64 * KIB)
    assert.deepEqual(readText(`${word}\n`), { requests: [[word]], error: '' })
    assert.deepEqual(read(pieces(latin1(`${word}\n`), 1000)), { requests: [[word]], error: '' })
  })
})

const LONG = '1'.repeat(64 * KIB)
const MULTIBULK = 'invalid multibulk length'
const BULK = 'invalid bulk length'
const TAIL = 'expected CRLF after the bulk string'

/** Input -> error; the same that the server gives, as the comparison below proves. */
const ERRORS: [input: string, error: string][] = [
  ['*x\r\n', MULTIBULK],
  ['*\r\n', MULTIBULK],
  ['*-\r\n', MULTIBULK],
  ['*-0\r\n', MULTIBULK],
  ['*-01\r\n', MULTIBULK],
  ['*00\r\n', MULTIBULK],
  ['*01\r\n$4\r\nPING\r\n', MULTIBULK],
  ['*+1\r\n$4\r\nPING\r\n', MULTIBULK],
  ['* 1\r\n$4\r\nPING\r\n', MULTIBULK],
  ['*1 \r\n$4\r\nPING\r\n', MULTIBULK],
  ['*1.0\r\n', MULTIBULK],
  ['*1e1\r\n', MULTIBULK],
  ['*0x1\r\n', MULTIBULK],
  ['*1\n$4\r\nPING\r\n', MULTIBULK],
  ['**1\r\n', MULTIBULK],
  ['*--1\r\n', MULTIBULK],
  ['*\xff\r\n', MULTIBULK],
  ['*2147483648\r\n', MULTIBULK],
  ['*4294967297\r\n', MULTIBULK],
  ['*1000000000000000000\r\n', MULTIBULK],
  ['*9223372036854775807\r\n', MULTIBULK],
  ['*9223372036854775808\r\n', MULTIBULK],
  ['*18446744073709551617\r\n$4\r\nPING\r\n', MULTIBULK],
  ['*-9223372036854775809\r\n', MULTIBULK],
  [`*${LONG}`, 'too big mbulk count string'],
  [`*1\r\n$${LONG}`, 'too big bulk count string'],
  ['*1\r\n$-1\r\n', BULK],
  ['*1\r\n$-0\r\n', BULK],
  ['*2\r\n$3\r\nGET\r\n$-1\r\n', BULK],
  ['*1\r\n$\r\n', BULK],
  ['*1\r\n$x\r\n', BULK],
  ['*1\r\n$04\r\nPING\r\n', BULK],
  ['*1\r\n$00\r\n\r\n', BULK],
  ['*1\r\n$+4\r\nPING\r\n', BULK],
  ['*1\r\n$ 4\r\nPING\r\n', BULK],
  ['*1\r\n$4 \r\nPING\r\n', BULK],
  ['*1\r\n$4\n\rPING\r\n', BULK],
  ['*1\r\n$$4\r\nPING\r\n', BULK],
  ['*1\r\n$4a\r\nPING\r\n', BULK],
  ['*1\r\n$a4\r\nPING\r\n', BULK],
  ['*1\r\n$536870913\r\n', BULK],
  ['*1\r\n$4294967300\r\nPING\r\n', BULK],
  ['*1\r\n$9223372036854775808\r\n', BULK],
  ['*1\r\n$18446744073709551620\r\nPING\r\n', BULK],
  ['*1\r\nPING\r\n', "expected '$', got 'P'"],
  ['*1\r\n\r\n', "expected '$', got '\r'"],
  ['*2\r\n$3\r\nGET\r\n\r\n$1\r\nk\r\n', "expected '$', got '\r'"],
  ['*1\r\n\n$4\r\nPING\r\n', "expected '$', got '\n'"],
  ['*1\r\n:4\r\n', "expected '$', got ':'"],
  ['*1\r\n*1\r\n$4\r\nPING\r\n', "expected '$', got '*'"],
  ['*2\r\n$3\r\nGET\r\n+k\r\n', "expected '$', got '+'"],
  ['*1\r\n\xe9\r\n', "expected '$', got '\xe9'"],
  ['*3\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n', "expected '$', got '*'"],
  ['GET "\r\n', 'unbalanced quotes in request'],
  ["GET '\r\n", 'unbalanced quotes in request'],
  ['GET "k"x\r\n', 'unbalanced quotes in request'],
  ["GET 'k'x\r\n", 'unbalanced quotes in request'],
  ['GET "k\\"\r\n', 'unbalanced quotes in request'],
  ['"\r\n"\r\n', 'unbalanced quotes in request'],
  [`GET ${LONG}`, 'too big inline request'],
  ['x'.repeat(64 * KIB + 1), 'too big inline request'],
]

/** The same for a client that is not authenticated yet. */
const UNAUTHENTICATED: [input: string, error: string][] = [
  ['*11\r\n', 'unauthenticated multibulk length'],
  ['*2147483647\r\n', 'unauthenticated multibulk length'],
  ['*2147483648\r\n', MULTIBULK],
  ['*1\r\n$16385\r\n', 'unauthenticated bulk length'],
  ['*2\r\n$4\r\nAUTH\r\n$536870912\r\n', 'unauthenticated bulk length'],
  ['*1\r\n$536870913\r\n', BULK],
  ['*1\r\n$-1\r\n', BULK],
]

/** Where the reader is stricter than the server, which takes these, or waits for ever. */
const STRICTER: [input: string, error: string][] = [
  // The server skips two bytes after a bulk without looking: somebody else's command could hide there.
  ['*1\r\n$4\r\nPINGxx', TAIL],
  ['*1\r\n$4\r\nPING\n\r', TAIL],
  ['*1\r\n$4\r\nPING\r\r', TAIL],
  ['*1\r\n$3\r\nPING\r\n', TAIL],
  ['*1\r\n$5\r\nPING\r\n*', TAIL],
  ['*1\r\n$0\r\nab', TAIL],
  // It does not look at the byte after a CR either.
  ['*1\rx$4\r\nPING\r\n', MULTIBULK],
  ['*1\r\r$4\r\nPING\r\n', MULTIBULK],
  ['*1\r\n$4\rxPING\r\n', BULK],
  // It looks for the CR as strchr does, and so never finds one behind a NUL.
  ['*\x001\r\n', MULTIBULK],
  ['*1\r\n$4\0\r\nPING\r\n', BULK],
  // It says the same, but waits for the end of the line first.
  ['*1\r\nP', "expected '$', got 'P'"],
  ['*1\r\n\0', "expected '$', got '\0'"],
  // Nineteen digits are no length for any purpose; it ignores the request as any negative one.
  ['*-9223372036854775808\r\n', MULTIBULK],
  // It takes a longer line if the newline is there by chance when it looks.
  [`*${LONG}\r\n`, 'too big mbulk count string'],
  [`${'x'.repeat(64 * KIB + 1)}\n`, 'too big inline request'],
]

describe('a stream that is wrong', () => {
  const first = 'PING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n'
  const earlier = [['PING'], ['ECHO', 'hi']]

  function check(input: string, error: string, make: () => RequestReader): void {
    const expected: Outcome = { requests: earlier, error }
    const bytes = latin1(first + input)
    const size = bytes.length > KIB ? 999 : 1
    assert.deepEqual(read([bytes], make()), expected)
    assert.deepEqual(read(pieces(bytes, size), make()), expected)
    if (size > 1) return
    for (let at = 1; at < bytes.length; at++) {
      assert.deepEqual(read(cut(bytes, [at]), make()), expected)
    }
  }

  const shown = (input: string): string =>
    JSON.stringify(input.length > 60 ? `${input.slice(0, 20)}...${input.length} bytes` : input)

  for (const [input, error] of [...ERRORS, ...STRICTER]) {
    it(`ends with ${JSON.stringify(error)}: ${shown(input)}`, () => {
      check(input, error, () => new RequestReader())
    })
  }
  for (const [input, error] of UNAUTHENTICATED) {
    it(`ends before AUTH with ${JSON.stringify(error)}: ${shown(input)}`, () => {
      check(input, error, unauthenticated)
    })
  }

  it('waits for the rest of what is not wrong yet', () => {
    const starts = ['*', '*1', '*1\r', '*1\r\n', '*1\r\n$', '*1\r\n$4', '*1\r\n$4\r\nPI', 'GET "']
    for (const start of [...starts, '*1\r\n$536870912\r\n', '*2147483647\r\n', '*x', '*1\r\n$x']) {
      assert.deepEqual(readText(start), { requests: [], error: '' }, start)
    }
  })

  it('stays broken, whatever comes', () => {
    const reader = new RequestReader()
    assert.equal(readText('*x\r\nPING\r\n', reader).error, MULTIBULK)
    assert.equal(reader.next(), BROKEN)
    reader.feed(latin1('PING\r\n'))
    assert.equal(reader.next(), BROKEN)
    assert.equal(reader.error, MULTIBULK)
  })

  it('is judged the same in whatever pieces it comes, and nothing but canonical requests come out', () => {
    const junk = fc.constantFrom(...'*$\r\n0123-+ "\'\\aGET:>\0\xff'.split('')).map(latin1)
    const part = fc.oneof(
      { weight: 3, arbitrary: junk },
      { weight: 2, arbitrary: fc.constantFrom('\r\n', '*1\r\n', '$1\r\n', '$0\r\n').map(latin1) },
      { weight: 1, arbitrary: fc.constant(encodeCommand(['GET', 'k'])) }
    )
    const streams = fc.tuple(
      fc.array(part, { maxLength: 40 }),
      fc.array(fc.nat({ max: 1000 }), { maxLength: 20 })
    )
    fc.assert(
      fc.property(streams, ([parts, cuts]) => {
        const bytes = Buffer.concat(parts)
        assert.deepEqual(read(cut(bytes, cuts)), read([bytes]))
      }),
      { numRuns: 2000 }
    )
  })
})

describe('the limits', () => {
  it('of an unauthenticated client are lifted between two requests of one chunk', () => {
    const words = ['MGET', ...Array.from({ length: 12 }, (_, i) => `k${i}`)]
    const reader = unauthenticated()
    reader.feed(Buffer.concat([encodeCommand(['AUTH', 'secret']), encodeCommand(words)]))
    assert.equal(reader.next(), REQUEST)
    reader.authenticated = true
    assert.equal(reader.next(), REQUEST)
    assert.equal(reader.argc, 13)
    assert.equal(reader.next(), MORE)
  })

  it('of an unauthenticated client let ten arguments of 16 KiB pass', () => {
    const words = Array.from({ length: 10 }, () => 'x'.repeat(16 * KIB))
    assert.deepEqual(read([encodeCommand(words)], unauthenticated()).requests, [words])
  })

  it('of an argument are an option', () => {
    const make = (limits: RequestLimits): RequestReader => new RequestReader(limits)
    const exact = encodeCommand(['GET', 'x'.repeat(KIB)])
    assert.equal(read([exact], make({ maxBulkLength: KIB })).error, '')
    const longer = encodeCommand(['GET', 'x'.repeat(KIB + 1)])
    assert.equal(read([longer], make({ maxBulkLength: KIB })).error, BULK)
  })

  it('of a request end one that grows and grows', () => {
    const reader = new RequestReader({ maxRequestLength: MIB })
    const piece = latin1(`$1000\r\n${'x'.repeat(1000)}\r\n`)
    reader.feed(latin1('*2147483647\r\n'))
    let fed = 0
    while (reader.next() === MORE && fed < 2 * MIB) {
      reader.feed(piece)
      fed += piece.length
    }
    assert.equal(reader.error, 'too big request')
    assert.equal(reader.next(), BROKEN)
    assert.ok(fed < MIB + 2 * piece.length)
  })
})

interface Cost {
  copied: number
  /** Largest buffer that the reader made, in bytes. */
  largest: number
}

/** Feeds chunks to a reader and counts what that costs, which unlike time is the same on every machine. */
function measure(chunks: Iterable<Buffer>): { outcome: number; cost: Cost; reader: RequestReader } {
  const cost: Cost = { copied: 0, largest: 0 }
  const { copy } = Buffer.prototype
  mock.method(Buffer.prototype, 'copy', function (this: Buffer, ...args: Parameters<typeof copy>) {
    const copied = copy.apply(this, args)
    cost.copied += copied
    return copied
  })
  const allocate = Buffer.allocUnsafeSlow
  mock.method(Buffer, 'allocUnsafeSlow', (size: number) => {
    cost.largest = Math.max(cost.largest, size)
    return allocate(size)
  })
  const reader = new RequestReader()
  let outcome = MORE
  try {
    for (const chunk of chunks) {
      reader.feed(chunk)
      outcome = reader.next()
    }
  } finally {
    mock.restoreAll()
  }
  return { outcome, cost, reader }
}

const MILLION = latin1(
  `*1000000\r\n$3\r\nDEL\r\n${Array.from({ length: 999_999 }, (_, i) => `$7\r\n${1_000_001 + i}\r\n`).join('')}`
)

describe('a huge request', () => {
  const chunkSizes = [64 * KIB, 10_007]

  function checkCost(bytes: Buffer, size: number): void {
    const { outcome, cost, reader } = measure(pieces(bytes, size))
    assert.equal(outcome, REQUEST)
    const { request } = reader
    assert.ok(bytes.equals(request.buffer.subarray(request.start, request.end)))
    assert.ok(cost.copied <= 6 * bytes.length, `copied ${cost.copied} of ${bytes.length}`)
    assert.ok(cost.largest <= 2.5 * bytes.length, `made ${cost.largest} for ${bytes.length}`)
  }

  for (const size of chunkSizes) {
    it(`of one value is copied a bounded number of times, in chunks of ${size} bytes`, () => {
      checkCost(encodeCommand(['SET', 'key', Buffer.alloc(32 * MIB, 'x')]), size)
    })

    it(`of 300 values of 100 KB likewise, in chunks of ${size} bytes`, () => {
      const value = Buffer.alloc(100_000, 'x')
      checkCost(encodeCommand(['MSET', ...Array.from({ length: 300 }, () => value)]), size)
    })

    it(`of a million arguments likewise, in chunks of ${size} bytes`, () => {
      checkCost(MILLION, size)
    })
  }

  it('likewise in chunks of one byte', () => {
    checkCost(encodeCommand(['MSET', ...Array.from({ length: 3000 }, (_, i) => `key${i}`)]), 1)
  })

  it('of one value ends in a buffer of just its size', () => {
    const bytes = encodeCommand(['SET', 'key', Buffer.alloc(8 * MIB, 'x')])
    const { reader } = measure(pieces(bytes, 64 * KIB))
    assert.equal(reader.buffer.length, bytes.length)
  })

  it('has all its million arguments, and leaves no large array behind', () => {
    const { outcome, reader } = measure(pieces(MILLION, 64 * KIB))
    assert.equal(outcome, REQUEST)
    assert.equal(reader.argc, 1_000_000)
    for (const i of [1, 2, 500_000, 999_999]) {
      assert.equal(argument(reader.request, i).toString(), String(1_000_000 + i))
    }
    assert.equal(reader.next(), MORE)
    assert.ok(reader.offsets.length < 5000)
  })

  it('is not kept once it is taken', () => {
    const reader = new RequestReader()
    read(pieces(encodeCommand(['SET', 'key', Buffer.alloc(MIB)]), 64 * KIB), reader)
    assert.equal(reader.buffer.length, 0)
    assert.equal(reader.pendingBytes, 0)
  })

  it('that is only announced makes nothing', () => {
    for (const header of [
      '*2147483647\r\n',
      '*1\r\n$536870912\r\n',
      '*2147483647\r\n$536870912\r\n',
    ]) {
      const { cost, reader } = measure([
        ...pieces(latin1(header), 3),
        latin1('some'),
        latin1('thing'),
      ])
      assert.ok(cost.largest < 200, `${header} made ${cost.largest} bytes`)
      assert.equal(reader.offsets.length, 16)
      assert.equal(reader.pendingBytes, header.length + 9)
    }
  })
})

describe('pendingBytes', () => {
  it('counts what is kept of a request that is not whole', () => {
    const reader = new RequestReader()
    const bytes = encodeCommand(['SET', 'key', 'value'])
    for (const [i, chunk] of pieces(bytes, 1).entries()) {
      reader.feed(chunk)
      assert.equal(reader.next(), i + 1 === bytes.length ? REQUEST : MORE)
      assert.equal(reader.pendingBytes, (i + 1) % bytes.length)
    }
    assert.equal(read([bytes, latin1('GET unfinis')], reader).requests.length, 1)
    assert.equal(reader.pendingBytes, 11)
  })

  it('does not count requests that were taken already', () => {
    const reader = new RequestReader()
    read([Buffer.concat([encodeCommand(['PING']), latin1('*1\r\n$4\r\nPI')])], reader)
    assert.equal(reader.pendingBytes, 10)
  })
})

describe('frameRequest', () => {
  it('frames arguments as a client would, and tells where they are', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.uint8Array()), { minLength: 1 }), (words) => {
        const view = frameRequest(words)
        const { buffer, start, end } = view
        assert.ok(buffer.subarray(start, end).equals(encodeCommand(words)))
        const bytes = words.map((word) => Buffer.from(word as string))
        assert.deepEqual(argumentsOf(view), bytes)
        assert.deepEqual(argument(view, words.length - 1), bytes.at(-1))
      })
    )
  })

  it('takes a view into a larger buffer as the bytes it shows', () => {
    const { buffer } = frameRequest([Buffer.from('xxGETxx').subarray(2, 5)])
    assert.equal(buffer.toString(), '*1\r\n$3\r\nGET\r\n')
  })
})

/**
 * All that a server says to `bytes` before it closes the connection, or after we half-closed it. A server that closes with bytes unread
 * resets the connection, which may eat what it said: then it is asked again.
 */
async function exchange(server: RealServer, bytes: Buffer, tries = 5): Promise<Buffer> {
  const socket = createConnection({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  const said: Buffer[] = []
  socket.on('data', (chunk: Buffer) => said.push(chunk))
  let reset = false
  socket.on('error', () => {
    reset = true
  })
  const closed = once(socket, 'close')
  socket.on('end', () => socket.destroy())
  socket.end(bytes)
  await closed
  return reset && tries > 1 ? exchange(server, bytes, tries - 1) : Buffer.concat(said)
}

/** What the reader's judgement makes of the stream: the replies to its requests, then its error. */
async function judged(server: RealServer, { requests, error }: Outcome): Promise<Buffer> {
  const canonical = Buffer.concat(requests.map((words) => encodeCommand(words.map(latin1))))
  const replies = canonical.length === 0 ? canonical : await exchange(server, canonical)
  if (error === '') return replies
  const text = error.replace(/[\r\n]/g, ' ')
  return Buffer.concat([replies, latin1(`-ERR Protocol error: ${text}\r\n`)])
}

describe('beside a real server', needsServer, () => {
  let open: RealServer
  let locked: RealServer
  before(async () => {
    ;[open, locked] = await Promise.all([startServer(), startServer({ password: 'secret' })])
  })
  after(() => Promise.all([open.stop(), locked.stop()]))

  const shown = (input: string): string => JSON.stringify(input.slice(0, 60))

  it('a right stream is understood the same', async () => {
    // Valkey 8.0 takes what follows an empty line for another line, whatever it begins with.
    const confused = /valkey_version:8\.0/.test(String(await open.call('INFO', 'server')))
    const at = MIXED.indexOf(EMPTY)
    const stream = confused
      ? Buffer.concat([MIXED.subarray(0, at), MIXED.subarray(at + EMPTY.length)])
      : MIXED
    assert.deepEqual(await exchange(open, stream), await judged(open, read([MIXED])))
  })

  it('a wrong stream ends with the very bytes of the same error', async () => {
    for (const [input] of ERRORS) {
      const bytes = latin1(`PING\r\n${input}`)
      assert.deepEqual(await exchange(open, bytes), await judged(open, read([bytes])), shown(input))
    }
  })

  it('so does one of a client that is not authenticated', async () => {
    for (const [input] of [...UNAUTHENTICATED, ...ERRORS]) {
      const bytes = latin1(`PING\r\n${input}`)
      const outcome = read([bytes], unauthenticated())
      assert.deepEqual(await exchange(locked, bytes), await judged(locked, outcome), shown(input))
    }
  })

  /** Differences that {@link STRICTER} explains: of these only what came before has to be equal. */
  function isStricter(bytes: Buffer, { error }: Outcome): boolean {
    if (error === '') return false
    const text = bytes.toString('latin1')
    return error === TAIL || /\r[^\n]/.test(text)
  }

  /** The server waits for the end of a line that should begin with `$` before it says so: it gets one. */
  const forServer = (bytes: Buffer, { error }: Outcome): Buffer =>
    error.startsWith("expected '$'") ? Buffer.concat([bytes, latin1('\r\n')]) : bytes

  it('randomly damaged streams are judged the same, but for what the reader is stricter about', async () => {
    const valid = [
      encodeCommand(['ECHO', 'some text']),
      encodeCommand(['PING']),
      latin1('ECHO "quoted \\x41"\r\n'),
      encodeCommand(['ECHO', 'x'.repeat(100)]),
    ]
    const damage = fc.record({
      at: fc.nat({ max: 1000 }),
      removed: fc.nat({ max: 2 }),
      added: fc.constantFrom(
        '',
        '',
        ...'*$\r\n0129-+ "\'x\xff'.split(''),
        '\r\n',
        '*1\r\n',
        '$4\r\n'
      ),
    })
    const streams = fc.tuple(
      fc.array(fc.constantFrom(...valid), { minLength: 1, maxLength: 4 }),
      fc.array(damage, { minLength: 1, maxLength: 3 })
    )
    let compared = 0
    await fc.assert(
      fc.asyncProperty(streams, async ([commands, damages]) => {
        let text = Buffer.concat(commands).toString('latin1')
        for (const { at, removed, added } of damages) {
          const place = at % (text.length + 1)
          text = text.slice(0, place) + added + text.slice(place + removed)
        }
        const bytes = latin1(text)
        const outcome = read([bytes])
        const sent = forServer(bytes, outcome)
        const [real, ours] = await Promise.all([exchange(open, sent), judged(open, outcome)])
        if (isStricter(bytes, outcome)) {
          const replies = await judged(open, { ...outcome, error: '' })
          assert.ok(real.subarray(0, replies.length).equals(replies))
        } else {
          compared++
          assert.equal(real.toString('latin1'), ours.toString('latin1'))
        }
      }),
      { numRuns: 500 }
    )
    assert.ok(compared > 200, `${compared} of 500 were comparable`)
  })
})
