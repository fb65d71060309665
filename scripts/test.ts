/**
 * Runs the unit tests with Node's own runner, which takes no patterns before Node 22.
 *
 *     node --import tsx scripts/test.ts [--coverage] [file or folder or part of a path ...]
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { provideServer } from './redis-server.ts'

const CONCURRENCY = 2
const TEST_LIMIT_MS = 240_000
const OUTPUT = 'coverage'
const RAW_COVERAGE = `${OUTPUT}/raw`
const RESULTS = `${OUTPUT}/tests.tap`

const [coverage, wanted] = parse(process.argv.slice(2))
const files = testFiles(wanted)
if (files.length === 0) {
  console.error(`no test file's path contains: ${wanted.join(', ')}`)
  process.exit(1)
}
rmSync(OUTPUT, { recursive: true, force: true })
mkdirSync(RAW_COVERAGE, { recursive: true })
const served = provideServer()
const passed = runTests(files, coverage)
// The thresholds are about all tests; of some of them, the report is for information.
const covered = !coverage || reportCoverage(wanted.length === 0)
console.log(totals())
process.exit(served && passed && covered ? 0 : 1)

function parse(args: readonly string[]): [boolean, string[]] {
  return [args.includes('--coverage'), args.filter((arg) => arg !== '--coverage')]
}

function testFiles(parts: readonly string[]): string[] {
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .map((name) => `test/${name.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .sort()
}

function runTests(paths: readonly string[], collect: boolean): boolean {
  const env = { ...process.env, ...(collect && { NODE_V8_COVERAGE: RAW_COVERAGE }) }
  const args = [
    ...['--import', 'tsx', '--test'],
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_LIMIT_MS}`,
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=tap', `--test-reporter-destination=${RESULTS}`],
    ...paths,
  ]
  return spawnSync(process.execPath, args, { env, stdio: 'inherit' }).status === 0
}

function reportCoverage(check: boolean): boolean {
  const thresholds = check ? ['--', '--check-coverage', '--lines=95', '--branches=90'] : []
  const args = ['run', '--silent', 'coverage:report', ...thresholds]
  return spawnSync('npm', args, { stdio: 'inherit' }).status === 0
}

/** The runner's own summary once more, after whatever was printed since. */
function totals(): string {
  const lines = readFileSync(RESULTS, 'utf8').trimEnd().split('\n')
  return lines.filter((line) => /^# \w+ [\d.]+$/.test(line)).join('\n')
}
