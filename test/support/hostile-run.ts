import { once } from 'node:events'
import { type AddressInfo, createConnection, type Server } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { argumentsOf, REQUEST, RequestReader } from '../../lib/resp/request-reader.ts'
import { Dice } from './dice.ts'
import { hostileStream, inChunks } from './hostile-stream.ts'
import { connect } from './raw-client.ts'
import { encodeCommand, frameEnd } from './resp-frame.ts'

/** How to attack a proxy. */
export interface HostileOptions {
  readonly seed: number
  /** Malformed requests that the proxy is to read, at the least. */
  readonly requests: number
  /** The proxy; it listens on a port. */
  readonly proxy: Server
  /** Told the totals now and then. */
  readonly onProgress?: (totals: HostileTotals) => void
}

/** What happened in a run. */
export interface HostileTotals {
  connections: number
  /** Malformed requests that the proxy read, whether they ended their connection or not. */
  malformed: number
  /** Requests answered, the malformed ones among them that could be. */
  replies: number
  /** Of those, with an error. */
  errorReplies: number
  /** Connections ended by a protocol error. */
  protocolErrors: number
  /** Connections closed without a word, as an HTTP request is. */
  closed: number
  /** Values that well-behaved clients wrote and read back meanwhile. */
  readBack: number
}

const PARALLEL = 32
/** Every so many connections one goes over TCP; the others are streams in memory, as a host application may hand over. */
const TCP_EVERY = 16
const LIMIT_MS = 20_000
const SECRET = 'SECRET'
const TAG = /tag-[0-9a-f]{16}/g

/**
 * Sends random malformed pipelines on ever new connections, and throws at the first sign of a crash, a hang, a wrong number of
 * replies, a wrong reply where the right one is known, or data of somebody else. Well-behaved clients run beside.
 */
export async function attack(options: HostileOptions): Promise<HostileTotals> {
  const totals: HostileTotals = {
    connections: 0,
    malformed: 0,
    replies: 0,
    errorReplies: 0,
    protocolErrors: 0,
    closed: 0,
    readBack: 0,
  }
  const over = new AbortController()
  const goOn = (): boolean => totals.malformed < options.requests && !over.signal.aborted
  const attacker = async (): Promise<void> => {
    while (goOn()) {
      const number = totals.connections++
      await assault(options, number, totals)
      if (number % 20_000 === 0) options.onProgress?.(totals)
    }
  }
  const guests = [0, 1].map((number) => behave(options, number, totals, over.signal))
  // When one of them fails, the attackers must not go on for minutes.
  for (const guest of guests) guest.catch(() => over.abort())
  try {
    await Promise.all(Array.from({ length: PARALLEL }, attacker))
  } finally {
    over.abort()
    await Promise.allSettled(guests)
  }
  await Promise.all(guests)
  return totals
}

function open(proxy: Server, number: number): Duplex {
  if (number % TCP_EVERY === 0) {
    return createConnection((proxy.address() as AddressInfo).port, '127.0.0.1')
  }
  const [ours, theirs] = duplexPair()
  // What a socket does by itself: the end of one side is the end of the other.
  theirs.on('close', () => ours.destroy())
  proxy.emit('connection', theirs)
  return ours
}

/** A client that writes values under keys that nobody else knows, and must always read its own. */
async function behave(
  { seed, proxy }: HostileOptions,
  number: number,
  totals: HostileTotals,
  over: AbortSignal
): Promise<void> {
  const client = await connect(open(proxy, number))
  const dice = new Dice(seed ^ (0x5eed + number))
  while (!over.aborted) {
    const keys = Array.from({ length: 4 }, () => `own-${number}-${dice.below(2 ** 32)}`)
    const round = totals.readBack
    const secretOf = (key: string): string => `${SECRET} ${key}=${round}`
    const writes = keys.map((key) => ['SET', key, secretOf(key), 'PX', 60_000])
    const replies = await client.pipeline([...writes, ...keys.map((key) => ['GET', key])])
    for (const [i, key] of keys.entries()) {
      const value = secretOf(key)
      const expected = `+OK\r\n$${value.length}\r\n${value}\r\n`
      const got = `${replies[i]}${replies[4 + i]}`
      if (got !== expected) throw new Error(`a well-behaved client got ${JSON.stringify(got)}`)
    }
    totals.readBack += keys.length
  }
  await client.end()
}

/** One hostile connection, and a peaceful one after it to see whether the proxy still lives. */
async function assault(
  options: HostileOptions,
  number: number,
  totals: HostileTotals
): Promise<void> {
  const dice = new Dice(Math.imul(options.seed, 0x9e3779b1) + number)
  const hex = (): string =>
    dice
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0')
  const tag = `tag-${hex()}${hex()}`
  const { bytes, malformedAt } = hostileStream(dice, tag)
  const expected = judge(bytes)
  let said: Buffer = Buffer.alloc(0)
  try {
    said = await exchange(open(options.proxy, number), inChunks(dice, bytes))
    check(said, expected, { tag, text: bytes.toString('latin1') }, totals)
    totals.malformed += malformedAt.filter((at) => at < expected.end).length
    const marker = encodeCommand(['PING', tag])
    const answer = String(await exchange(open(options.proxy, number), [marker]))
    if (answer !== `$${tag.length}\r\n${tag}\r\n`) {
      throw new Error(`afterwards a fresh connection got ${JSON.stringify(answer)}`)
    }
  } catch (error) {
    const show = (shown: Buffer): string => JSON.stringify(shown.toString('latin1').slice(0, 4000))
    const what = `connection ${number} of seed ${options.seed}: ${(error as Error).message}`
    throw new Error(`${what}\n sent ${show(bytes)}\n got ${show(said)}`, { cause: error })
  }
}

interface Judgement {
  readonly requests: readonly string[][]
  readonly error: string
  /** Where reading stopped. */
  readonly end: number
}

/**
 * How the stream is to be understood: by the reader, which is compared with a real server elsewhere. Behind a QUIT nothing is
 * read, of a request that is not whole nothing but its beginning.
 */
function judge(bytes: Buffer): Judgement {
  const reader = new RequestReader()
  const requests: string[][] = []
  reader.feed(bytes)
  while (reader.next() === REQUEST) {
    const words = argumentsOf(reader.request).map((word) => word.toString('latin1'))
    requests.push(words)
    if (words[0]?.toLowerCase() === 'quit') break
  }
  return { requests, error: reader.error, end: bytes.length - reader.pendingBytes + 1 }
}

/** Sends chunks and half-closes; gives what came back until the end, which must come. */
async function exchange(stream: Duplex, chunks: readonly Buffer[]): Promise<Buffer> {
  const received: Buffer[] = []
  stream.on('data', (chunk: Buffer) => received.push(chunk))
  // A connection that is closed with bytes unread is reset.
  stream.on('error', () => {})
  const limit = AbortSignal.timeout(LIMIT_MS)
  const ended = Promise.race([
    once(stream, 'end', { signal: limit }),
    once(stream, 'close', { signal: limit }),
  ])
  for (const chunk of chunks) stream.write(chunk)
  stream.end()
  try {
    await ended
  } catch {
    throw new Error('it hangs')
  } finally {
    stream.destroy()
  }
  return Buffer.concat(received)
}

/** The proxy closes without a reply on what a browser sends, and may then drop replies to what came before. */
const isHttp = ([name]: string[]): boolean => /^(post|host:)$/i.test(name ?? '')

interface Sent {
  readonly tag: string
  readonly text: string
}

function check(said: Buffer, expected: Judgement, sent: Sent, totals: HostileTotals): void {
  const { requests, error } = expected
  const replies = frames(said)
  const cut = requests.findIndex(isHttp)
  const awaited = requests.length + (error === '' ? 0 : 1)
  if (cut >= 0 ? replies.length > cut : replies.length !== awaited) {
    throw new Error(`${replies.length} replies to ${awaited} requests`)
  }
  if (cut >= 0) totals.closed++
  for (const [i, reply] of replies.entries()) {
    const words = requests[i]
    if (words === undefined) {
      const text = error.replace(/[\r\n]/g, ' ')
      if (reply !== `-ERR Protocol error: ${text}\r\n`) throw new Error(`expected error ${error}`)
      totals.protocolErrors++
    } else {
      checkReply(reply, words, sent)
      totals.replies++
      if (reply[0] === '-') totals.errorReplies++
    }
  }
}

function frames(said: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at < said.length; ) {
    const end = frameEnd(said, at)
    if (end < 0) throw new Error('the last reply is not whole')
    found.push(said.toString('latin1', at, end))
    at = end
  }
  return found
}

function checkReply(reply: string, words: string[], { tag, text }: Sent): void {
  const echo = /^(echo|ping)$/i.test(words[0] ?? '') && words.length === 2 ? words[1] : undefined
  if (echo !== undefined && reply !== `$${echo.length}\r\n${echo}\r\n`) {
    throw new Error(`the reply to ECHO ${JSON.stringify(echo)} is ${JSON.stringify(reply)}`)
  }
  if (reply.includes(SECRET)) throw new Error('it got the secret of a well-behaved client')
  if (!words.some((word) => word.includes(tag))) return
  // Damage can make the tag of the connection into another, but then that was sent, too.
  const foreign = reply.match(TAG)?.find((found) => found !== tag && !text.includes(found))
  if (foreign !== undefined) throw new Error(`it got data of ${foreign}`)
}
