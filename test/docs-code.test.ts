import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DOCUMENTS = ['README.md', 'docs/access.md', 'docs/testing.md']
const IMPORT = "import { createClusterProxy } from 'redis-cluster-proxy'\n"

/** The TypeScript of a document, each block as a module of its own; the recipes for tests are tests already. */
function modulesOf(document: string): [name: string, code: string][] {
  const blocks = readFileSync(`${ROOT}${document}`, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)
  const codes = [...blocks].map((match) => match[1]!).filter((code) => !/^test\(/.test(code))
  return codes.map((code, i) => {
    // A block may go on where the one before began.
    const text = code.startsWith('import') ? code : IMPORT + code
    return [`${ROOT}test/${document.replaceAll(/\W/g, '-')}-${i}.ts`, `${text}\nexport {}\n`]
  })
}

test('the TypeScript in the documents compiles as it stands there', () => {
  const modules = new Map(DOCUMENTS.flatMap(modulesOf))
  assert.ok(modules.size >= 4)
  const { config } = ts.readConfigFile(`${ROOT}test/tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(
    { ...config, include: [], files: [] },
    ts.sys,
    `${ROOT}test`
  )
  options.noUnusedLocals = false
  options.paths = {
    'redis-cluster-proxy': [`${ROOT}lib/index.ts`],
    'redis-cluster-proxy/testing': [`${ROOT}lib/testing/index.ts`],
  }
  const host = ts.createCompilerHost(options)
  const { readFile, fileExists } = host
  host.readFile = (file) => modules.get(file) ?? readFile(file)
  host.fileExists = (file) => modules.has(file) || fileExists(file)
  const program = ts.createProgram([...modules.keys()], options, host)
  const faults = [...modules.keys()].flatMap((file) => {
    const source = program.getSourceFile(file)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
  })
  const where = {
    getCanonicalFileName: String,
    getCurrentDirectory: () => ROOT,
    getNewLine: () => '\n',
  }
  assert.equal(ts.formatDiagnostics(faults, where), '')
})
