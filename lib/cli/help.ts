import { listedOptions, type ProgramOption } from './program-options.ts'

const INDENT = 24

const HEAD = `Usage: redis-cluster-proxy [options] [host:port|socket-path ...]
Serves Redis clients from the Redis Cluster that these nodes belong to (blanks
or commas between); without any, from a small one in this process. [defaults]`

const FOOT = `Any option of docs/options.md too: --read-from replica. The same names stand in
the file ("port 7777", YAML "port: 7777") and, in capitals, in the environment:
REDIS_CLUSTER_PROXY_PORT. Command line over environment over file.
  --check-config, --print-config, -v, --version, -h, --help
Signals: TERM, INT end it when all is answered (a second INT at once), HUP reads
the configuration again, USR1 opens the log again, USR2 replaces the threads.`

function shownDefault({ default: value, argument }: ProgramOption): string {
  if (argument === undefined || value === '' || value === undefined) return ''
  if (Array.isArray(value)) return ''
  if (typeof value === 'boolean') return ` [${value ? 'yes' : 'no'}]`
  return ` [${String(value)}]`
}

function line(option: ProgramOption): string {
  const { name, short, argument, help } = option
  const flag = `${short === undefined ? '' : `-${short}, `}--${name}`
  const left = `  ${flag}${argument === undefined ? '' : ` <${argument}>`}`
  return `${left.padEnd(INDENT)} ${help}${shownDefault(option)}`.trimEnd()
}

/** What `--help` prints: no wider than a terminal. */
export function helpText(): string {
  const text = [HEAD, ...listedOptions.map(line), FOOT].join('\n')
  return `${text}\n`
}
