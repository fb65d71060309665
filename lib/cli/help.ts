import { listedOptions, type ProgramOption } from './program-options.ts'

const INDENT = 24

const HEAD = `Usage: redis-cluster-proxy [options] [host:port|socket-path ...]
Serves Redis clients from the Redis Cluster that these nodes belong to (blanks
or commas between); without any, from a small one in this process. [defaults]`

const FOOT = `Any option of docs/options.md too: --read-from replica. Command line over
environment (REDIS_CLUSTER_PROXY_PORT) over file (port 7777, YAML port: 7777).
  --check-config, --print-config, -v, --version, -h in short, --help in full
Signals: TERM, INT end it when all is answered (a second INT at once), HUP reads
the configuration again, USR1 opens the log again, USR2 replaces the threads.`

/** Columns of the narrowest terminal. */
const WIDTH = 80

function shownDefault({ default: value, argument, otherwise }: ProgramOption): string {
  if (otherwise !== undefined) return ` [${otherwise}]`
  if (argument === undefined || value === '' || value === undefined) return ''
  if (Array.isArray(value)) return ''
  if (typeof value === 'boolean') return ` [${value ? 'yes' : 'no'}]`
  return ` [${String(value)}]`
}

function flagOf({ name, short, argument }: ProgramOption): string {
  const flag = `${short === undefined ? '' : `-${short}, `}--${name}`
  return `${flag}${argument === undefined ? '' : ` <${argument}>`}`
}

function line(option: ProgramOption): string {
  const left = `  ${flagOf(option)}`
  return `${left.padEnd(INDENT)} ${option.help}${shownDefault(option)}`.trimEnd()
}

/** As many on each line as there is room for. */
function packed(words: readonly string[]): string[] {
  const lines: string[] = []
  for (const word of words) {
    const longer = `${lines.at(-1) ?? ''}  ${word}`
    if (lines.length > 0 && longer.length <= WIDTH) lines[lines.length - 1] = longer
    else lines.push(`  ${word}`)
  }
  return lines
}

/** What `--help` prints: what each option is for, no wider than a terminal. */
export function helpText(): string {
  return `${[HEAD, ...listedOptions.map(line), FOOT].join('\n')}\n`
}

/** What `-h` prints: the options and their defaults, on one screen of 24 lines. */
export function shortHelpText(): string {
  const flags = listedOptions.map((option) => `${flagOf(option)}${shownDefault(option)}`)
  return `${[HEAD, ...packed(flags), FOOT].join('\n')}\n`
}
