/**
 * What nobody should send to a server, made by chance from a seed.
 *
 * @module
 */

import { encodeCommand } from './resp-frame.ts'

/** Numbers by chance that are the same for the same seed (mulberry32). */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0, below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  /** True in `percent` of a hundred cases. */
  happens(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item
  }
}

/** A stream for one connection. */
export interface HostileStream {
  readonly bytes: Buffer
  /** Where each malformed request in it begins. */
  readonly malformedAt: readonly number[]
}

/** A request as its bytes, one character per byte. */
type Piece = string

type Maker = (chance: Chance, tag: string) => Piece

const command = (...words: (string | number)[]): Piece =>
  encodeCommand(words.map((word) => Buffer.from(String(word), 'latin1'))).toString('latin1')

/** Requests that are right. Every key, value and echo holds the tag of the connection. */
const VALID: readonly Maker[] = [
  (chance, tag) => command('ECHO', `${tag}-${chance.below(1e6)}`),
  (chance, tag) => command('ECHO', `${tag}\r\n$3\r\nGET\r\n${'x'.repeat(chance.below(300))}`),
  (chance, tag) => command('PING', `${tag}-${chance.below(1e6)}`),
  (chance, tag) => `ECHO ${tag}-${chance.below(1e6)}\r\n`,
  (chance, tag) => `echo "${tag} \\x00\\r\\n${chance.below(1e6)}"\n`,
  (chance, tag) =>
    command('SET', `{${tag}}${chance.below(3)}`, `${tag}${'v'.repeat(chance.below(99))}`),
  (chance, tag) => command('GET', `{${tag}}${chance.below(3)}`),
  (chance, tag) => command('GET', `${tag}${chance.below(3)}`),
  (_, tag) => `GET {${tag}}0\r\n`,
  (_, tag) => command('MGET', `{${tag}}0`, `{${tag}}1`, `{${tag}}2`),
  (chance, tag) => command('INCR', `{${tag}}${chance.below(5)}`),
  (_, tag) => command('RPUSH', `{${tag}}list`, tag, '', '\r\n'),
  (_, tag) => command('LRANGE', `{${tag}}list`, 0, -1),
  (_, tag) => command('HSET', `{${tag}}hash`, 'field', tag),
  (_, tag) => command('HGETALL', `{${tag}}hash`),
  (_, tag) => command('DEL', `{${tag}}0`, `{${tag}}list`),
  () => command('HELLO', 3),
  () => command('HELLO', 2),
  () => command('CLIENT', 'ID'),
]

/** Requests that are whole, and wrong in what they say: each is answered, most often with an error. */
const SENSELESS: readonly Maker[] = [
  (chance, tag) => command(chance.pick(NAMES), ...manyWords(chance, tag)),
  (chance, tag) => command(chance.pick(NAMES), tag, ...manyWords(chance, tag)),
  (chance, tag) => command(chance.pick(NAMES).toLowerCase(), ...manyWords(chance, tag)),
  (chance, tag) => `${chance.pick(NAMES)} ${manyWords(chance, tag).filter(isPlain).join(' ')}\r\n`,
  (chance, tag) => command('', tag, ...manyWords(chance, tag)),
  (chance, tag) => command(`\0${tag}`, ...manyWords(chance, tag)),
  (chance, tag) => command(tag.repeat(1 + chance.below(20)), ...manyWords(chance, tag)),
  (chance, tag) => command('EVAL', 'return 1', chance.pick(NUMBERS), ...manyWords(chance, tag)),
  (chance, tag) => command('GET', 'x'.repeat(chance.below(20_000)), tag),
]

const NAMES: readonly string[] = (
  'GET SET SETEX GETRANGE MGET MSET DEL EXISTS TYPE TTL INCRBY APPEND BITOP BITFIELD LPUSH LMPOP LINSERT ' +
  'HSET HRANDFIELD SADD SINTER SINTERCARD SINTERSTORE ZADD ZRANGE ZRANGESTORE ZUNION ZUNIONSTORE ZMPOP ' +
  'XADD XREAD XREADGROUP XINFO XGROUP SORT GEOADD GEOSEARCH GEORADIUS PFCOUNT PFMERGE EVAL EVALSHA FCALL ' +
  'OBJECT MEMORY DUMP RESTORE COPY RENAME MIGRATE SCAN HSCAN EXPIRE ECHO PING HELLO AUTH SELECT COMMAND ' +
  'CLUSTER INFO TIME LATENCY READONLY ASKING RESET EXEC DISCARD UNWATCH NOSUCHCOMMAND'
).split(' ')

const NUMBERS = ['0', '-1', '1', '2', '3', '007', '1e3', 'nan', '4294967296', '9223372036854775808']
const WORDS = [
  '',
  ' ',
  '\0',
  '\r\n',
  '*',
  '$',
  'KEYS',
  'STREAMS',
  'STORE',
  'COUNT',
  'LIMIT',
  'BY',
  'GETKEYS',
]

const isPlain = (word: string): boolean => /^[\w-]+$/.test(word)

function manyWords(chance: Chance, tag: string): string[] {
  return Array.from({ length: chance.below(6) }, () => {
    const kind = chance.below(4)
    if (kind === 0) return chance.pick(NUMBERS)
    if (kind === 1) return chance.pick(WORDS)
    return kind === 2 ? `{${tag}}${chance.below(3)}` : `${tag}${chance.below(3)}`
  })
}

/** What belongs elsewhere, or nowhere. */
const FOREIGN: readonly Piece[] = [
  '+OK\r\n',
  '-ERR\r\n',
  ':1\r\n',
  '$3\r\nfoo\r\n',
  '%1\r\n+a\r\n+b\r\n',
  '>1\r\n+a\r\n',
  '*1\r\n*1\r\n$4\r\nPING\r\n',
  '*2\r\n$3\r\nGET\r\n:1\r\n',
  '*3\r\n$3\r\nGET\r\n\r\n',
  '*0\r\n',
  '*-1\r\n',
  '*-9\r\n',
  '\r\n\r\n\n',
  'GET / HTTP/1.1\r\nAccept: *\r\n\r\n',
  'POST / HTTP/1.1\r\nContent-Length: 13\r\n\r\nFLUSHALL\r\n',
  'Host: 127.0.0.1\r\n',
  'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  '\r\n\r\n\0\r\nQ\x55\x49T\n\x21\x11\x00\x24',
  '*1\r\n$536870912\r\n',
  '*2147483647\r\n$3\r\nDEL\r\n',
  'SET k "unbalanced\r\n',
]

const LENGTHS = [
  '',
  '-1',
  '-2',
  '+1',
  '01',
  ' 1',
  '1 ',
  '1\0',
  '0x1',
  '1.0',
  '0',
  '2',
  '7',
  '99',
  '536870913',
]
const LARGE = [
  '2147483648',
  '4294967297',
  '9223372036854775808',
  '18446744073709551617',
  '9'.repeat(400),
]
const ENDINGS = ['', '\n', '\r', '\n\r', '\r\r\n', '\r\n\r\n', '\r\0', 'xx']
const JUNK = [
  '*',
  '$',
  '\r',
  '\n',
  '\r\n',
  '\0',
  '"',
  "'",
  '\\',
  ' ',
  '-',
  '0',
  '9',
  '\xff',
  '*1\r\n',
  '$1\r\n',
]

type Damage = (piece: Piece, chance: Chance) => Piece

function replaceOne(
  piece: Piece,
  what: RegExp,
  chance: Chance,
  by: (found: string) => string
): Piece {
  const places = [...piece.matchAll(what)]
  if (places.length === 0) return piece + chance.pick(JUNK)
  const place = chance.pick(places)
  const end = place.index + place[0].length
  return piece.slice(0, place.index) + by(place[0]) + piece.slice(end)
}

function splice(piece: Piece, at: number, removed: number, added: string): Piece {
  return piece.slice(0, at) + added + piece.slice(at + removed)
}

const DAMAGES: readonly Damage[] = [
  (piece, chance) =>
    splice(piece, chance.below(piece.length), 1, String.fromCharCode(chance.below(256))),
  (piece, chance) => splice(piece, chance.below(piece.length), 1, chance.pick(JUNK)),
  (piece, chance) => splice(piece, chance.below(piece.length + 1), 0, chance.pick(JUNK)),
  (piece, chance) => splice(piece, chance.below(piece.length), 1 + chance.below(4), ''),
  (piece, chance) => piece.slice(0, chance.below(piece.length)),
  (piece, chance) => piece.slice(chance.below(piece.length)),
  (piece, chance) => {
    const at = chance.below(piece.length)
    return splice(piece, at, 0, piece.slice(at, at + 1 + chance.below(20)))
  },
  (piece, chance) =>
    replaceOne(piece, /[*$]\d+/g, chance, (found) => found[0] + chance.pick(LENGTHS)),
  (piece, chance) =>
    replaceOne(piece, /[*$]\d+/g, chance, (found) => found[0] + chance.pick(LARGE)),
  (piece, chance) => replaceOne(piece, /\r?\n/g, chance, () => chance.pick(ENDINGS)),
]

function malformed(chance: Chance, tag: string): Piece {
  const kind = chance.below(10)
  if (kind < 4) return chance.pick(SENSELESS)(chance, tag)
  if (kind < 6) return chance.pick(FOREIGN)
  if (kind < 7) {
    const length = 1 + chance.below(60)
    return Array.from({ length }, () => String.fromCharCode(chance.below(256))).join('')
  }
  let piece = chance.pick(VALID)(chance, tag)
  for (let times = chance.below(3); times >= 0 && piece !== ''; times--) {
    piece = chance.pick(DAMAGES)(piece, chance)
  }
  return piece
}

/** A pipeline of one to twelve requests, about half of them malformed, all of the text in it marked with `tag`. */
export function hostileStream(chance: Chance, tag: string): HostileStream {
  const pieces: Piece[] = []
  const malformedAt: number[] = []
  let length = 0
  for (let left = chance.below(12); left >= 0; left--) {
    const wrong = chance.happens(50)
    const piece = wrong ? malformed(chance, tag) : chance.pick(VALID)(chance, tag)
    if (wrong) malformedAt.push(length)
    pieces.push(piece)
    length += piece.length
  }
  return { bytes: Buffer.from(pieces.join(''), 'latin1'), malformedAt }
}

/** The bytes in one to many chunks. */
export function inChunks(chance: Chance, bytes: Buffer): Buffer[] {
  const most = chance.pick([bytes.length, bytes.length, 50, 50, bytes.length > 100 ? 20 : 1])
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + (most === bytes.length ? most : 1 + chance.below(most))
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}
