/**
 * What nobody should send to a server, made by chance from a seed.
 *
 * @module
 */

import type { Dice } from './dice.ts'
import { encodeCommand } from './resp-frame.ts'

/** A stream for one connection. */
export interface HostileStream {
  readonly bytes: Buffer
  /** Where each malformed request in it begins. */
  readonly malformedAt: readonly number[]
}

/** A request as its bytes, one character per byte. */
type Piece = string

type Maker = (dice: Dice, tag: string) => Piece

const command = (...words: (string | number)[]): Piece =>
  encodeCommand(words.map((word) => Buffer.from(String(word), 'latin1'))).toString('latin1')

/** Requests that are right. Every key, value and echo holds the tag of the connection. */
const VALID: readonly Maker[] = [
  (dice, tag) => command('ECHO', `${tag}-${dice.below(1e6)}`),
  (dice, tag) => command('ECHO', `${tag}\r\n$3\r\nGET\r\n${'x'.repeat(dice.below(300))}`),
  (dice, tag) => command('PING', `${tag}-${dice.below(1e6)}`),
  (dice, tag) => `ECHO ${tag}-${dice.below(1e6)}\r\n`,
  (dice, tag) => `echo "${tag} \\x00\\r\\n${dice.below(1e6)}"\n`,
  (dice, tag) => command('SET', `{${tag}}${dice.below(3)}`, `${tag}${'v'.repeat(dice.below(99))}`),
  (dice, tag) => command('GET', `{${tag}}${dice.below(3)}`),
  (dice, tag) => command('GET', `${tag}${dice.below(3)}`),
  (_, tag) => `GET {${tag}}0\r\n`,
  (_, tag) => command('MGET', `{${tag}}0`, `{${tag}}1`, `{${tag}}2`),
  (dice, tag) => command('INCR', `{${tag}}${dice.below(5)}`),
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
  (dice, tag) => command(dice.pick(NAMES), ...manyWords(dice, tag)),
  (dice, tag) => command(dice.pick(NAMES), tag, ...manyWords(dice, tag)),
  (dice, tag) => command(dice.pick(NAMES).toLowerCase(), ...manyWords(dice, tag)),
  (dice, tag) => `${dice.pick(NAMES)} ${manyWords(dice, tag).filter(isPlain).join(' ')}\r\n`,
  (dice, tag) => command('', tag, ...manyWords(dice, tag)),
  (dice, tag) => command(`\0${tag}`, ...manyWords(dice, tag)),
  (dice, tag) => command(tag.repeat(1 + dice.below(20)), ...manyWords(dice, tag)),
  (dice, tag) => command('EVAL', 'return 1', dice.pick(NUMBERS), ...manyWords(dice, tag)),
  (dice, tag) => command('GET', 'x'.repeat(dice.below(20_000)), tag),
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

function manyWords(dice: Dice, tag: string): string[] {
  return Array.from({ length: dice.below(6) }, () => {
    const kind = dice.below(4)
    if (kind === 0) return dice.pick(NUMBERS)
    if (kind === 1) return dice.pick(WORDS)
    return kind === 2 ? `{${tag}}${dice.below(3)}` : `${tag}${dice.below(3)}`
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

type Damage = (piece: Piece, dice: Dice) => Piece

function replaceOne(piece: Piece, what: RegExp, dice: Dice, by: (found: string) => string): Piece {
  const places = [...piece.matchAll(what)]
  if (places.length === 0) return piece + dice.pick(JUNK)
  const place = dice.pick(places)
  const end = place.index + place[0].length
  return piece.slice(0, place.index) + by(place[0]) + piece.slice(end)
}

function splice(piece: Piece, at: number, removed: number, added: string): Piece {
  return piece.slice(0, at) + added + piece.slice(at + removed)
}

const DAMAGES: readonly Damage[] = [
  (piece, dice) => splice(piece, dice.below(piece.length), 1, String.fromCharCode(dice.below(256))),
  (piece, dice) => splice(piece, dice.below(piece.length), 1, dice.pick(JUNK)),
  (piece, dice) => splice(piece, dice.below(piece.length + 1), 0, dice.pick(JUNK)),
  (piece, dice) => splice(piece, dice.below(piece.length), 1 + dice.below(4), ''),
  (piece, dice) => piece.slice(0, dice.below(piece.length)),
  (piece, dice) => piece.slice(dice.below(piece.length)),
  (piece, dice) => {
    const at = dice.below(piece.length)
    return splice(piece, at, 0, piece.slice(at, at + 1 + dice.below(20)))
  },
  (piece, dice) => replaceOne(piece, /[*$]\d+/g, dice, (found) => found[0] + dice.pick(LENGTHS)),
  (piece, dice) => replaceOne(piece, /[*$]\d+/g, dice, (found) => found[0] + dice.pick(LARGE)),
  (piece, dice) => replaceOne(piece, /\r?\n/g, dice, () => dice.pick(ENDINGS)),
]

function malformed(dice: Dice, tag: string): Piece {
  const kind = dice.below(10)
  if (kind < 4) return dice.pick(SENSELESS)(dice, tag)
  if (kind < 6) return dice.pick(FOREIGN)
  if (kind < 7) {
    const length = 1 + dice.below(60)
    return Array.from({ length }, () => String.fromCharCode(dice.below(256))).join('')
  }
  let piece = dice.pick(VALID)(dice, tag)
  for (let times = dice.below(3); times >= 0 && piece !== ''; times--) {
    piece = dice.pick(DAMAGES)(piece, dice)
  }
  return piece
}

/** A pipeline of one to twelve requests, about half of them malformed, all of the text in it marked with `tag`. */
export function hostileStream(dice: Dice, tag: string): HostileStream {
  const pieces: Piece[] = []
  const malformedAt: number[] = []
  let length = 0
  for (let left = dice.below(12); left >= 0; left--) {
    const wrong = dice.happens(50)
    const piece = wrong ? malformed(dice, tag) : dice.pick(VALID)(dice, tag)
    if (wrong) malformedAt.push(length)
    pieces.push(piece)
    length += piece.length
  }
  return { bytes: Buffer.from(pieces.join(''), 'latin1'), malformedAt }
}

/** The bytes in one to many chunks. */
export function inChunks(dice: Dice, bytes: Buffer): Buffer[] {
  const most = dice.pick([bytes.length, bytes.length, 50, 50, bytes.length > 100 ? 20 : 1])
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + (most === bytes.length ? most : 1 + dice.below(most))
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}
