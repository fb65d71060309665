import type { ReplyValue } from '../../resp/encode.ts'
import { matchesGlob } from '../glob.ts'
import { formatDouble, position } from '../numbers.ts'
import { refuse, TEXTS } from '../refusal.ts'
import { bulk, bulks, type Call } from './call.ts'

interface ScanOptions {
  readonly pattern: string
  readonly count: number
  readonly type: string | undefined
}

/**
 * Elements are visited in the order of their hashes and the cursor is where to go on, so that whatever is there from
 * the beginning to the end of a scan is seen, however much else comes and goes.
 */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** A cursor as `strtoul` reads it: a minus sign wraps around. */
function cursorOf(text: string): number {
  const size = /^[+-]?\d{1,20}$/.test(text) ? BigInt(text.replace(/^[+-]/, '')) : WORD
  if (size >= WORD) refuse('ERR invalid cursor')
  return Number(text.startsWith('-') && size > 0n ? WORD - size : size)
}

const WORD = 2n ** 64n

function optionsOf(words: readonly string[], typed: boolean): ScanOptions {
  const options = { pattern: '*', count: 10, type: undefined as string | undefined }
  for (let i = 0; i < words.length; i += 2) {
    const [name, value] = [words[i]!.toLowerCase(), words[i + 1] ?? refuse(TEXTS.syntax)]
    if (name === 'count') options.count = position(value)
    else if (name === 'match') options.pattern = value
    else if (name === 'type' && typed) options.type = value.toLowerCase()
    else refuse(TEXTS.syntax)
    if (options.count < 1) refuse(TEXTS.syntax)
  }
  return options
}

/** The names of the next page, and the cursor behind it: 0 at the end. */
function page(
  names: readonly string[],
  cursor: number,
  size: number
): { names: string[]; next: number } {
  const rest = names
    .map((name) => ({ name, hash: hashOf(name) + 1 }))
    .filter(({ hash }) => hash >= cursor)
    .sort((a, b) => a.hash - b.hash)
  const last = rest[Math.min(size, rest.length) - 1]
  const taken = rest.filter(({ hash }) => last !== undefined && hash <= last.hash)
  const next = taken.length < rest.length ? rest[taken.length]!.hash : 0
  return { names: taken.map(({ name }) => name), next }
}

/** SCAN. */
export function scan({ args, data }: Call): ReplyValue {
  const cursor = cursorOf(args[1]!)
  const { pattern, count, type } = optionsOf(args.slice(2), true)
  const found = page(data.keys(), cursor, count)
  const kept = found.names.filter(
    (key) => matchesGlob(pattern, key) && (type === undefined || data.get(key)?.type === type)
  )
  return [String(found.next), bulks(kept)]
}

/** HSCAN, SSCAN and ZSCAN: small collections come whole, as in the server. */
export function scanCollection(type: 'hash' | 'set' | 'zset') {
  return ({ args, data }: Call): ReplyValue => {
    const cursor = cursorOf(args[2]!)
    const value = data.typed(args[1]!, type)
    if (value === undefined) return ['0', []]
    const { pattern, count } = optionsOf(args.slice(3), false)
    const names =
      value.type === 'hash'
        ? [...value.fields.keys()]
        : value.type === 'set'
          ? [...value.members]
          : value.members.sorted().map(([member]) => member)
    const found = value.large ? page(names, cursor, count) : { names, next: 0 }
    const kept = found.names.filter((name) => matchesGlob(pattern, name))
    const pairs = kept.flatMap((name) => {
      if (value.type === 'hash') return [name, value.fields.get(name)!]
      return value.type === 'set' ? [name] : [name, formatDouble(value.members.score(name)!)]
    })
    return [bulk(String(found.next)), bulks(pairs)]
  }
}
