/**
 * Writes schema.json, the JSON Schema of a YAML configuration, from the table of options. A test says whether it is up to date.
 */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { kebab, type ProgramOption, programOptions } from '../lib/cli/program-options.ts'
import type { OptionSchema } from '../lib/index.ts'

const FILE = new URL('../schema.json', import.meta.url)

type Schema = Readonly<Record<string, unknown>>

function oneOrMore(item: Schema): Schema {
  return { oneOf: [item, { type: 'array', items: item }] }
}

/** What may stand in a file: a text may look like a number, and a switch be written as a word. */
function written(schema: OptionSchema, shape: string): Schema {
  if (shape === 'list') return oneOrMore({ type: ['string', 'integer'] })
  if (shape === 'lines') return oneOrMore(written(schema.items ?? { type: 'string' }, 'one'))
  if (schema.oneOf !== undefined) return { oneOf: schema.oneOf.map((each) => written(each, 'one')) }
  if (schema.items !== undefined) return { type: 'array', items: written(schema.items, 'one') }
  const { type, enum: words, properties, additionalProperties, ...rest } = schema
  if (type === 'boolean') return { enum: [true, false, 'yes', 'no', 'on', 'off'] }
  if (words?.includes(true)) return { enum: [...words, 'yes', 'no', 'on', 'off'] }
  if (words !== undefined) return { enum: words }
  if (type === 'string') return { type: ['string', 'integer'] }
  if (type !== 'object') return { type, ...rest }
  const names = Object.entries(properties ?? {}).map(([name, each]) => [name, written(each, 'one')])
  const others =
    typeof additionalProperties === 'object'
      ? written(additionalProperties, 'one')
      : (additionalProperties ?? false)
  return {
    type,
    ...(names.length > 0 ? { properties: Object.fromEntries(names) } : {}),
    ...rest,
    additionalProperties: others,
  }
}

/** The spellings that are told to editors; the program takes any. */
function spellings({ name, library, aliases = [] }: ProgramOption): string[] {
  const names = [name, ...aliases, kebab(library ?? name)]
  const spelled = [...names, ...names.map((each) => each.replaceAll('-', '_')), library ?? name]
  return [...new Set(spelled)]
}

function property({ kind, help, default: value }: ProgramOption): Schema {
  const empty = value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
  return {
    description: help,
    ...(empty ? {} : { default: value }),
    ...written(kind.schema, kind.shape),
  }
}

/** The text of schema.json. */
export function configurationSchema(): string {
  const properties = programOptions
    .filter(({ commandLineOnly }) => commandLineOnly !== true)
    .flatMap((option) => spellings(option).map((name) => [name, property(option)] as const))
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of redis-cluster-proxy',
    $comment: 'Written by `npm run generate:schema` from the table of options.',
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(FILE, configurationSchema())
