import { READS, WRITES } from '../../command/key-access.ts'
import { Glob } from '../commands/glob.ts'

interface Pattern {
  readonly bytes: Buffer
  /** What it allows, as bits of `READS` and `WRITES`. */
  readonly access: number
  /** What comes before a star at the end, where that is all there is; most patterns are so. */
  readonly prefix: Buffer | undefined
  readonly glob: Glob
}

const STAR = 42

function patternOf(word: string): Pattern {
  const [, access, text] = /^(?:%([rw]{1,2}))?[~&](.*)$/is.exec(word) ?? [word, undefined, '*']
  const bits =
    access === undefined
      ? READS | WRITES
      : (/r/i.test(access) ? READS : 0) | (/w/i.test(access) ? WRITES : 0)
  const bytes = Buffer.from(text!)
  const plain = bytes.at(-1) === STAR && !/[\\*?[]/.test(text!.slice(0, -1))
  return {
    bytes,
    access: bits,
    prefix: plain ? bytes.subarray(0, -1) : undefined,
    glob: new Glob(bytes),
  }
}

/** Patterns of keys or channels that a user may use. */
export class Patterns {
  /** Whether everything is allowed. */
  readonly all: boolean
  /** As ACL LIST tells them. */
  readonly words: readonly string[]
  readonly #patterns: readonly Pattern[]

  /** Words such as `~app:*`, `%R~app:*`, `&news.*`, `allkeys`. */
  constructor(words: readonly string[]) {
    this.#patterns = words.map(patternOf)
    this.all = this.#patterns.some(
      ({ bytes, access }) => access === (READS | WRITES) && bytes.length === 1 && bytes[0] === STAR
    )
    this.words = words.map((word) =>
      word.replace(/^allkeys$/i, '~*').replace(/^allchannels$/i, '&*')
    )
  }

  /** Whether `bytes[start..end)` may be used so. */
  allow(bytes: Buffer, start: number, end: number, access: number): boolean {
    for (const pattern of this.#patterns) {
      if ((pattern.access & access) !== access) continue
      const { prefix, glob } = pattern
      if (prefix === undefined) {
        if (glob.matches(bytes, start, end)) return true
      } else if (
        end - start >= prefix.length &&
        prefix.compare(bytes, start, start + prefix.length) === 0
      ) {
        return true
      }
    }
    return this.all
  }

  /** Whether a pattern is among them as it stands. */
  has(pattern: Buffer): boolean {
    return this.all || this.#patterns.some(({ bytes }) => bytes.equals(pattern))
  }
}
