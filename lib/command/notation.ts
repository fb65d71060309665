/**
 * How the built-in table writes commands down, one to a line.
 *
 * @module
 */

import type { CommandRow } from './row.ts'
import type { BeginSearch, FindKeys, KeySpec } from './spec.ts'

/**
 * A command in the table: name, arity, flags, first key, last key, step, ACL categories without their `@`, tips, and then
 * one text for each key specification. Lists are words with blanks between them. A subcommand stands below its container,
 * named `container|subcommand`.
 *
 * A key specification reads `flags; begin search; find keys`, perhaps with `; notes`. Searches are written
 * `index <index>`, `keyword <keyword> <start from>`; `range <last key> <step> <limit>`,
 * `keynum <index of the number> <first key> <step>`; `unknown`.
 */
export type TableRow = readonly [
  name: string,
  arity: number,
  flags: string,
  firstKey: number,
  lastKey: number,
  step: number,
  categories: string,
  tips: string,
  ...keySpecs: string[],
]

/** Reads a table: the commands with their subcommands, in its order. */
export function parseTable(table: readonly TableRow[]): CommandRow[] {
  const commands = new Map<string, { row: CommandRow; subcommands: CommandRow[] }>()
  for (const line of table) {
    const subcommands: CommandRow[] = []
    const row = parseRow(line, subcommands)
    const bar = row.name.indexOf('|')
    if (bar < 0) commands.set(row.name, { row, subcommands })
    else commands.get(row.name.slice(0, bar))?.subcommands.push(row)
  }
  return Array.from(commands.values(), ({ row }) => row)
}

function parseRow(line: TableRow, subcommands: readonly CommandRow[]): CommandRow {
  const [name, arity, flags, firstKey, lastKey, step, categories, tips, ...keySpecs] = line
  return {
    name,
    arity,
    flags: words(flags),
    firstKey,
    lastKey,
    step,
    categories: words(categories).map((category) => `@${category}`),
    tips: words(tips),
    keySpecs: keySpecs.map(parseKeySpec),
    subcommands,
  }
}

function parseKeySpec(text: string): KeySpec {
  const [flags = '', begin = '', find = '', ...notes] = text.split('; ')
  return {
    flags: words(flags),
    notes: notes.length === 0 ? undefined : notes.join('; '),
    beginSearch: parseBegin(words(begin)),
    findKeys: parseFind(words(find)),
  }
}

function parseBegin([type, first = '', second = '']: string[]): BeginSearch {
  if (type === 'index') return { type, index: Number(first) }
  if (type === 'keyword') return { type, keyword: first, startFrom: Number(second) }
  return { type: 'unknown' }
}

function parseFind([type, ...numbers]: string[]): FindKeys {
  const [first = 0, second = 0, third = 0] = numbers.map(Number)
  if (type === 'range') return { type, lastKey: first, keyStep: second, limit: third }
  if (type === 'keynum') return { type, keyNumIndex: first, firstKey: second, keyStep: third }
  return { type: 'unknown' }
}

function words(text: string): string[] {
  return text === '' ? [] : text.split(' ')
}

/** The lines of a command and of its subcommands, for the generator of the table. */
export function printRow(row: CommandRow): TableRow[] {
  const line: TableRow = [
    row.name,
    row.arity,
    row.flags.join(' '),
    row.firstKey,
    row.lastKey,
    row.step,
    row.categories.map((category) => category.slice(1)).join(' '),
    row.tips.join(' '),
    ...row.keySpecs.map(printKeySpec),
  ]
  return [line, ...row.subcommands.flatMap(printRow)]
}

function printKeySpec({ flags, beginSearch, findKeys, notes }: KeySpec): string {
  const parts = [flags.join(' '), printSearch(beginSearch), printSearch(findKeys)]
  if (notes !== undefined) parts.push(notes)
  return parts.join('; ')
}

/** The fields of a search stand in the order in which they are declared. */
function printSearch(search: BeginSearch | FindKeys): string {
  return Object.values(search).join(' ')
}
