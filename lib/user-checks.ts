/**
 * Checks the option `users`.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { accessRule } from './command/access-rules.ts'
import { isRecord } from './option-checks.ts'
import type { ProxyUser, Rights } from './settings.ts'
import { isChannelPattern, isKeyPattern, refused, userOfWords } from './user-words.ts'

const RIGHTS: readonly Rights[] = ['read', 'write', 'admin']
const NAMES = [
  'name',
  'password',
  'passwordSha256',
  'nopass',
  'enabled',
  'rights',
  'commands',
  'keys',
  'channels',
]

/** A text or a list of texts, as a list; undefined when it is neither. */
function texts(value: unknown): readonly string[] | undefined {
  const list = typeof value === 'string' ? [value] : value
  if (!Array.isArray(list)) return undefined
  return list.every((each) => typeof each === 'string') ? list : undefined
}

function words(user: string, name: string, value: unknown): readonly string[] {
  const list = texts(value)
  if (list === undefined) throw refused(user, `'${name}' must be a text, or a list of texts`)
  return list.flatMap((text) => text.split(/\s+/)).filter((word) => word !== '')
}

function hashesOf(name: string, user: Readonly<Record<string, unknown>>): readonly string[] {
  const plain = texts(user.password ?? [])
  const hashed = texts(user.passwordSha256 ?? [])
  if (plain === undefined || plain.includes('')) {
    throw refused(name, "'password' must be a text that is not empty, or a list of such texts")
  }
  if (hashed?.every((each) => /^[0-9a-f]{64}$/i.test(each)) !== true) {
    throw refused(name, "'passwordSha256' must be 64 hexadecimal digits, or a list of such texts")
  }
  const digests = plain.map((each) => createHash('sha256').update(each).digest('hex'))
  return [...new Set([...digests, ...hashed.map((each) => each.toLowerCase())])]
}

function flagOf(name: string, option: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise
  if (typeof value === 'boolean') return value
  throw refused(name, `'${option}' must be true or false`)
}

function checkUser(item: unknown, index: number): ProxyUser {
  const given = typeof item === 'string' ? item.trim().split(/\s+/) : item
  if (Array.isArray(given) && texts(given) !== undefined)
    return checkFields(userOfWords(given), index)
  if (!isRecord(given)) throw refused(`#${index + 1}`, 'expected an object with a name, or a text')
  return checkFields(given, index)
}

function checkFields(fields: object, index: number): ProxyUser {
  const given = fields as Readonly<Record<string, unknown>>
  const { name, rights } = given
  if (typeof name !== 'string' || !/^[^\s\0]+$/.test(name)) {
    throw refused(`#${index + 1}`, "'name' must be a text without blanks")
  }
  const unknown = Object.keys(given).find((each) => !NAMES.includes(each))
  if (unknown !== undefined) {
    throw refused(name, `'${unknown}' is unknown, expected some of ${NAMES.join(', ')}`)
  }
  if (rights !== undefined && !RIGHTS.includes(rights as Rights)) {
    throw refused(name, `'rights' must be one of ${RIGHTS.join(', ')}`)
  }
  if (rights === undefined && given.commands === undefined) {
    throw refused(name, "it has neither 'rights' nor 'commands', and could do nothing")
  }
  const user: ProxyUser = {
    name,
    passwordSha256: hashesOf(name, given),
    nopass: flagOf(name, 'nopass', given.nopass, false),
    enabled: flagOf(name, 'enabled', given.enabled, true),
    ...(rights === undefined ? {} : { rights: rights as Rights }),
    commands: words(name, 'commands', given.commands ?? []),
    keys: words(name, 'keys', given.keys ?? '~*'),
    channels: words(name, 'channels', given.channels ?? '&*'),
  }
  checkWords(user)
  return user
}

function checkWords(user: ProxyUser): void {
  const { name, nopass, enabled, passwordSha256, commands, keys, channels } = user
  if (enabled && !nopass && passwordSha256!.length === 0) {
    throw refused(name, "nobody can be it: it has neither a password nor 'nopass'")
  }
  const command = (commands as readonly string[]).find((word) => accessRule(word) === undefined)
  if (command !== undefined) {
    throw refused(
      name,
      `'${command}' in 'commands': unknown command or category; expected words such as +@read, -keys or +config|get`
    )
  }
  const key = (keys as readonly string[]).find((word) => !isKeyPattern(word))
  if (key !== undefined) {
    throw refused(
      name,
      `'${key}' in 'keys': expected patterns such as ~app:*, %R~app:* or %W~app:*`
    )
  }
  const channel = (channels as readonly string[]).find((word) => !isChannelPattern(word))
  if (channel !== undefined) {
    throw refused(name, `'${channel}' in 'channels': expected patterns such as &news.*`)
  }
}

/**
 * Users as the proxy keeps them: passwords hashed, words one by one.
 *
 * @throws {@link ProxyError} with code `INVALID_OPTION` that names the user and the word.
 */
export function checkUsers(value: unknown): readonly ProxyUser[] | undefined {
  if (!Array.isArray(value)) return undefined
  const users = value.map(checkUser)
  const twice = users.find(({ name }, index) => users.findIndex((one) => one.name === name) < index)
  if (twice !== undefined) throw refused(twice.name, 'it is there twice')
  return users
}
