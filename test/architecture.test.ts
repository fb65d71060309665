import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, posix } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What a room, or a file at the top of `lib`, may import; `types` only by `import type`. A room may import itself. */
interface Arrows {
  readonly any: readonly string[]
  readonly types?: readonly string[]
}

const TOP = ['errors', 'events', 'settings', 'clock', 'turn']
const ROOMS = ['resp', 'command', 'cluster', 'pubsub', 'router', 'client']

const PROXY = ['stats', 'server-events', 'option-reader', 'certificates', ...ROOMS, ...TOP]

const ALLOWED: Readonly<Record<string, Arrows>> = {
  errors: { any: [] },
  events: { any: ['errors'] },
  clock: { any: ['errors'] },
  turn: { any: ['errors'] },
  'program-hooks': { any: [] },
  version: { any: [] },
  settings: { any: ['errors'], types: ['program-hooks'] },
  'option-checks': { any: ['settings'] },
  'user-words': { any: ['errors', 'settings'] },
  'user-checks': { any: ['settings', 'option-checks', 'user-words', 'command'] },
  'access-options': { any: ['settings', 'option-checks', 'user-checks'] },
  'private-options': { any: ['settings', 'option-checks'] },
  options: { any: ['settings', 'option-checks', 'access-options', 'private-options'] },
  'option-reader': { any: ['errors', 'settings', 'option-checks', 'options'] },
  resp: { any: ['errors'] },
  command: { any: ['errors'], types: ['resp'] },
  cluster: { any: ['resp', 'command', ...TOP] },
  pubsub: { any: ['resp', 'command', 'cluster', ...TOP] },
  router: { any: ['resp', 'command', 'cluster', 'pubsub', ...TOP] },
  client: {
    any: ['resp', 'command', 'cluster', 'pubsub', 'router', 'program-hooks', 'version', ...TOP],
  },
  stats: { any: [] },
  'server-events': { any: TOP },
  certificates: { any: ['errors'], types: ['settings'] },
  'proxy-services': { any: [...ROOMS, ...TOP] },
  'proxy-admin': { any: ['proxy-services', 'options', ...ROOMS, ...TOP] },
  'proxy-core': { any: ['proxy-admin', 'proxy-services', ...PROXY] },
  proxy: { any: ['proxy-core', ...PROXY] },
  index: {
    any: ['proxy', 'options', 'errors', 'events', 'version'],
    types: ['proxy-core', 'stats', 'settings', 'option-checks', 'program-hooks'],
  },
  testing: { any: ['resp', 'errors'] },
  cli: { any: ['index', 'testing/index.ts'] },
}

/** Single files that may do what their room may not. */
const EXCEPTIONS: readonly (readonly [from: string, to: string])[] = [
  ['lib/command/info.ts', 'lib/resp/encode.ts'],
]

/** Who may open sockets; the files at the top of `lib` may name the types. */
const SOCKETS = /^lib\/(cluster|client|testing|cli)\/|^lib\/[\w-]+\.ts$/

/** The homes of modules that not everybody may use. */
const HOMES: Readonly<Record<string, RegExp>> = {
  'node:net': SOCKETS,
  'node:tls': SOCKETS,
  'cluster-key-slot': /^lib\/command\/slot\.ts$/,
  'redis-parser': /^lib\/resp\/decode\.ts$/,
}

interface Import {
  readonly from: string
  /** A path below `lib`, or the name of a module. */
  readonly to: string
  readonly typeOnly: boolean
}

const IMPORT =
  /^\s*(?:import|export)\s+(type\s)?[^'"`;=]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm

function filesBelow(folder: string): string[] {
  return readdirSync(`${ROOT}${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/').slice(ROOT.length))
}

function textOf(file: string): string {
  return readFileSync(`${ROOT}${file}`, 'utf8')
}

function importsOf(file: string): Import[] {
  return [...textOf(file).matchAll(IMPORT)].map(([, type, from, bare, dynamic]) => {
    const target = (from ?? bare ?? dynamic) as string
    const local = target.startsWith('.')
    return {
      from: file,
      to: local ? posix.normalize(`${dirname(file)}/${target}`) : target,
      typeOnly: type !== undefined,
    }
  })
}

/** `lib/resp/encode.ts` is in room `resp`, `lib/errors.ts` is a room of its own. */
function roomOf(file: string): string {
  return file.split('/')[1]?.replace(/\.ts$/, '') ?? ''
}

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const room = roomOf(from)
  if (room === roomOf(to)) return true
  if (EXCEPTIONS.some(([user, used]) => user === from && used === to)) return true
  const { any, types = [] } = ALLOWED[room] ?? { any: [] }
  const names = [roomOf(to), to.slice('lib/'.length)]
  return names.some((name) => any.includes(name) || (typeOnly && types.includes(name)))
}

const sources = filesBelow('lib').filter((file) => file.endsWith('.ts'))
const imports = sources.flatMap(importsOf)
const local = imports.filter(({ to }) => to.startsWith('lib/'))

test('every file of lib is in a known room', () => {
  assert.deepEqual(
    sources.filter((file) => ALLOWED[roomOf(file)] === undefined),
    []
  )
})

test('rooms import only downwards', () => {
  assert.deepEqual(
    local.filter((arrow) => !isAllowed(arrow)).map(({ from, to }) => `${from} -> ${to}`),
    []
  )
})

test('docs/architecture.md has the same arrows', () => {
  const rows = textOf('docs/architecture.md').matchAll(/^\| (\w+) \| ([^|]+) \|/gm)
  const rooms = [...rows].filter(([, room]) => ALLOWED[room!] !== undefined)
  assert.deepEqual(
    rooms.map(([, room]) => room),
    [...ROOMS, 'testing', 'cli']
  )
  for (const [, room, told] of rooms) {
    const { any, types = [] } = ALLOWED[room!]!
    const bare = (name: string): string => name.replace(/`|\.ts/g, '').trim()
    const names = told!.replace(/\([^)]*\)/g, '').split(',')
    assert.deepEqual(names.map(bare).sort(), [...any, ...types].map(bare).sort(), room)
  }
})

test('no file imports itself by a detour, types included', () => {
  const targets = new Map(sources.map((file): [string, string[]] => [file, []]))
  for (const { from, to } of local) targets.get(from)?.push(to)
  const done = new Set<string>()
  const cycleFrom = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const target of targets.get(file) ?? []) {
      const cycle = cycleFrom(target, [...path, file])
      if (cycle !== undefined) return cycle
    }
    done.add(file)
    return undefined
  }
  for (const file of sources) assert.equal(cycleFrom(file, [])?.join(' -> '), undefined)
})

test('modules from outside are dependencies of the package and used where they belong', () => {
  const { dependencies } = JSON.parse(textOf('package.json'))
  const names = Object.keys(dependencies)
  assert.deepEqual(names.sort(), ['cluster-key-slot', 'debug', 'denque', 'redis-parser'])
  const strangers = imports.filter(({ from, to }) => {
    if (to.startsWith('lib/')) return false
    const home = HOMES[to]
    return home === undefined ? !to.startsWith('node:') && !names.includes(to) : !home.test(from)
  })
  assert.deepEqual(
    strangers.map(({ from, to }) => `${from} -> ${to}`),
    []
  )
})

test('a file is named by a noun that says what is in it', () => {
  const vague = /^(utils?|helpers?|common|misc|managers?|base|impl|types?|constants?)\./
  assert.deepEqual(
    sources.filter((file) => vague.test(basename(file))),
    []
  )
})

/** Texts that must not stand in a file, and below which folders. Written in pieces, so that this file may be searched. */
const FORBIDDEN: readonly (readonly [what: string, RegExp, readonly string[]])[] = [
  ['an error without a code', /\bnew (Type|Range|Syntax)?Error\(/, ['lib']],
  ['an export of everything', /^export \*/m, ['lib']],
  ['a line hidden from coverage', new RegExp(`c${8} ignore`), ['lib', 'test', 'examples']],
  ['work left over', new RegExp(`\\b(TO${'DO'}|FIX${'ME'})\\b`), ['lib', 'examples', 'docs']],
  ['a way around the compiler', new RegExp(`@ts-${'(ignore|nocheck)'}|\\bas ${'any'}\\b`), ['lib']],
  [
    'a path of one machine',
    /(?<![\w.$}-])\/(root|work|tmp)\//,
    ['lib', 'test', 'examples', 'docs', 'scripts', 'bench', '.ci'],
  ],
]

for (const [what, pattern, folders] of FORBIDDEN) {
  test(`no file holds ${what}`, () => {
    const files = [...folders.flatMap(filesBelow), 'README.md', 'package.json']
    assert.deepEqual(
      files.filter((file) => pattern.test(textOf(file))),
      []
    )
  })
}
