import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
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

test('docs/events.md lists every event, and no other', () => {
  const source = read('lib/events.ts')
  const events = source.slice(source.indexOf('export interface ProxyEvents'))
  const names = [...events.matchAll(/^ {2}(\w+): \[/gm)].map((match) => match[1]!).sort()
  assert.ok(names.length > 5)
  assert.deepEqual(listed(read('docs/events.md')), names)
})

test('docs/errors.md lists every error code, and no other', () => {
  const source = read('lib/errors.ts')
  const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map((match) => match[1]!).sort()
  assert.ok(codes.length > 5)
  const host = read('docs/errors.md').split('## What the host application sees')[1]!
  assert.deepEqual(listed(host), codes)
})

test('every room and file that docs/architecture.md draws exists', () => {
  const house = read('docs/architecture.md').split('```')[1]!
  const words = [...house.matchAll(/\b([a-z-]+)\.ts\b/g)].map((match) => match[1]!)
  const lib = readdirSync(new URL('../lib/', import.meta.url), { recursive: true }).map(String)
  const files = new Set(lib.map((path) => basename(path)))
  assert.ok(words.length > 40)
  assert.deepEqual(
    words.filter((word) => !files.has(`${word}.ts`)),
    []
  )
})
