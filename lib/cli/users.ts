/**
 * How users are written in a configuration: in the words of redis.conf or, in YAML, by the names that the library has.
 *
 * @module
 */

import type { OptionSchema } from '../index.ts'
import { type Fields, type Kind, SWITCH, type Written } from './kinds.ts'
import { plainName, wordsOf } from './words.ts'

/** A user's names and values, or its words. */
type User = Readonly<Record<string, unknown>> | readonly string[]

/** Users, each a line of words or names with values; `properties` are the names that the library has. What it all means is up to the library. */
export function usersKind({ items }: OptionSchema): Kind {
  const properties = items?.oneOf?.find(({ type }) => type === 'object')?.properties ?? {}
  const names = new Map(Object.keys(properties).map((name) => [plainName(name), name]))
  const field = (written: string, value: Fields[string]): readonly [string, unknown] => {
    const name = names.get(plainName(written)) ?? written
    const isSwitch = properties[name]?.type === 'boolean'
    return [name, isSwitch ? (SWITCH.read(value) ?? value) : value]
  }
  const user = (item: string | Fields): User | undefined => {
    if (typeof item === 'string') return wordsOf(item.trim())
    return Object.fromEntries(Object.entries(item).map(([name, value]) => field(name, value)))
  }
  return {
    read: (written: Written) => {
      const list = typeof written === 'string' ? written.split('\n') : written
      if (!Array.isArray(list)) return undefined
      const users = list.map(user)
      return users.includes(undefined) ? undefined : users.filter((each) => each!.length !== 0)
    },
    expected: 'words with blanks between; a word that holds a blank is put in quotes',
    schema: { type: 'array', ...(items === undefined ? {} : { items }) },
    shape: 'lines',
  }
}
