/**
 * Writes docs/options.md from the option table. A test says whether it is up to date.
 */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { listedOptions, type ProgramOption } from '../lib/cli/program-options.ts'
import { type OptionSpec, optionTable } from '../lib/index.ts'

const FILE = new URL('../docs/options.md', import.meta.url)

const INTRODUCTION = `# Options

What \`createClusterProxy(options)\` takes. Only \`nodes\` is required. An unknown name or a wrong value throws a \`ProxyError\` with
code \`INVALID_OPTION\`, whose message names the option, the value and what was expected.

Those that say *live* can change while the proxy runs, by \`proxy.reconfigure(...)\` or a reload of the program's configuration; some hold for new clients or
connections only. The program takes all of them too: see [program](program.md).

<!-- Written by \`npm run generate:options\` from lib/options.ts and lib/cli/program-options.ts. -->
`

const OF_THE_PROGRAM = `## Of the program

What only the program takes, and options that it knows by the official proxy's names too. A switch is \`yes\` or \`no\` in a file; what has a list may stand several times.`

function shown(value: unknown): string {
  return value === undefined
    ? ''
    : `\`${typeof value === 'string' ? `'${value}'` : String(value)}\``
}

function programRow(option: ProgramOption): string {
  const { name, short, aliases = [], library, default: value, otherwise = '', help } = option
  const spellings = [name, ...(short === undefined ? [] : [`-${short}`]), ...aliases]
  const isShown = value !== '' && (!Array.isArray(value) || value.length > 0)
  const inFile = typeof value === 'boolean' ? `\`${value ? 'yes' : 'no'}\`` : shown(value)
  const known = library === undefined ? '' : `\`${library}\``
  const names = spellings.map((each) => `\`${each}\``).join(', ')
  return `| ${names} | ${isShown && value !== undefined ? inFile : otherwise} | ${known} | ${help.replaceAll('|', '\\|')}${option.runtime === true ? ' *live*' : ''} |`
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

${OF_THE_PROGRAM}

| option | default | in the library | what it does |
| --- | --- | --- | --- |
${listedOptions.map(programRow).join('\n')}
`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(FILE, optionsDocument())
