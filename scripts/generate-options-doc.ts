/**
 * Writes docs/options.md from the option table. `--check` only says whether it is up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { type OptionSpec, optionTable } from '../lib/index.ts'

const FILE = new URL('../docs/options.md', import.meta.url)

const INTRODUCTION = `# Options

What \`createClusterProxy(options)\` takes. Only \`nodes\` is required. An unknown name or a wrong value throws a \`ProxyError\` with
code \`INVALID_OPTION\`, whose message names the option, the value and what was expected.

Those that say *live* can change while the proxy runs, by \`proxy.reconfigure(...)\` or a reload of the program's configuration; some hold for new clients or
connections only. The program takes all of them too: see [program](program.md).

<!-- Written by \`npm run generate:options\` from lib/options.ts. -->
`

function shown(value: unknown): string {
  return value === undefined
    ? ''
    : `\`${typeof value === 'string' ? `'${value}'` : String(value)}\``
}

/** The text of docs/options.md. */
export function optionsDocument(): string {
  const rows = Object.entries<OptionSpec<unknown>>(optionTable).map(([name, spec]) => {
    const unit = spec.unit === undefined ? '' : ` ${spec.unit}`
    const cell = (text: string): string => text.replaceAll('|', '\\|')
    return `| \`${name}\` | ${shown(spec.default)}${spec.default === undefined ? '' : unit} | ${cell(spec.expected)} | ${cell(spec.help)}${spec.runtime === true ? ' *live*' : ''} |`
  })
  return `${INTRODUCTION}
| option | default | expected | what it does |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const text = optionsDocument()
  if (!process.argv.includes('--check')) writeFileSync(FILE, text)
  else if (readFileSync(FILE, 'utf8') !== text) {
    console.error('docs/options.md is not up to date: npm run generate:options')
    process.exitCode = 1
  }
}
