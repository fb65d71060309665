/**
 * Configuration files as the official proxy has them: a directive and its values on each line.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { type Entry, entryOf, refused } from './configuration.ts'
import { optionNamed } from './program-options.ts'
import { quoted, wordsOf } from './words.ts'

/** Files that may include one another, one below the other. */
const DEEPEST = 16

/** Where a file stands that another one includes: beside that one or, as for the official proxy, in the working directory. */
function included(path: string, by: string): string {
  if (isAbsolute(path) || by === '-') return path
  const beside = resolve(dirname(by), path)
  return !existsSync(beside) && existsSync(path) ? resolve(path) : beside
}

/** Reads directives, and those of the files that they include, in their order. */
export function readDirectives(text: string, file: string, above: readonly string[] = []): Entry[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (/^\s*(#|$)/.test(line)) return []
    const place = `${file} line ${index + 1}`
    const words = wordsOf(line)
    if (words === undefined)
      throw refused(place, 'a quote is not closed, or text follows it at once')
    const [name, ...values] = words
    if (name === 'include') return readIncluded(values, place, [...above, file])
    return [directive(name!, values, place)]
  })
}

function readIncluded(values: readonly string[], place: string, files: readonly string[]): Entry[] {
  const [path] = values
  if (path === undefined || values.length > 1) {
    throw refused(place, `include has ${values.length} values, expected the path of one file`)
  }
  const target = included(path, files.at(-1)!)
  if (files.includes(target) || files.length > DEEPEST) {
    throw refused(place, `include '${path}': files include one another in a circle`)
  }
  let text: string
  try {
    text = readFileSync(target, 'utf8')
  } catch (cause) {
    throw refused(place, `include '${path}': ${(cause as Error).message}`)
  }
  return readDirectives(text, target, files)
}

/** What is wrong with a name that none can be, without it: a part may be a secret, as in `auth=secret`. */
function noName(text: string): string {
  const name = /^[\w-]+/.exec(text)?.[0] ?? ''
  return optionNamed(name) === undefined
    ? 'expected a name of letters and dashes, and its value'
    : `behind '${name}' there is no blank, expected '${name} value'`
}

function directive(name: string, values: readonly string[], place: string): Entry {
  if (!/^[\w-]+$/.test(name)) throw refused(place, noName(name))
  const origin = `${place}: ${name}`
  const entry = entryOf(name, '', origin)
  const { kind } = entry.option
  if (kind.shape === 'list' && values.length > 0) return { ...entry, written: values }
  if (kind.shape === 'lines' && values.length > 0) {
    return { ...entry, written: values.map(quoted).join(' ') }
  }
  if (kind.shape === 'map' && values.length > 0) return { ...entry, written: values.join(' ') }
  if (values.length === 1) return { ...entry, written: values[0]! }
  const comment = values.slice(1).some((value) => value.startsWith('#'))
  const hint = comment
    ? '; a comment needs a line of its own'
    : '; put a text with blanks in quotes'
  throw refused(origin, `got ${values.length} values, expected one${values.length > 1 ? hint : ''}`)
}
