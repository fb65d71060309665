import { parseArgs } from 'node:util'
import { ProxyError } from '../index.ts'

/** What the command line says. */
export interface Arguments {
  readonly host: string
  readonly port: number
  /** Entry points; empty for the embedded cluster. */
  readonly nodes: readonly string[]
  readonly help: boolean
}

/** What `--help` prints. */
export const USAGE = `Usage: redis-cluster-proxy [options] [host:port ...]

Serves Redis clients from the Redis Cluster that the given nodes belong to; the
path of a UNIX socket names a node too. Without nodes it starts a small cluster
within the process.

  -p, --port <port>      port to listen on, 0 for any free one (default 7777)
      --bind <address>   address to listen on (default 127.0.0.1)
  -h, --help             this text
`

/** Reads the command line; blanks or commas stand between nodes. */
export function readArguments(words: readonly string[]): Arguments {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(words)
  } catch (cause) {
    throw new ProxyError('INVALID_OPTION', `${(cause as Error).message} (see --help)`, { cause })
  }
  const { values, positionals } = parsed
  const port = Number(values.port)
  if (!/^\d{1,5}$/.test(values.port) || port > 65535) {
    throw new ProxyError(
      'INVALID_OPTION',
      `--port: got '${values.port}', expected a number from 0 to 65535`
    )
  }
  const nodes = positionals.flatMap((word) => word.split(',')).filter((word) => word !== '')
  return { host: values.bind, port, nodes, help: values.help }
}

function parse(words: readonly string[]): {
  values: { port: string; bind: string; help: boolean }
  positionals: string[]
} {
  return parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      port: { type: 'string', short: 'p', default: '7777' },
      bind: { type: 'string', default: '127.0.0.1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
}
