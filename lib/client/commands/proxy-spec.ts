import { type CommandSpec, NO_KEYS } from '../../command/spec.ts'
import type { RequestView } from '../../resp/request-reader.ts'

const NAME = 'proxy'

/** PROXY, which no server has. */
const PROXY_SPEC: CommandSpec = {
  name: NAME,
  arity: -2,
  flags: new Set(['admin', 'noscript', 'loading', 'stale', 'no_multi']),
  categories: new Set(['@admin', '@dangerous']),
  firstKey: 0,
  lastKey: 0,
  step: 0,
  tips: [],
  requestPolicy: undefined,
  responsePolicy: undefined,
  keySpecs: [],
  subcommands: undefined,
  readonly: false,
  write: false,
  blocking: false,
  noscript: true,
  movableKeys: false,
  pubsub: false,
  admin: true,
  container: false,
  keyShape: NO_KEYS,
  finder: undefined,
  treatment: 'connection',
}

/** The command of the proxy's own that a request calls which is in no server's table; undefined for any other. */
export function ownSpec({ buffer, offsets }: RequestView): CommandSpec | undefined {
  const [start, end] = [offsets[0]!, offsets[1]!]
  if (end - start !== NAME.length) return undefined
  return buffer.toString('latin1', start, end).toLowerCase() === NAME ? PROXY_SPEC : undefined
}
