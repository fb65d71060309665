/**
 * Users as redis.conf writes them.
 *
 * @module
 */
import { ProxyError } from './errors.ts'
import type { ProxyUser } from './settings.ts'

/** Says what is wrong with which user, and never a password. */
export function refused(name: string, complaint: string): ProxyError {
  return new ProxyError('INVALID_OPTION', `option 'users': user '${name}': ${complaint}`)
}

/** Whether a word is a pattern of keys: `~pattern`, `%R~pattern`, `%W~pattern`, `%RW~pattern`. */
export function isKeyPattern(word: string): boolean {
  return /^(?:%(?:r|w|rw|wr))?~/i.test(word) || word.toLowerCase() === 'allkeys'
}

/** Whether a word is a pattern of channels, `&pattern`. */
export function isChannelPattern(word: string): boolean {
  return word.startsWith('&') || word.toLowerCase() === 'allchannels'
}

/** What the words of one user have come to so far. */
interface Draft {
  enabled: boolean
  nopass: boolean
  passwords: string[]
  hashes: string[]
  commands: string[]
  keys: string[]
  channels: string[]
}

function fresh(): Draft {
  return {
    enabled: false,
    nopass: false,
    passwords: [],
    hashes: [],
    commands: [],
    keys: [],
    channels: [],
  }
}

/** Words that stand for themselves. */
const PLAIN: Readonly<Record<string, (draft: Draft) => Partial<Draft>>> = {
  on: () => ({ enabled: true }),
  off: () => ({ enabled: false }),
  nopass: () => ({ nopass: true, passwords: [], hashes: [] }),
  resetpass: () => ({ nopass: false, passwords: [], hashes: [] }),
  resetkeys: () => ({ keys: [] }),
  resetchannels: () => ({ channels: [] }),
  allcommands: ({ commands }) => ({ commands: [...commands, '+@all'] }),
  nocommands: ({ commands }) => ({ commands: [...commands, '-@all'] }),
  reset: fresh,
  // Redis writes them itself. What RESTORE looks at is up to the nodes, and selectors there are none.
  'sanitize-payload': () => ({}),
  'skip-sanitize-payload': () => ({}),
  clearselectors: () => ({}),
}

function take(draft: Draft, word: string): Draft | undefined {
  const plain = PLAIN[word.toLowerCase()]
  if (plain !== undefined) return { ...draft, ...plain(draft) }
  const rest = word.slice(1)
  if (word.startsWith('>'))
    return { ...draft, nopass: false, passwords: [...draft.passwords, rest] }
  if (word.startsWith('#')) return { ...draft, nopass: false, hashes: [...draft.hashes, rest] }
  if (/^[+-]/.test(word)) return { ...draft, commands: [...draft.commands, word] }
  if (isKeyPattern(word)) return { ...draft, keys: [...draft.keys, word] }
  return isChannelPattern(word) ? { ...draft, channels: [...draft.channels, word] } : undefined
}

/**
 * Reads a user as redis.conf writes it after the word `user`: `alice on >secret ~app:* +@read`. As there it can do nothing that no word allows.
 *
 * @throws {@link ProxyError} with code `INVALID_OPTION` that names the user and the place of the word, never a password.
 */
export function userOfWords(given: readonly string[]): ProxyUser {
  const [name = '', ...rest] = given
  // It may be a password, which must not be told.
  if (/^[>#~%&+-]/.test(name)) throw refused('?', 'its name must come first, before >password')
  let draft = fresh()
  for (const [index, word] of rest.entries()) {
    const next = take(draft, word)
    if (next === undefined) {
      if (word.startsWith('('))
        throw refused(name, `word ${index + 1}: selectors, in parentheses, are not provided`)
      throw refused(
        name,
        `word ${index + 1} is none of on, off, nopass, >password, #sha256, ~keys, %R~keys, %W~keys, &channels, +command, -command, +@category, -@category, allkeys, allchannels, allcommands, nocommands, resetpass, resetkeys, resetchannels, reset`
      )
    }
    draft = next
  }
  const { passwords, hashes, ...plain } = draft
  return { name, password: passwords, passwordSha256: hashes, ...plain }
}
