import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, posix } from 'node:path'
import { test } from 'node:test'
import { optionNamed } from '../lib/cli/program-options.ts'
import { PROXY_HELP } from '../lib/client/commands/proxy-help.ts'
import { replyText } from '../lib/errors.ts'
import { type OptionSpec, optionTable } from '../lib/index.ts'
import { commandsDocument } from '../scripts/generate-commands-doc.ts'
import { optionsDocument } from '../scripts/generate-options-doc.ts'
import { configurationSchema } from '../scripts/generate-schema.ts'

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
}

/** The words in backquotes in the first column of a document's tables. */
function listed(document: string): string[] {
  return [...document.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]!).sort()
}

test('docs/options.md is what the option table says', () => {
  assert.equal(read('docs/options.md'), optionsDocument())
})

test('the defaults that the types of the settings tell are those of the table', () => {
  const told = [...read('lib/settings.ts').matchAll(/ Default `?([^`.]+)`?\. \*\/\n {2}(\w+): /g)]
  assert.ok(told.length > 40)
  const specs: Readonly<Record<string, OptionSpec<unknown> | undefined>> = optionTable
  for (const [, text, name] of told) {
    const value = /^(\d+) MiB$/.exec(text!)?.[1]
    const shown = value === undefined ? text : String(Number(value) * 2 ** 20)
    assert.equal(shown!.replaceAll("'", ''), String(specs[name!]?.default), name)
  }
})

test('schema.json is what the table of options says', () => {
  assert.equal(read('schema.json'), configurationSchema())
})

test('schema.json knows every name of examples/proxy.yaml, which points to it', () => {
  const { properties } = JSON.parse(configurationSchema()) as { properties: object }
  const names = [...read('examples/proxy.yaml').matchAll(/^(?:# )?([a-z_]+):(?= |$)/gm)]
  const unknown = names.map(([, name]) => name!).filter((name) => !Object.hasOwn(properties, name))
  assert.deepEqual(unknown, [])
})

test('docs/commands.md is what the catalogue says', () => {
  assert.equal(read('docs/commands.md'), commandsDocument())
})

test('every flag that docs/program.md and docs/access.md name is one of the program', () => {
  const actions = ['help', 'check-config', 'print-config']
  const flags = [...(read('docs/program.md') + read('docs/access.md')).matchAll(/`--([\w-]+)/g)]
  assert.ok(flags.length > 8)
  const unknown = flags.filter(([, name]) => optionNamed(name!) === undefined)
  assert.deepEqual(new Set(unknown.map(([, name]) => name)), new Set(actions))
})

test('docs/program.md has every subcommand of PROXY', () => {
  const document = read('docs/program.md')
  const words = PROXY_HELP.slice(1).map(
    (line) => /^[A-Z]+(?: (?:RELOAD|GET|SET|HISTORY))?/.exec(line)![0]
  )
  assert.ok(words.length > 10)
  assert.deepEqual(
    words.filter((word) => !document.includes(`\`PROXY ${word}`)),
    []
  )
})

test('docs/events.md lists every event, and no other', () => {
  const source = read('lib/events.ts')
  const events = source.slice(source.indexOf('export interface ProxyEvents'))
  const names = [...events.matchAll(/^ {2}(\w+): \[/gm)].map((match) => match[1]!).sort()
  assert.ok(names.length > 5)
  assert.deepEqual(listed(read('docs/events.md')), names)
})

/** The fields of each interface of a source file, by its name. */
function fieldsOf(source: string): Map<string, string[]> {
  const interfaces = source.matchAll(/export interface (\w+) \{\n([\s\S]*?)\n\}/g)
  return new Map(
    [...interfaces].map(([, name, body]) => {
      const fields = [...body!.matchAll(/^ {2}readonly (\w+)[?:]/gm)]
      return [name!, fields.map((match) => match[1]!)] as const
    })
  )
}

test("docs/events.md names every field of each event's payload", () => {
  const source = read('lib/events.ts')
  const fields = fieldsOf(source)
  const payloads = [...source.matchAll(/^ {2}(\w+): \[(\w+Event)\]/gm)]
  assert.ok(payloads.length > 5)
  const document = read('docs/events.md')
  for (const [, event, type] of payloads) {
    const row = new RegExp(`^\\| \`${event}\` .*\\| \`${type}\`: (.*) \\|$`, 'm').exec(document)
    const named = [...(row?.[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]!)
    const missing = fields.get(type!)!.filter((field) => !named.includes(field))
    // Those of `nodeUp` and `clientConnect` share a payload with their opposites, who alone have all of it.
    const shared = { nodeUp: ['cause'], clientConnect: ['reason'] }[event!] ?? []
    assert.deepEqual(missing, shared, event)
    for (const name of named) assert.match(source, new RegExp(`\\b${name}\\b`), event)
  }
})

test('docs/events.md has every reason that an event gives', () => {
  const document = read('docs/events.md')
  const types = read('lib/events.ts').matchAll(/^export type \w+Reason =([^;]*?)\n\n/gm)
  const reasons = [...types].flatMap(([, words]) => words!.match(/\w[\w ]*\w/g) ?? [])
  assert.ok(reasons.length > 5)
  const missing = reasons.filter((reason) => !document.includes(`\`${reason}\``))
  assert.deepEqual(missing, [])
})

test('docs/errors.md has the words of every error that the router gives', () => {
  const document = read('docs/errors.md').replaceAll('\\|', '|')
  const missing = Object.entries(replyText).filter(([, text]) => {
    const words = typeof text === 'string' ? text : Reflect.apply(text, undefined, ['\0', '\0'])
    // What is long is shortened after its first sentence.
    const [first = ''] = words.split(/(?<=\. )/)
    return !first.split('\0').every((piece: string) => document.includes(piece.trim()))
  })
  assert.deepEqual(
    missing.map(([name]) => name),
    []
  )
})

test('docs/errors.md lists every error code, and no other', () => {
  const source = read('lib/errors.ts')
  const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map((match) => match[1]!).sort()
  assert.ok(codes.length > 5)
  const host = read('docs/errors.md').split('## What the host application sees')[1]!
  assert.deepEqual(listed(host), codes)
})

/** Folders that docs/architecture.md draws as a whole. */
const WHOLE = /^(client\/commands|router\/gather|testing)\//
const SOURCE = /\.ts$/

/** The files that a part of the house draws: those directly in `lib`, or those of one room. */
function drawn(part: string): string[] {
  return [...part.matchAll(/([\w-]+)(?:\.d)?\.ts\b/g)].map((match) => match[1]!)
}

test('docs/architecture.md draws every file, and none that is not there', () => {
  const [top = '', ...rooms] = read('docs/architecture.md')
    .split('```')[1]!
    .split(/^ {2}(?=\w+\/)/m)
  const house = new Map(rooms.map((room) => [room.slice(0, room.indexOf('/')), drawn(room)]))
  house.set('', drawn(top))
  const files = readdirSync(new URL('../lib/', import.meta.url), { recursive: true })
    .map((path) => String(path).replaceAll('\\', '/'))
    .filter((path) => SOURCE.test(path))
  for (const room of house.keys()) {
    const there = files.filter((path) =>
      room === '' ? !path.includes('/') : path.startsWith(`${room}/`)
    )
    const nameOf = (path: string): string => basename(path).replace(/(\.d)?\.ts$/, '')
    const named = new Set(house.get(room))
    const names = new Set(there.map(nameOf))
    assert.deepEqual(
      [...named].filter((name) => !names.has(name)),
      [],
      `${room}: drawn, not there`
    )
    const undrawn = there.filter((path) => !WHOLE.test(path) && !named.has(nameOf(path)))
    assert.deepEqual(undrawn, [], `${room}: not drawn`)
  }
  assert.ok(house.size > 8)
})

test('the cost of a command that README.md tells is the one of docs/performance.md', () => {
  const told = /At pipeline 64 a GET takes ([\d.]+) µs/.exec(read('README.md'))?.[1]
  const row = /^\| GET, 50 clients, pipeline 64 \| proxy \|(?:[^|]*\|){3} ([\d.]+) \|/m
  assert.equal(told, row.exec(read('docs/performance.md'))?.[1])
  assert.ok(told)
})

test('every link from one document to a file, or to a heading, leads somewhere', () => {
  const documents = readdirSync(new URL('../docs/', import.meta.url)).filter((name) =>
    /\.md$/.test(name)
  )
  const dead = ['README.md', 'CHANGELOG.md', ...documents.map((name) => `docs/${name}`)].flatMap(
    (from) =>
      [...read(from).matchAll(/\]\(([^):]+)\)/g)]
        .map((match) => match[1]!)
        .filter((link) => !isThere(from, link))
        .map((link) => `${from}: ${link}`)
  )
  assert.deepEqual(dead, [])
})

function isThere(from: string, link: string): boolean {
  const [path = '', heading] = link.split('#')
  const target = path === '' ? from : posix.join(posix.dirname(from), path)
  if (!existsSync(new URL(`../${target}`, import.meta.url))) return false
  if (heading === undefined) return true
  const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!.toLowerCase())
  return headings.some((text) => text.replace(/[^\w -]/g, '').replaceAll(' ', '-') === heading)
}
