import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import fc from 'fast-check'
import { BROKEN, DROPPED, FRAME, isReused, MORE, ReplyReader } from '../../lib/resp/reply-reader.ts'

const KIB = 1024
const MIB = 1024 * 1024

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

interface Outcome {
  /** Each reply as the bytes it is, one character per byte. */
  frames: string[]
  error: string
}

/** Puts bytes where the reader wants them, as a socket does, and calls `taken` after each piece that fits. */
function feed(reader: ReplyReader, chunk: Buffer, taken: () => void = () => {}): void {
  for (let rest = chunk; rest.length > 0; ) {
    const length = rest.copy(reader.room())
    reader.filled(length)
    rest = rest.subarray(length)
    taken()
  }
}

/** Feeds chunks and takes the frames; those in a buffer that is not used again must not change when later bytes come in. */
function read(chunks: readonly Buffer[], reader: ReplyReader = new ReplyReader()): Outcome {
  const kept: Buffer[] = []
  const lasting: string[] = []
  const frames: string[] = []
  const take = (): void => {
    while (reader.next() === FRAME) {
      const frame = reader.buffer.subarray(reader.start, reader.end)
      frames.push(frame.toString('latin1'))
      if (isReused(reader.buffer)) continue
      kept.push(frame)
      lasting.push(frame.toString('latin1'))
    }
  }
  for (const chunk of chunks) {
    feed(reader, chunk, take)
    if (reader.error !== '') break
  }
  assert.deepEqual(
    kept.map((frame) => frame.toString('latin1')),
    lasting
  )
  return { frames, error: reader.error }
}

const readText = (text: string): Outcome => read([latin1(text)])

function pieces(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}

function cut(bytes: Buffer, positions: readonly number[]): Buffer[] {
  const ends = [...positions.map((at) => at % (bytes.length + 1)), bytes.length]
  ends.sort((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1]!, end))
}

/** One of everything that RESP2 and RESP3 know. */
const REPLIES = [
  '+OK\r\n',
  '+\r\n',
  '+a\nb\r\n',
  '-ERR some text\r\n',
  ':0\r\n',
  ':+5\r\n',
  ':-9223372036854775808\r\n',
  '$0\r\n\r\n',
  '$5\r\nhello\r\n',
  '$12\r\n\r\n+OK\r\n$3\r\n\0\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '*0\r\n',
  '*2\r\n$3\r\nfoo\r\n:1\r\n',
  '*3\r\n*0\r\n*1\r\n*2\r\n+a\r\n-b\r\n$-1\r\n',
  '*2\r\n*-1\r\n$0\r\n\r\n',
  '_\r\n',
  '#t\r\n',
  '#f\r\n',
  ',1.10\r\n',
  ',-inf\r\n',
  ',nan\r\n',
  '(3492890328409238509324850943850943825024385\r\n',
  '!9\r\nERR a\r\nb!\r\n',
  '=8\r\ntxt:a\r\nb\r\n',
  '%0\r\n',
  '%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:1\r\n_\r\n',
  '~0\r\n',
  '~3\r\n:1\r\n#t\r\n,1\r\n',
  '>3\r\n+message\r\n$2\r\nch\r\n$1\r\nm\r\n',
  '>0\r\n',
  '|1\r\n+ttl\r\n:3600\r\n$5\r\nvalue\r\n',
  '|0\r\n+OK\r\n',
  '|1\r\n+a\r\n%1\r\n+k\r\n+v\r\n|1\r\n+b\r\n*0\r\n*1\r\n:1\r\n',
  '*2\r\n:1\r\n|1\r\n+popularity\r\n~1\r\n,0.1\r\n:2\r\n',
]

const ALL = latin1(REPLIES.join(''))

describe('a stream that is right', () => {
  const expected: Outcome = { frames: REPLIES, error: '' }

  for (const reply of REPLIES) {
    it(`holds ${JSON.stringify(reply)} as one frame, in whatever pieces`, () => {
      const bytes = latin1(reply)
      assert.deepEqual(read([bytes]), { frames: [reply], error: '' })
      for (let at = 0; at <= bytes.length; at++) {
        assert.deepEqual(read(cut(bytes, [at])), { frames: [reply], error: '' })
      }
    })
  }

  it('gives all replies of one chunk', () => {
    assert.deepEqual(read([ALL]), expected)
  })

  it('gives the same when cut in two anywhere', () => {
    for (let at = 0; at <= ALL.length; at++) assert.deepEqual(read(cut(ALL, [at])), expected)
  })

  it('gives the same in chunks of every size from one byte on', () => {
    for (let size = 1; size < 150; size++) assert.deepEqual(read(pieces(ALL, size)), expected)
  })

  it('is not copied when the replies of a chunk are whole', () => {
    const reader = new ReplyReader()
    const room = reader.room()
    feed(reader, ALL)
    assert.equal(reader.next(), FRAME)
    assert.equal(reader.buffer, room)
  })

  it('of a long value is read to where it stays, but for a short look at how long it is', () => {
    const reader = new ReplyReader()
    const bytes = latin1(`$${MIB}\r\n${'x'.repeat(MIB)}\r\n`)
    feed(reader, bytes, () => reader.next())
    assert.equal(reader.end, bytes.length)
    assert.equal(reader.buffer.length, bytes.length)
    assert.equal(isReused(reader.buffer), false)
    reader.next()
    const cost = measure(() => feed(reader, bytes, () => reader.next()))
    // The test itself copies everything once.
    assert.ok(cost.copied - bytes.length < 8 * KIB, `copied ${cost.copied}`)
  })
})

/** Random replies as their text, with the type of each element left to chance. */
const reply = fc.letrec<{ reply: string; leaf: string; line: string; bulk: string }>((tie) => {
  const digits = fc.bigInt().map(String)
  const text = fc.string({ maxLength: 20 }).map((raw) => raw.replace(/[\r\n]/g, ' '))
  const many = (type: string, per: number) =>
    fc.array(tie('reply'), { maxLength: 4 }).map((items) => {
      const whole = items.slice(0, items.length - (items.length % per))
      return `${type}${whole.length / per}\r\n${whole.join('')}`
    })
  const attributed = fc
    .tuple(many('|', 2), tie('reply'))
    .map(([attribute, described]) => attribute + described)
  return {
    line: fc
      .tuple(fc.constantFrom('+', '-', ':', ',', '('), fc.oneof(text, digits))
      .map(([type, value]) => `${type}${Buffer.from(value).toString('latin1')}\r\n`),
    bulk: fc
      .tuple(fc.constantFrom('$', '=', '!'), fc.uint8Array({ maxLength: 30 }))
      .map(
        ([type, bytes]) => `${type}${bytes.length}\r\n${Buffer.from(bytes).toString('latin1')}\r\n`
      ),
    leaf: fc.oneof(
      fc.constantFrom('_\r\n', '#t\r\n', '$-1\r\n', '*-1\r\n', '*0\r\n'),
      tie('line'),
      tie('bulk')
    ),
    reply: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      tie('leaf'),
      many('*', 1),
      many('~', 1),
      many('>', 1),
      many('%', 2),
      attributed
    ),
  }
}).reply

describe('random replies', () => {
  const cuts = fc.array(fc.nat({ max: 5000 }), { maxLength: 20 })

  it('are found one by one in random pieces', () => {
    const streams = fc.tuple(fc.array(reply, { minLength: 1, maxLength: 6 }), cuts)
    fc.assert(
      fc.property(streams, ([frames, positions]) => {
        const bytes = latin1(frames.join(''))
        assert.deepEqual(read(cut(bytes, positions)), { frames, error: '' })
      }),
      { numRuns: 1000 }
    )
  })

  it('that are damaged are judged the same in whatever pieces, and frames join to what was sent', () => {
    const damage = fc.tuple(fc.nat({ max: 500 }), fc.constantFrom(...'\r\n0129-*$|%x'.split('')))
    const streams = fc.tuple(fc.array(reply, { minLength: 1, maxLength: 4 }), cuts, damage)
    fc.assert(
      fc.property(streams, ([frames, positions, [at, byte]]) => {
        const text = frames.join('')
        const place = at % text.length
        const bytes = latin1(text.slice(0, place) + byte + text.slice(place + 1))
        const whole = read([bytes])
        assert.deepEqual(read(cut(bytes, positions)), whole)
        assert.ok(bytes.toString('latin1').startsWith(whole.frames.join('')))
      }),
      { numRuns: 1000 }
    )
  })
})

describe('a stream that is wrong', () => {
  const LENGTH = 'length is not a number'
  const cases: [input: string, error: string][] = [
    ['x', 'unexpected type byte 0x78'],
    ['\r\n', 'unexpected type byte 0xd'],
    ['HTTP/1.1 400 Bad Request\r\n', 'unexpected type byte 0x48'],
    ['\x15\x03\x01', 'unexpected type byte 0x15'],
    [';4\r\nabcd\r\n', 'unexpected type byte 0x3b'],
    ['.\r\n', 'unexpected type byte 0x2e'],
    ['*2\r\n:1\r\n\0', 'unexpected type byte 0x0'],
    ['+a\rb\r\n', 'CR without LF in a line'],
    [':1\r\r', 'CR without LF in a line'],
    ['$\r\n', LENGTH],
    ['$x\r\n', LENGTH],
    ['$+1\r\na\r\n', LENGTH],
    ['$ 1\r\na\r\n', LENGTH],
    ['$1 \r\na\r\n', LENGTH],
    ['$1\ra', LENGTH],
    ['$-\r\n', LENGTH],
    ['$-2\r\n', LENGTH],
    ['$-0\r\n', LENGTH],
    ['$-11\r\n', LENGTH],
    ['$--1\r\n', LENGTH],
    ['$1-1\r\n', LENGTH],
    ['$9223372036854775808\r\n', LENGTH],
    ['*-2\r\n', LENGTH],
    ['*1x', LENGTH],
    ['=-1\r\n', LENGTH],
    ['!-1\r\n', LENGTH],
    ['%-1\r\n', LENGTH],
    ['~-1\r\n', LENGTH],
    ['>-1\r\n', LENGTH],
    ['|-1\r\n', LENGTH],
    ['*2\r\n|-1\r\n', LENGTH],
    ['$?\r\n;4\r\nabcd\r\n;0\r\n', LENGTH],
    ['*?\r\n:1\r\n.\r\n', LENGTH],
    ['%?\r\n.\r\n', LENGTH],
    ['$3\r\nabcd\r\n', 'no CRLF after a bulk string'],
    ['$3\r\nab\r\n+', 'no CRLF after a bulk string'],
    ['$0\r\n\n\r', 'no CRLF after a bulk string'],
    ['=5\r\ntxt:a\rx', 'no CRLF after a bulk string'],
  ]
  for (const [input, error] of cases) {
    it(`ends with "${error}": ${JSON.stringify(input)}`, () => {
      const bytes = latin1(`+OK\r\n${input}`)
      assert.deepEqual(read([bytes]), { frames: ['+OK\r\n'], error })
      for (let at = 1; at < bytes.length; at++) {
        assert.deepEqual(read(cut(bytes, [at])), { frames: ['+OK\r\n'], error })
      }
    })
  }

  it('stays broken, whatever comes', () => {
    for (const input of ['x', '*2\r\n:1\r\nx', '$1\r\nabc']) {
      const reader = new ReplyReader()
      const { error } = read(pieces(latin1(input), 1), reader)
      assert.notEqual(error, '')
      assert.equal(reader.next(), BROKEN)
      feed(reader, latin1('+OK\r\n+OK\r\n'))
      assert.equal(reader.next(), BROKEN)
      assert.equal(reader.error, error)
    }
  })

  it('is one that grows beyond the limit', () => {
    const reader = new ReplyReader({ maxReplyLength: MIB })
    const chunk = Buffer.alloc(64 * KIB, 'x')
    feed(reader, latin1('$1048576\r\n'))
    let fed = 0
    while (reader.next() === MORE && fed < 2 * MIB) {
      feed(reader, chunk)
      fed += chunk.length
    }
    assert.equal(reader.next(), BROKEN)
    assert.equal(reader.error, 'a reply beyond every limit')
    assert.equal(fed, MIB)
  })
})

describe('an unfinished reply', () => {
  it('is waited for', () => {
    for (const start of [
      '+',
      '+OK',
      '+OK\r',
      '$',
      '$3',
      '$3\r\nab',
      '$3\r\nabc\r',
      '*2\r\n:1\r\n',
    ]) {
      assert.deepEqual(readText(start), { frames: [], error: '' })
    }
    assert.deepEqual(readText('|1\r\n+a\r\n+b\r\n'), { frames: [], error: '' })
    assert.deepEqual(readText('%1\r\n+a\r\n'), { frames: [], error: '' })
  })

  it('is counted byte by byte, and not once it is whole', () => {
    const reader = new ReplyReader()
    const bytes = latin1('*2\r\n$3\r\nfoo\r\n+OK\r\n')
    for (const [i, chunk] of pieces(bytes, 1).entries()) {
      feed(reader, chunk)
      assert.equal(reader.next(), i + 1 === bytes.length ? FRAME : MORE)
      assert.equal(reader.pendingBytes, (i + 1) % bytes.length)
    }
    feed(reader, latin1('+OK\r\n$100\r\nabc'))
    assert.deepEqual([reader.next(), reader.next()], [FRAME, MORE])
    assert.equal(reader.pendingBytes, 9)
  })

  it('that is only announced makes nothing', () => {
    const allocate = mock.method(Buffer, 'allocUnsafeSlow')
    try {
      for (const header of ['$536870912\r\n', '*999999999999999\r\n', '%999999999999999\r\n']) {
        const reader = new ReplyReader()
        assert.deepEqual(read([...pieces(latin1(header), 3), latin1('+a\r\n')], reader).error, '')
        assert.equal(reader.pendingBytes, header.length + 4)
      }
      const sizes = allocate.mock.calls.map((call) => call.arguments[0])
      assert.ok(Math.max(...sizes) <= 64 * KIB, `made ${sizes}`)
    } finally {
      allocate.mock.restore()
    }
  })
})

/** Bytes copied by `run`, and the largest buffer that it made. */
function measure(run: () => void): { copied: number; largest: number } {
  const cost = { copied: 0, largest: 0 }
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
  try {
    run()
  } finally {
    mock.restoreAll()
  }
  return cost
}

describe('a huge reply', () => {
  function check(text: string, size: number): void {
    const bytes = latin1(text)
    const chunks = pieces(bytes, size)
    const reader = new ReplyReader()
    const cost = measure(() => {
      for (const chunk of chunks) {
        assert.equal(reader.next(), MORE)
        feed(reader, chunk)
      }
    })
    assert.equal(reader.next(), FRAME)
    assert.ok(bytes.equals(reader.buffer.subarray(reader.start, reader.end)))
    assert.ok(cost.copied <= 6 * bytes.length, `copied ${cost.copied} of ${bytes.length}`)
    assert.ok(cost.largest <= 2.5 * bytes.length, `made ${cost.largest} for ${bytes.length}`)
  }

  it('of one value is copied a bounded number of times', () => {
    check(`$${32 * MIB}\r\n${'x'.repeat(32 * MIB)}\r\n`, 64 * KIB)
  })

  it('of 300 values of 100 KB likewise', () => {
    check(`*300\r\n${`$100000\r\n${'x'.repeat(100_000)}\r\n`.repeat(300)}`, 64 * KIB)
  })

  it('of a million items likewise', () => {
    check(`*1000000\r\n${':12345\r\n'.repeat(1_000_000)}`, 64 * KIB)
  })

  it('in chunks of one byte likewise', () => {
    check(`*3000\r\n${'$5\r\nhello\r\n'.repeat(3000)}`, 1)
  })

  it('of nothing but 100,000 levels is a frame, and comes in pieces like any other', () => {
    const open = '*1\r\n'.repeat(100_000)
    check(`${open}*0\r\n`, 64 * KIB)
    check(`${open}|1\r\n+a\r\n+b\r\n%1\r\n:1\r\n:2\r\n`, 1009)
  })

  it('of one line is as good as any: a script can return it', () => {
    const line = `-ERR ${'x'.repeat(4 * MIB)}\r\n`
    check(line, 64 * KIB)
    assert.deepEqual(readText(`${line}+OK\r\n`).frames, [line, '+OK\r\n'])
  })

  it('of one line is looked through once, and not again for each piece', () => {
    const line = latin1(`+${'x'.repeat(MIB)}\r\n`)
    const reader = new ReplyReader()
    const started = process.cpuUsage()
    for (const chunk of pieces(line, 16)) {
      feed(reader, chunk)
      reader.next()
    }
    // 65,536 pieces: looking from the start each time would be 34 billion steps, minutes on any machine.
    assert.ok(process.cpuUsage(started).user < 10_000_000)
    assert.equal(reader.end, line.length)
  })

  it('is not kept once it is given up, and its end is told', () => {
    const item = `$1000\r\n${'x'.repeat(1000)}\r\n`
    const reader = new ReplyReader()
    let most = 0
    let dropped = 0
    for (const chunk of pieces(latin1(`*4096\r\n${item.repeat(4096)}+OK\r\n`), 64 * KIB)) {
      feed(reader, chunk, () => {
        for (let found = reader.next(); found !== MORE; found = reader.next()) {
          if (found === DROPPED) dropped++
          else assert.equal(reader.buffer.toString('latin1', reader.start, reader.end), '+OK\r\n')
        }
        most = Math.max(most, reader.pendingBytes)
        if (dropped === 0 && reader.pendingBytes > 256 * KIB) reader.drop()
      })
    }
    assert.equal(dropped, 1)
    assert.ok(most < 512 * KIB, `${most} bytes were kept`)
  })

  it('is not kept once it is taken', () => {
    const reader = new ReplyReader()
    read(pieces(latin1(`$${MIB}\r\n${'x'.repeat(MIB)}\r\n`), 64 * KIB), reader)
    assert.equal(reader.buffer.length, 0)
    assert.equal(reader.pendingBytes, 0)
  })
})
