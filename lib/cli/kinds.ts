/**
 * How the text of a flag, a directive or a YAML value becomes the value of an option.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { type OptionSchema, ProxyError } from '../index.ts'

/** An item of a list that has values by names. */
export type Fields = Readonly<Record<string, string | readonly string[]>>

/** A value as it was written: one text, several items, or names with texts. */
export type Written = string | readonly (string | Fields)[] | Readonly<Record<string, string>>

/** What an option's value looks like when it is written down. */
export interface Kind {
  /** The value, or undefined when the text is none. */
  read(written: Written): unknown
  /** What is right, in words. */
  readonly expected: string
  readonly schema: OptionSchema
  /** `list`, `lines` (values that are lines of words) and `map` take several values; a later one adds to them. */
  readonly shape: 'one' | 'list' | 'lines' | 'map'
}

const YES = new Set(['yes', 'true', 'on', '1'])
const NO = new Set(['no', 'false', 'off', '0'])

function one(read: (text: string) => unknown): Kind['read'] {
  return (written) => (typeof written === 'string' ? read(written) : undefined)
}

/** A switch: `yes` or `no`, and what else people write for them. */
export const SWITCH: Kind = {
  read: one((text) => {
    const word = text.toLowerCase()
    if (YES.has(word)) return true
    return NO.has(word) ? false : undefined
  }),
  expected: 'yes or no',
  schema: { type: 'boolean' },
  shape: 'one',
}

/** A whole number of a range. */
export function whole(minimum: number, maximum: number): Kind {
  return {
    read: one((text) => {
      const value = Number(text)
      return /^\d{1,16}$/.test(text) && value >= minimum && value <= maximum ? value : undefined
    }),
    expected: `a whole number from ${minimum} to ${maximum}`,
    schema: { type: 'integer', minimum, maximum },
    shape: 'one',
  }
}

/** Permissions in octal digits. */
export const MODE: Kind = {
  read: one((text) => (/^0?[0-7]{1,3}$/.test(text) ? Number.parseInt(text, 8) : undefined)),
  expected: 'permissions in octal digits, from 0 to 777',
  schema: { type: 'string' },
  shape: 'one',
}

/** Any text; empty for none. */
export const TEXT: Kind = {
  read: one((text) => text),
  expected: 'a text',
  schema: { type: 'string' },
  shape: 'one',
}

/** One of some words. */
export function choice(...words: readonly string[]): Kind {
  return {
    read: one((text) => words.find((word) => word.toLowerCase() === text.toLowerCase())),
    expected: `one of ${words.join(', ')}`,
    schema: { type: 'string', enum: words },
    shape: 'one',
  }
}

/** One text or several, as a list; undefined when something else is among them. */
export function textsOf(written: Written): readonly string[] | undefined {
  const items: readonly unknown[] = Array.isArray(written) ? written : [written]
  return items.every((item) => typeof item === 'string') ? items : undefined
}

/** Words, with blanks or commas between. */
export const LIST: Kind = {
  read: (written) => {
    const words = textsOf(written)?.flatMap((text) => text.split(/[\s,]+/))
    return words?.filter((word) => word !== '')
  },
  expected: 'one or several values, with blanks or commas between',
  schema: { type: 'array', items: { type: 'string' } },
  shape: 'list',
}

/** Files that stand in place of their contents, by the names that `node:tls` has for these. */
const FILES: Readonly<Record<string, string>> = { certFile: 'cert', keyFile: 'key', caFile: 'ca' }

function mapped(written: Written): Record<string, string> | undefined {
  if (typeof written === 'object' && !Array.isArray(written)) {
    return { ...(written as Readonly<Record<string, string>>) }
  }
  const found: Record<string, string> = {}
  const texts = textsOf(written)
  if (texts === undefined) return undefined
  for (const text of texts) {
    const [, from, to] = /^\s*([^\s=]+)(?:\s*=\s*|\s+)(.+?)\s*$/.exec(text) ?? []
    if (from === undefined || to === undefined) return undefined
    found[from] = to
  }
  return found
}

/** Each value of a map as its own schema reads it; undefined when a name is unknown. Throws `INVALID_OPTION` when a value is wrong. */
function typed(
  map: Readonly<Record<string, string>>,
  { properties, additionalProperties }: OptionSchema
): Record<string, unknown> | undefined {
  const found: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(map)) {
    const schema =
      properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined
    if (schema === undefined && (additionalProperties ?? false) === false) return undefined
    const kind = schema === undefined ? TEXT : kindOf(schema, '')
    const value = kind.read(text)
    if (value === undefined) {
      throw new ProxyError(
        'INVALID_OPTION',
        `the value of ${name} is wrong, expected ${kind.expected}`
      )
    }
    const file = properties === undefined ? undefined : FILES[name]
    found[file ?? name] = file === undefined ? value : readFileSync(text)
  }
  return found
}

/** How an option of the library is written, by its schema. `expected` is what the library says is right. */
export function kindOf(schema: OptionSchema, expected: string): Kind {
  const { type, enum: words, oneOf } = schema
  const as = (kind: Kind): Kind => ({ ...kind, expected: expected || kind.expected, schema })
  if (type === 'boolean') return as(SWITCH)
  if (type === 'integer') return as(whole(schema.minimum ?? 0, schema.maximum ?? 2 ** 53 - 1))
  if (type === 'array' || oneOf !== undefined) return as(LIST)
  if (type === 'object') {
    const read = (written: Written): unknown => {
      const map = mapped(written)
      return map === undefined ? undefined : typed(map, schema)
    }
    return {
      read,
      expected:
        schema.properties === undefined
          ? 'from=to, such as 10.0.0.1:6379=127.0.0.1:7000'
          : named(schema),
      schema,
      shape: 'map',
    }
  }
  if (words?.some((word) => typeof word === 'boolean')) return as(orSwitch(words))
  return as(words === undefined ? TEXT : choice(...words.map(String)))
}

function named({ properties = {} }: OptionSchema): string {
  return `name=value, with the names ${Object.keys(properties).join(', ')}`
}

/** A switch that has further words. */
function orSwitch(words: readonly (string | boolean)[]): Kind {
  const further = choice(...words.filter((word) => typeof word === 'string'))
  return {
    ...SWITCH,
    read: (written) => SWITCH.read(written) ?? further.read(written),
    expected: `yes, no or ${words.filter((word) => typeof word === 'string').join(', ')}`,
  }
}
