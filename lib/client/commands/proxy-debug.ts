/**
 * `PROXY DEBUG`: ends the proxy on purpose, to see what becomes of its clients. Refused unless the program allows it.
 *
 * @module
 */

import { ErrorReply, OK, type ReplyValue } from '../../resp/encode.ts'
import { word } from './argument.ts'
import type { LocalCall, LocalHandler } from './local.ts'
import { DEBUG_HELP } from './proxy-help.ts'
import { choose, helpLines, type ProxySubcommand } from './proxy-refusal.ts'

const NOT_ALLOWED = new ErrorReply(
  'ERR PROXY DEBUG command not allowed. It can be allowed by the option enable-debug-command, at the start of the proxy'
)
const BAD_THREAD = new ErrorReply('ERR Invalid thread id')
const BAD_SIGNAL = new ErrorReply('ERR Invalid signal')
/** The highest number of a signal. */
const LAST_SIGNAL = 31

const SIGNALS: Readonly<Record<string, NodeJS.Signals>> = {
  term: 'SIGTERM',
  int: 'SIGINT',
  kill: 'SIGKILL',
}

/** Ends the main process. The reply is on its way before the signal is. */
function ends(signal: NodeJS.Signals): LocalHandler {
  return ({ services }) => {
    const { kill } = services.admin.program
    if (kill === undefined) return NOT_ALLOWED
    setImmediate(() => setImmediate(() => kill(signal, undefined)))
    return OK
  }
}

/** `PROXY DEBUG KILL thread [signal]`. */
function killThread({ args, services }: LocalCall): ReplyValue {
  const { kill, threads } = services.admin.program
  if (kill === undefined) return NOT_ALLOWED
  const whom = word(args[3]!)
  const self = threads?.index ?? 0
  if (!/^(?:main|self|\d{1,3})$/.test(whom)) return BAD_THREAD
  const thread = whom === 'main' ? undefined : whom === 'self' ? self : Number(whom)
  const name = args[4] === undefined ? 'term' : word(args[4])
  const number = /^\d{1,2}$/.test(name) ? Number(name) : 0
  const signal = SIGNALS[name] ?? (number >= 1 && number <= LAST_SIGNAL ? number : undefined)
  if (signal === undefined) return BAD_SIGNAL
  if (thread !== undefined && thread >= (threads?.count ?? 1)) return BAD_THREAD
  setImmediate(() => setImmediate(() => kill(signal, thread)))
  return OK
}

/** Handler of `PROXY DEBUG`. */
export const proxyDebug: LocalHandler = choose(
  2,
  new Map<string, ProxySubcommand>([
    ['segfault', { least: 3, most: 3, run: ends('SIGSEGV') }],
    ['assert', { least: 3, most: 3, run: ends('SIGABRT') }],
    ['kill', { least: 4, most: 5, run: killThread }],
    ['help', { least: 3, most: 3, run: () => helpLines(DEBUG_HELP) }],
  ])
)
