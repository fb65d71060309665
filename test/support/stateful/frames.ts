/**
 * Frames that are known before they come, as text with one character for each byte.
 *
 * @module
 */

/** A version of RESP. */
export type Version = 2 | 3

/** A bulk string. */
export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

/** An array. */
export const array = (...items: string[]): string => `*${items.length}\r\n${items.join('')}`

/** A whole number. */
export const number = (value: number): string => `:${value}\r\n`

/** What a missing array is. */
export const noArray = (version: Version): string => (version === 3 ? '_\r\n' : '*-1\r\n')

/** What a missing text is. */
export const noText = (version: Version): string => (version === 3 ? '_\r\n' : '$-1\r\n')

/** The answer to one channel of SUBSCRIBE and its kin; null when there was none to leave. */
export function confirmation(
  version: Version,
  word: string,
  name: string | null,
  count: number
): string {
  const shown = name === null ? noText(version) : bulk(name)
  return `${version === 3 ? '>' : '*'}3\r\n${bulk(word)}${shown}${number(count)}`
}

export const OK = '+OK\r\n'
export const QUEUED = '+QUEUED\r\n'
export const ANY_NUMBER = /^:\d+\r\n$/
/** A bulk string, or none. */
export const ANY_TEXT = /^(?:\$-1|_|\$\d+\r\n.*)\r\n$/
export const ABORTED = '-EXECABORT Transaction discarded because of previous errors.\r\n'
export const NOT_IN_MULTI = '-ERR Command not allowed inside a transaction\r\n'
