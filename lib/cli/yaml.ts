/**
 * The part of YAML that a configuration needs: names with a text, a list or a map of texts; items of a list may have names too. Everything else is refused, never guessed.
 *
 * @module
 */

import { type Entry, entryOf, refused } from './configuration.ts'
import { type Fields, textsOf, type Written } from './kinds.ts'
import { optionNamed } from './program-options.ts'

interface Line {
  readonly number: number
  readonly indent: number
  readonly text: string
}

/** A key, which may be quoted, and what follows its colon. */
const PAIR =
  /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s#'"[\]{},&*!|>%@`-][^#]*?|-[^\s#][^#]*?))\s*:(?:\s+(.*))?$/

const DASH = /^-(?:\s|$)/

/** Cuts a comment: a `#` at the start or behind a blank, outside of quotes. */
function withoutComment(text: string): string {
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (quote !== '') {
      if (char === '\\' && quote === '"') at++
      else if (char === quote) quote = ''
    } else if ((char === '"' || char === "'") && /^$|[\s[{,:]$/.test(text.slice(0, at)))
      quote = char
    else if (char === '#' && (at === 0 || /\s/.test(text[at - 1]!))) return text.slice(0, at)
  }
  return text
}

/** The text of a scalar; numbers and switches stay as they are written, since each option knows what it takes. */
function scalar(text: string, place: string): string {
  const value = text.trim()
  if (value === '~' || value === 'null') return ''
  if (value.startsWith('"')) {
    try {
      return JSON.parse(value) as string
    } catch {
      throw refused(
        place,
        'a double quote is not closed, or what is within is not escaped as in JSON'
      )
    }
  }
  if (value.startsWith("'")) {
    if (!/^'(?:[^']|'')*'$/.test(value)) throw refused(place, 'a single quote is not closed')
    return value.slice(1, -1).replaceAll("''", "'")
  }
  // What it is must not be shown: it may be a secret.
  if (/^[&*!|>%@`[{]/.test(value) || /:\s/.test(value)) {
    throw refused(
      place,
      'its value is YAML beyond texts, lists and maps; put it in quotes if it is a text'
    )
  }
  return value
}

/** Parts of `[a, b]` or `{a: b}` at commas outside of quotes. */
function flowParts(text: string): string[] {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,])+/g) ?? []
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

function pair(text: string, place: string): [string, string] {
  const match = PAIR.exec(text)
  if (match === null) throw refused(place, noPair(text))
  const [, double, single, bare, value = ''] = match
  if (double === undefined) return [single?.replaceAll("''", "'") ?? bare!, value]
  return [scalar(`"${double}"`, place), value]
}

/** A line that is no pair, as an error shows it: what is no option may be a part of a secret. */
function noPair(text: string): string {
  const name = /^[\w-]+/.exec(text)?.[0] ?? ''
  return optionNamed(name) === undefined
    ? "expected 'name: value'"
    : `behind '${name}' there is no colon and blank, expected '${name}: value'`
}

function inline(text: string, place: string): Written {
  const value = text.trim()
  if (value.startsWith('[') && value.endsWith(']')) {
    return flowParts(value.slice(1, -1)).map((part) => scalar(part, place))
  }
  return mapOrText(value, place)
}

/** A map in braces, or one text. */
function mapOrText(text: string, place: string): string | Record<string, string> {
  if (!/^\{.*\}$/.test(text)) return scalar(text, place)
  return mapOf(flowParts(text.slice(1, -1)).map((part) => [pair(part, place), place]))
}

function mapOf(
  pairs: readonly (readonly [readonly [string, string], string])[]
): Record<string, string> {
  const map: Record<string, string> = {}
  for (const [[key, value], place] of pairs) {
    if (Object.hasOwn(map, key)) throw refused(place, `'${key}' is there twice`)
    map[key] = scalar(value, place)
  }
  return map
}

const OTHER_INDENT = 'it is indented in another way than the lines above it'

/** The list or the map on the lines below a name. */
function block(lines: readonly Line[], place: (line: Line) => string): Written {
  const { indent, text } = lines[0]!
  const isList = DASH.test(text)
  for (const line of lines) {
    const fits = isList ? line.indent >= indent : line.indent === indent
    if (!fits) throw refused(place(line), OTHER_INDENT)
  }
  if (isList) return itemsOf(lines, place).map((item) => itemOf(item, place))
  return mapOf(lines.map((line) => [pair(line.text, place(line)), place(line)]))
}

/** The lines of each item of a list, without its dash. */
function itemsOf(lines: readonly Line[], place: (line: Line) => string): readonly Line[][] {
  const items: Line[][] = []
  for (const line of lines) {
    const { number, indent, text } = line
    if (indent > lines[0]!.indent) {
      items.at(-1)!.push(line)
      continue
    }
    const rest = text.slice(1).trimStart()
    if (!DASH.test(text) || rest === '')
      throw refused(place(line), "expected '- value', as on the first line of the list")
    items.push([{ number, indent: indent + text.length - rest.length, text: rest }])
  }
  return items
}

/** An item: a text, or names with texts or with lists in brackets. */
function itemOf(lines: readonly Line[], place: (line: Line) => string): string | Fields {
  const { indent, text } = lines[0]!
  const isMap = /^[\w-]+\s*:(?:\s|$)/.test(text)
  const other = lines.find((line, index) => line.indent !== indent || (index > 0 && !isMap))
  if (other !== undefined) throw refused(place(other), OTHER_INDENT)
  if (!isMap) return mapOrText(text, place(lines[0]!))
  const fields: Record<string, string | readonly string[]> = {}
  for (const line of lines) {
    const [name, rest] = pair(line.text, place(line))
    if (Object.hasOwn(fields, name)) throw refused(place(line), `'${name}' is there twice`)
    const value = inline(rest, place(line))
    const texts = textsOf(value)
    if (texts === undefined) throw refused(place(line), `the value of '${name}' is a map`)
    fields[name] = typeof value === 'string' ? value : texts
  }
  return fields
}

function linesOf(text: string, file: string): Line[] {
  return text.split(/\r?\n/).flatMap((raw, index) => {
    const number = index + 1
    if (/^\s*\t/.test(raw))
      throw refused(`${file} line ${number}`, 'YAML is indented by blanks, not by tabs')
    const line = withoutComment(raw).trimEnd()
    if (line.trim() === '' || /^(---|\.\.\.)$/.test(line)) return []
    return [{ number, indent: line.length - line.trimStart().length, text: line.trim() }]
  })
}

/** Why a name cannot have what is below it too. */
function secondValue(name: string, rest: string): string {
  if (/^[[{]/.test(rest)) return `what begins with a bracket behind '${name}' ends on the same line`
  return /^[|>]/.test(rest)
    ? `a text of several lines is more than is read here, expected the value of '${name}' in quotes on one line`
    : `'${name}' has a value already, on the line above`
}

/** Reads a YAML file. */
export function readYaml(text: string, file: string): Entry[] {
  const lines = linesOf(text, file)
  const place = (line: Line): string => `${file} line ${line.number}`
  const entries: Entry[] = []
  const seen = new Map<string, { readonly name: string; readonly number: number }>()
  for (let at = 0; at < lines.length; ) {
    const line = lines[at++]!
    if (line.indent > 0)
      throw refused(place(line), 'it is indented, but belongs to no name above it')
    const [name, rest] = pair(line.text, place(line))
    const below: Line[] = []
    // The items of a list may stand right below their name.
    while (at < lines.length && (lines[at]!.indent > 0 || DASH.test(lines[at]!.text)))
      below.push(lines[at++]!)
    const origin = `${place(line)}: ${name}`
    if (rest !== '' && below.length > 0) throw refused(place(below[0]!), secondValue(name, rest))
    const written = below.length > 0 ? block(below, place) : inline(rest, origin)
    const entry = entryOf(name, written, origin)
    const before = seen.get(entry.option.name)
    if (before !== undefined) {
      throw refused(origin, `it is there twice, as '${before.name}' on line ${before.number} too`)
    }
    seen.set(entry.option.name, { name, number: line.number })
    entries.push(entry)
  }
  return entries
}
